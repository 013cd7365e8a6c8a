package timeline

import (
	"slices"
	"strings"

	"github.com/understudy-io/understudy/domain"
)

// Filter says which records of a landscape are asked for. What a user or a source
// asked for is followed to its end. A Filter belongs to one goroutine.
type Filter struct {
	Device string // or the member, in control
	User   string // believed only where a server vouches for it
	Source string
	UID    string
	Epoch  uint64
	Type   string // a whole type, or how it begins; shows also what is left out otherwise

	asked []command // what User or Source asked for: a ring of MaxCommands
	next  int
}

// noise is what a running landscape writes all the time.
var noise = []domain.Type{
	domain.TypeHeartbeat, domain.TypeTick, domain.TypeCheckpoint, domain.TypeView, domain.TypeHandled, domain.TypeElection, domain.TypeSigned,
}

// Matches says whether a record is asked for. about is the UID of the command that
// it is or is about.
func (f *Filter) Matches(r *domain.Record, about string) bool {
	switch {
	case f.Type != "" && !strings.HasPrefix(string(r.Type), f.Type),
		f.Type == "" && slices.Contains(noise, r.Type),
		f.Device != "" && r.Subject != f.Device,
		f.UID != "" && about != f.UID && r.UID != f.UID,
		f.Epoch != 0 && epochOf(r) != f.Epoch:
		return false
	}
	return f.byWhom(r, about)
}

func (f *Filter) byWhom(r *domain.Record, about string) bool {
	if f.User == "" && f.Source == "" {
		return true
	}
	key := command{r.Subject, about}
	wrote := (f.User == "" || r.Signed && (r.User == f.User || decidedBy(r.Payload) == f.User)) && (f.Source == "" || r.Source == f.Source)
	if !wrote {
		return about != "" && slices.Contains(f.asked, key)
	}
	if about != "" && !slices.Contains(f.asked, key) {
		key = command{strings.Clone(key.device), strings.Clone(key.uid)}
		if len(f.asked) < MaxCommands {
			f.asked = append(f.asked, key)
		} else {
			f.asked[f.next] = key
			f.next = (f.next + 1) % MaxCommands
		}
	}
	return true
}

// decidedBy is the user who had a server write a record of control: that has no user of
// its own, since the server writes it in its own name.
func decidedBy(p domain.Payload) string {
	switch p := p.(type) {
	case domain.Contest:
		return p.By
	case domain.Removed:
		return p.By
	case domain.Policy:
		return p.By
	case domain.Paused:
		return p.By
	case domain.Drained:
		return p.By
	case domain.Dissolved:
		return p.By
	case domain.Invited:
		return p.By
	}
	return ""
}

// epochOf is the epoch that a record is of or about.
func epochOf(r *domain.Record) uint64 {
	switch p := r.Payload.(type) {
	case domain.Claim:
		return p.Epoch
	case domain.Release:
		return p.Epoch
	case domain.Contest:
		return p.Epoch
	case domain.Heartbeat:
		return p.Epoch
	case domain.Checkpoint:
		return p.Epoch
	case domain.Floor:
		return p.Epoch
	}
	return r.Epoch
}
