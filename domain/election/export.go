package election

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// viewVersion is the version of the bytes that Export writes.
const viewVersion = 1

// view is a whole State as plain values, in one order for equal states.
type view struct {
	Version   int           `json:"version"`
	Next      int64         `json:"next"`
	Epoch     uint64        `json:"epoch"`
	Held      bool          `json:"held"`
	Holder    identity      `json:"holder"`
	Heard     int64         `json:"heard"`
	HeardN    uint64        `json:"heard_n"`
	TTL       time.Duration `json:"ttl"`
	Contested bool          `json:"contested"`
	Successor string        `json:"successor"`
	Cause     string        `json:"cause"`
	Members   []entry       `json:"members"`
	Retired   []identity    `json:"retired"`

	// What an operator has decided; left out where nobody has.
	Policy    *domain.Policy    `json:"policy,omitempty"`
	Paused    *domain.Paused    `json:"paused,omitempty"`
	Dissolved *domain.Dissolved `json:"dissolved,omitempty"`
	Moved     int64             `json:"moved,omitempty"`

	Invitations []Invitation `json:"invitations,omitempty"`
	Outreached  outreached   `json:"outreached,omitzero"`
}

// Export writes the whole state, for a view record: equal states give equal
// bytes.
func (s *State) Export() []byte {
	v := view{
		Version: viewVersion, Next: s.next, Epoch: s.epoch, Held: s.held, Holder: s.holder,
		Heard: s.heard, HeardN: s.heardN, TTL: s.ttl, Contested: s.contested,
		Successor: s.successor, Cause: s.cause, Members: []entry{}, Retired: slices.Clone(s.retired),
	}
	v.decided(s)
	for _, e := range s.members {
		v.Members = append(v.Members, *e)
	}
	slices.SortFunc(v.Members, func(a, b entry) int { return cmp.Compare(a.Name, b.Name) })
	if v.Retired == nil {
		v.Retired = []identity{}
	}
	out, err := json.Marshal(v)
	if err != nil {
		panic("election: a state of plain values cannot be written: " + err.Error())
	}
	return out
}

func (v *view) decided(s *State) {
	v.Moved, v.Invitations, v.Outreached = s.moved, slices.Clone(s.invitations), s.outreached
	if s.policy.Order != "" {
		v.Policy = &s.policy
	}
	if s.paused.On {
		v.Paused = &s.paused
	}
	if s.dissolved.By != "" {
		v.Dissolved = &s.dissolved
	}
}

func (s *State) decide(v *view) {
	s.moved, s.invitations, s.outreached = v.Moved, v.Invitations, v.Outreached
	if v.Policy != nil {
		s.policy = *v.Policy
		s.policy.Members = append([]string{}, v.Policy.Members...)
	}
	if v.Paused != nil {
		s.paused = *v.Paused
	}
	if v.Dissolved != nil {
		s.dissolved = *v.Dissolved
	}
}

// Hash is the state hash: equal for equal states.
func (s *State) Hash() (h domain.Hash) {
	h.Add(s.Export())
	return h
}

// Restore reads what Export wrote. An error wraps domain.ErrCorrupt: take an
// older view, or fold from the beginning.
func Restore(b []byte) (*State, error) {
	var v view
	if err := json.Unmarshal(b, &v); err != nil {
		return nil, fmt.Errorf("read a view of control: %w: %w; take an older view", err, domain.ErrCorrupt)
	}
	if v.Version != viewVersion {
		return nil, fmt.Errorf("view of control has version %d, this build reads %d; take another view or build: %w", v.Version, viewVersion, domain.ErrCorrupt)
	}
	if why := v.fault(); why != "" {
		return nil, fmt.Errorf("view of control: %s; take an older view: %w", why, domain.ErrCorrupt)
	}
	s := &State{
		next: v.Next, epoch: v.Epoch, held: v.Held, holder: v.Holder, heard: v.Heard, heardN: v.HeardN,
		ttl: v.TTL, contested: v.Contested, successor: v.Successor, cause: v.Cause,
		members: make(map[string]*entry, len(v.Members)), retired: v.Retired,
	}
	s.decide(&v)
	for i := range v.Members {
		s.members[v.Members[i].Name] = &v.Members[i]
	}
	return s, nil
}

// fault says what cannot be true of a folded state.
func (v *view) fault() string {
	switch {
	case v.Next < 0 || v.Heard < noOffset || v.Heard >= v.Next && v.Next > 0:
		return fmt.Sprintf("heard %d does not go with next %d", v.Heard, v.Next)
	case v.TTL < 0 || v.TTL > LimitTTL || v.Held && v.TTL == 0:
		return fmt.Sprintf("TTL %s is not within %s", v.TTL, LimitTTL)
	case v.Held && (v.Holder.Name == "" || v.Holder.Incarnation == "" || v.Epoch == 0 || v.Heard == noOffset):
		return "epoch is held by nobody"
	case v.Policy != nil && FaultOf(*v.Policy) != "":
		return FaultOf(*v.Policy)
	case v.Paused != nil && !v.Paused.On || v.Dissolved != nil && v.Dissolved.By == "":
		return "something is decided that is not"
	case v.Outreached.Times < 0 || v.Outreached.Times > maxOutreached:
		return fmt.Sprintf("%d contests because of devices are not within %d", v.Outreached.Times, maxOutreached)
	case len(v.Members) > MaxMembers || len(v.Retired) > MaxRetired:
		return "more members than there may be"
	}
	names := make(map[string]bool, len(v.Members))
	for _, m := range v.Members {
		if names[m.Name] || m.Name == "" || m.Incarnation == "" || m.Joined < 0 || m.Joined >= v.Next || m.LastSeen >= v.Next {
			return fmt.Sprintf("member %q is there twice or makes no sense", m.Name)
		}
		names[m.Name] = true
	}
	return faultOfTokens(v.Invitations)
}

// FromView is the state that a view record holds, as of the position that it
// names. It is of use only where all that follows on that one is retained: start
// is the first offset that is.
func FromView(r domain.Record, start int64) (*State, bool) {
	v, ok := r.Payload.(domain.View)
	if !ok || r.Defect != domain.DefectNone || v.At+1 < start {
		return nil, false
	}
	state, err := Restore(v.State)
	if err != nil || state.Next() != v.At+1 {
		return nil, false
	}
	return state, true
}
