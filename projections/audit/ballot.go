package audit

import (
	"cmp"
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
)

// ballot is the election by the plain rules of docs/election.md: who may claim, who
// holds, and what ended a term. It shares no code with the fold of control.
type ballot struct {
	epoch     uint64
	held      bool
	holder    process
	heard     int64
	heardAt   domain.Instant
	heardN    uint64
	ttl       time.Duration
	contested bool
	successor string // whom a release or a contest has named
	paused    bool
	dissolved bool
	limit     int // of members; 0 for none
	seats     map[string]*seat
	over      map[process]bool
}

// process is one start of a server.
type process struct{ name, incarnation string }

// seat is a member.
type seat struct {
	incarnation string
	gone        bool // left or removed, until it joins anew
	dead        bool
	quarantined bool
	drained     bool
	banned      bool // removed for good
	precedence  int
}

func newBallot() *ballot {
	return &ballot{heard: -1, seats: make(map[string]*seat), over: make(map[process]bool)}
}

// ballotFrom goes on from a view.
func ballotFrom(s *election.State) *ballot {
	b := newBallot()
	b.epoch, b.heard, b.heardN, b.ttl, b.contested = s.Epoch(), s.Heard(), s.HeardN(), s.TTL(), s.Contested()
	b.holder.name, b.holder.incarnation = s.LastHolder()
	_, _, b.held = s.Holder()
	b.successor, b.paused = s.Successor(), s.Paused().On
	_, b.dissolved = s.Dissolved()
	policy, _ := s.Policy()
	b.limit = policy.MaxMembers
	sit := func(m election.Member, gone bool) {
		b.seats[m.Name] = &seat{
			incarnation: m.Incarnation, gone: gone, dead: m.Died, quarantined: m.Quarantined,
			drained: m.Drained, banned: !b.dissolved && s.Banned(m.Name) != "", precedence: m.Precedence,
		}
	}
	for _, m := range s.Former() {
		sit(m, true)
	}
	for _, m := range s.Members() {
		sit(m, m.Removed)
		if m.Name == b.holder.name && m.LastSeen == b.heard {
			b.heardAt = m.LastAppended
		}
	}
	return b
}

// call is what the ballot says of one record.
type call struct {
	valid bool          // a claim that counts
	early time.Duration // by how much it came before the end of the lease, by the broker's clock
	ended string        // why the term of the holder is over
}

// mostMembers bounds the servers of a landscape.
const mostMembers = 64

// longestTTL is the longest that a record may carry.
const longestTTL = time.Minute

func (b *ballot) take(r *domain.Record) (c call) {
	if r.Defect != domain.DefectNone || !r.Signed {
		return c
	}
	switch v := r.Payload.(type) {
	case domain.Joined:
		if vouched(r.Subject, &v) {
			b.joined(process{r.Subject, v.Incarnation}, v.Precedence)
		}
	case domain.Heartbeat:
		if b.held && !b.contested && b.holder == (process{r.Subject, v.Incarnation}) && v.Epoch == b.epoch && v.N > b.heardN && v.TTL > 0 && v.TTL <= longestTTL {
			b.heard, b.heardAt, b.heardN, b.ttl = r.Position.Offset, r.Appended, v.N, v.TTL
		}
	case domain.Claim:
		return b.claim(r, &v)
	case domain.Release:
		if b.holds(process{r.Subject, v.Incarnation}) && v.Epoch == b.epoch {
			c.ended, b.held, b.contested = r.Subject+" gave it up", false, false
			b.successor = cmp.Or(v.To, b.successor)
		}
	case domain.Died:
		c.ended = b.leaves(process{r.Subject, v.Incarnation}, "the process of "+r.Subject+" ended ("+v.Exit+")", func(s *seat) { s.dead = true })
	case domain.Left:
		c.ended = b.leaves(process{r.Subject, v.Incarnation}, r.Subject+" left", func(s *seat) { s.gone = true })
	case domain.Contest:
		c.ended = b.contest(&v)
	case domain.Removed:
		c.ended = b.removed(r.Subject, v.Out)
	case domain.Quarantined:
		if s := b.sits(process{r.Subject, v.Incarnation}); s != nil {
			s.quarantined = true
		}
	case domain.Cleared:
		if s := b.sits(process{r.Subject, v.Incarnation}); s != nil {
			s.quarantined = false
		}
	case domain.Floor:
		if !b.held && v.Epoch > b.epoch && v.Epoch <= 1<<62 {
			b.epoch = v.Epoch
		}
	default:
		c.ended = b.decide(r)
	}
	return c
}

// decide takes what operators say of the cluster.
func (b *ballot) decide(r *domain.Record) (ended string) {
	switch v := r.Payload.(type) {
	case domain.Policy:
		if soundPolicy(&v) {
			b.limit = v.MaxMembers
		}
	case domain.Paused:
		b.paused = v.On
	case domain.Drained:
		if s := b.seats[r.Subject]; s != nil && !s.banned {
			s.drained = v.On
		}
	case domain.Dissolved:
		if b.dissolved = true; b.held && !b.contested {
			b.contested = true
			return "the landscape was dissolved by " + v.By
		}
	}
	return ""
}

