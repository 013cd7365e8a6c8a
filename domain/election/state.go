package election

import (
	"cmp"
	"slices"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// identity is one process: a member's name and its incarnation.
type identity struct {
	Name        string `json:"name"`
	Incarnation string `json:"incarnation"`
}

// Member is a server of the landscape as the control topic shows it.
type Member struct {
	Name          string           `json:"name"`
	Incarnation   string           `json:"incarnation"` // the one that joined last
	Joined        int64            `json:"joined"`      // offset of its join: its seniority, lowest first
	Precedence    int              `json:"precedence"`
	Address       string           `json:"address"`
	Build         string           `json:"build"`
	Ready         bool             `json:"ready"`
	Removed       bool             `json:"removed"` // gone until a new incarnation joins
	Died          bool             `json:"died"`    // its guard saw it end
	Quarantined   bool             `json:"quarantined"`
	LastHeartbeat domain.Heartbeat `json:"last_heartbeat"`
	LastSeen      int64            `json:"last_seen"`     // offset of LastHeartbeat; -1 for none
	LastAppended  domain.Instant   `json:"last_appended"` // its time
	Drained       bool             `json:"drained,omitempty"`
	DrainedBy     string           `json:"drained_by,omitempty"` // who, and why
	Falls         int              `json:"falls,omitempty"`      // epochs that it lost unasked, each soon after the one before
	FellAt        domain.Instant   `json:"fell_at,omitempty"`
	Identity      string           `json:"identity,omitempty"` // public key of its data folder, in hex

	// Acknowledged is what this incarnation has said last of the active revision.
	Acknowledged domain.RevisionAcknowledged `json:"acknowledged,omitzero"`
	// Applied is the last revision that it has gone over to, by its own words.
	Applied uint64 `json:"applied,omitempty"`
}

// entry is a member with what only the fold needs.
type entry struct {
	Member
	Left          bool   `json:"left"`
	QuarantinedAs string `json:"quarantined_as"`      // the incarnation that was
	Removal       string `json:"removal"`             // UID of the last removal, to know it again
	Tombstone     string `json:"tombstone,omitempty"` // who removed it for good, and why
}

// present reports whether the member takes part.
func (e *entry) present() bool { return !e.Left && !e.Removed && !e.Died }

// State is the fold of the control topic: members, epoch, holder. The zero State
// is not usable; take NewState or Restore. It is not safe for concurrent use.
type State struct {
	next        int64
	epoch       uint64
	held        bool
	holder      identity // of epoch; it stays after the epoch was given up
	heard       int64    // the holder's last record that counts
	heardN      uint64
	ttl         time.Duration
	contested   bool
	successor   string // named by a release or a contest
	cause       string // what the next claim is for
	members     map[string]*entry
	retired     []identity // incarnations that are over, oldest first
	policy      domain.Policy
	paused      domain.Paused
	dissolved   domain.Dissolved
	invitations []Invitation // by ID
	moved       int64        // the claim of the epoch, if an operator had moved primacy
	outreached  outreached
	broken      breaks
}

// NewState is the state before the first record.
func NewState() *State {
	return &State{heard: noOffset, cause: CauseStart, members: make(map[string]*entry)}
}

// The causes that a claim carries.
const (
	CauseStart      = "start"
	CauseFailover   = "failover"
	CauseSwitchover = "switchover"
	CauseFailBack   = "fail-back"
	CauseForced     = "forced"
)

// Next is the offset of the next control record.
func (s *State) Next() int64 { return s.next }

// Epoch is the highest epoch that was claimed; 0 for none.
func (s *State) Epoch() uint64 { return s.epoch }

// Holder is the incarnation that holds the epoch, if one does.
func (s *State) Holder() (member, incarnation string, ok bool) {
	if !s.held {
		return "", "", false
	}
	return s.holder.Name, s.holder.Incarnation, true
}

// LastHolder is who holds the epoch, or has held the latest one; empty for nobody.
func (s *State) LastHolder() (member, incarnation string) { return s.holder.Name, s.holder.Incarnation }

// Contested reports whether the holder's heartbeats have ceased to count.
func (s *State) Contested() bool { return s.held && s.contested }

// Heard is the offset of the last record of the latest holder that counts; -1
// for none.
func (s *State) Heard() int64 { return s.heard }

// HeardN is the number of this record.
func (s *State) HeardN() uint64 { return s.heardN }

// TTL is the one that this record carries.
func (s *State) TTL() time.Duration { return s.ttl }

// Policy is the one on record, if one is.
func (s *State) Policy() (domain.Policy, bool) { return s.policy, s.policy.Order != "" }

// Paused says whether automatic failover is, and by whom.
func (s *State) Paused() domain.Paused { return s.paused }

// Dissolved says whether the landscape is, and by whom.
func (s *State) Dissolved() (domain.Dissolved, bool) { return s.dissolved, s.dissolved.By != "" }

// Successor is the member that a release or a contest has named.
func (s *State) Successor() string { return s.successor }

// Member finds a member that has not left.
func (s *State) Member(name string) (Member, bool) {
	if e, ok := s.members[name]; ok && !e.Left {
		return e.Member, true
	}
	return Member{}, false
}

// Known says whether there is, or was, a member of a name, and whether it is away:
// one that has left is no member, and may come back.
func (s *State) Known(name string) (away, known bool) {
	e, ok := s.members[name]
	return ok && !e.present(), ok
}

// Members are all that have not left, by seniority; tombstones are among them.
func (s *State) Members() []Member { return s.list(false) }

// Former are those that have left, by seniority. What was decided about one holds when
// it comes back.
func (s *State) Former() []Member { return s.list(true) }

func (s *State) list(left bool) []Member {
	out := make([]Member, 0, len(s.members))
	for _, e := range s.members {
		if e.Left == left {
			out = append(out, e.Member)
		}
	}
	slices.SortFunc(out, bySeniority)
	return out
}

func bySeniority(a, b Member) int {
	return cmp.Or(cmp.Compare(a.Joined, b.Joined), cmp.Compare(a.Name, b.Name))
}

// isHolder reports whether this very process holds the epoch.
func (s *State) isHolder(id identity) bool { return s.held && s.holder == id }

// current is the member whose latest incarnation this is, if it takes part.
func (s *State) current(id identity) *entry {
	if e, ok := s.members[id.Name]; ok && e.Incarnation == id.Incarnation && e.present() {
		return e
	}
	return nil
}

// vacate ends the holder's term without another one.
func (s *State) vacate(cause string) {
	if !s.contested {
		s.cause = cause
	}
	s.held, s.contested = false, false
}

// retire remembers that an incarnation is over, so that a late or doubled join
// does not bring it back.
func (s *State) retire(id identity) {
	if s.isRetired(id) {
		return
	}
	if len(s.retired) >= MaxRetired {
		s.retired = slices.Delete(s.retired, 0, 1)
	}
	s.retired = append(s.retired, id)
}

func (s *State) isRetired(id identity) bool { return slices.Contains(s.retired, id) }