// soundPolicy says whether a policy is one: else it changes nothing.
func soundPolicy(p *domain.Policy) bool {
	orders := []domain.PolicyOrder{domain.OrderLongestRunning, domain.OrderPrecedence, domain.OrderDesignated}
	returns := []domain.FailBack{domain.FailBackNever, domain.FailBackAuto, domain.FailBackManual}
	names := slices.Sorted(slices.Values(p.Members))
	return slices.Contains(orders, p.Order) && slices.Contains(returns, p.FailBack) &&
		p.HoldDown >= 0 && p.HoldDown <= 24*time.Hour && p.MaxMembers >= 0 && p.MaxMembers <= mostMembers &&
		(p.Order == domain.OrderDesignated) == (len(names) > 0) && len(names) <= mostMembers &&
		len(slices.Compact(slices.Clone(names))) == len(names) && !slices.Contains(names, "")
}

// contest ends the term of the holder. One that names a server lets that one follow,
// also where nobody holds the epoch while failover is paused.
func (b *ballot) contest(v *domain.Contest) (ended string) {
	if v.Epoch != b.epoch || !b.held && !b.paused {
		return ""
	}
	b.successor = cmp.Or(v.To, b.successor)
	if !b.held || b.contested {
		return ""
	}
	b.contested = true
	return "contested by " + v.By + ": " + v.Reason
}

// barred says that operators, or the server itself, keep it from claiming.
func (b *ballot) barred(name string, s *seat) bool {
	if b.dissolved || s.quarantined {
		return true
	}
	return name != b.successor && (s.drained || b.paused && b.holder.name != "" && b.holder.name != name)
}

func (b *ballot) holds(p process) bool { return b.held && b.holder == p }

// sits finds the seat of a process that takes part.
func (b *ballot) sits(p process) *seat {
	if s := b.seats[p.name]; s != nil && s.incarnation == p.incarnation && !s.gone && !s.dead {
		return s
	}
	return nil
}

func (b *ballot) joined(p process, precedence int) {
	if p.incarnation == "" || b.over[p] || b.sits(p) != nil || !b.welcome(p.name, precedence) {
		return
	}
	s := b.seats[p.name]
	if s == nil {
		s = &seat{}
		b.seats[p.name] = s
	} else {
		b.over[process{p.name, s.incarnation}] = true
	}
	s.incarnation, s.gone, s.dead, s.precedence = p.incarnation, false, false, precedence
}

// welcome says that a server may join: the landscape is not dissolved, it was not
// removed for good, no other has its precedence, and there is room for it.
func (b *ballot) welcome(name string, precedence int) bool {
	if s := b.seats[name]; b.dissolved || s != nil && s.banned {
		return false
	}
	others := 0
	for other, s := range b.seats {
		if other == name || s.gone {
			continue
		}
		if precedence != 0 && s.precedence == precedence {
			return false
		}
		others++
	}
	return b.limit == 0 || others < b.limit
}

func (b *ballot) leaves(p process, why string, rise func(*seat)) string {
	if s := b.sits(p); s != nil {
		rise(s)
	} else if !b.holds(p) && b.over[p] {
		return ""
	}
	b.over[p] = true
	if !b.holds(p) {
		return ""
	}
	b.held, b.contested = false, false
	return why
}

func (b *ballot) removed(name string, out bool) string {
	s := b.seats[name]
	if s == nil {
		return ""
	}
	s.banned = s.banned || out
	if s.gone {
		return ""
	}
	b.over[process{name, s.incarnation}] = true
	s.gone = true
	if !b.held || b.holder.name != name || b.contested {
		return ""
	}
	b.contested = true
	return name + " was removed"
}

// claim is valid for the next epoch, of a member that nothing bars, if nobody holds the present
// one or the claimant has seen the holder's last record that counts.
func (b *ballot) claim(r *domain.Record, v *domain.Claim) (c call) {
	p := process{r.Subject, v.Incarnation}
	s := b.sits(p)
	if s == nil || b.barred(p.name, s) || v.Epoch != b.epoch+1 || v.TTL <= 0 || v.TTL > longestTTL || v.Seen >= r.Position.Offset || b.held && v.Seen < b.heard {
		return c
	}
	if waited := r.Appended.Sub(b.heardAt); b.held && b.heardAt > 0 {
		c.early = max(0, time.Duration(float64(b.ttl)*(1-margin))-waited)
	}
	c.valid = true
	b.epoch, b.holder, b.held, b.contested, b.successor = v.Epoch, p, true, false, ""
	b.heard, b.heardAt, b.heardN, b.ttl = r.Position.Offset, r.Appended, v.N, v.TTL
	return c
}

// vouched reports whether a join that names an identity is signed by it, for this member
// and incarnation.
func vouched(name string, j *domain.Joined) bool {
	if j.Identity == "" && j.Proof == "" {
		return true
	}
	key, err := hex.DecodeString(j.Identity)
	proof, wrong := hex.DecodeString(j.Proof)
	return err == nil && wrong == nil && len(key) == ed25519.PublicKeySize && ed25519.Verify(key, fmt.Appendf(nil, "understudy member v1\n%s\n%s", name, j.Incarnation), proof)
}
