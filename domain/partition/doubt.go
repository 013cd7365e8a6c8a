package partition

import (
	"slices"
	"strings"

	"github.com/understudy-io/understudy/domain"
)

// Doubt is an action that may or may not have been done. It stays until an
// operator resolves it.
type Doubt struct {
	UID     string
	Command domain.Position
	Payload domain.Payload
	Since   domain.Instant  // log time of its outcome
	At      domain.Position // where its outcome stands
	Epoch   uint64          // in which it was started
	Detail  string
}

type doubt struct {
	Doubt
	of *Device
	item
}

func (s *State) doubt(r *domain.Record, ch *Change, d *Device, p *Pending, v *domain.Ended) {
	x := &doubt{of: d, Doubt: Doubt{
		UID: p.UID, Command: p.Command, Payload: clone(p.Payload), Since: s.logTime, At: r.Position,
		Epoch: r.Epoch, Detail: strings.Clone(clip(v.Detail)),
	}}
	if p.Started {
		x.Epoch = p.StartedEpoch
	}
	if len(d.doubts) >= s.limits.Doubts {
		s.uncount(&d.doubts[0].item)
		d.doubts = slices.Delete(d.doubts, 0, 1)
		s.counters.Unkept++
	}
	d.doubts = append(d.doubts, x)
	s.recount(x)
	ch.DoubtsChanged = true
}

// clone copies the payload of a command, which shares memory with other records.
func clone(p domain.Payload) domain.Payload {
	switch c := p.(type) {
	case domain.Take:
		c.Level = strings.Clone(c.Level)
		return c
	case domain.Salvo:
		c.Takes = slices.Clone(c.Takes)
		for i := range c.Takes {
			c.Takes[i].Level = strings.Clone(c.Takes[i].Level)
		}
		return c
	case domain.SetLabel:
		c.Port, c.Text = domain.PortKind(strings.Clone(string(c.Port))), strings.Clone(c.Text)
		return c
	case domain.SetLock:
		c.Level, c.State = strings.Clone(c.Level), domain.LockState(strings.Clone(string(c.State)))
		return c
	case domain.Invoke:
		c.Verb = strings.Clone(c.Verb)
		given := c.Args
		if given != nil { // none stays none
			c.Args = make(map[string]string, len(given))
		}
		for name, value := range given {
			c.Args[strings.Clone(name)] = strings.Clone(value)
		}
		return c
	}
	return p
}

// resolve ends a doubt by an operator's word. The resolution has a UID of its
// own and is its own outcome: a repeat is answered with it.
func (s *State) resolve(r *domain.Record, ch *Change, d *Device, v domain.Resolve, digest domain.Digest) {
	created := s.created(r)
	if d == nil {
		s.refuse(r, ch, created, digest, domain.ReasonUnknownDevice, "no such device is configured in this landscape")
		return
	}
	if v.As != domain.ResolvedDone && v.As != domain.ResolvedNotDone && v.As != domain.ResolvedAgain || len(v.Reason) > domain.MaxText {
		s.refuse(r, ch, created, digest, domain.ReasonBadArguments, "resolve as done, not-done or again, with a reason of at most 1024 bytes")
		return
	}
	i := slices.IndexFunc(d.doubts, func(x *doubt) bool { return x.UID == v.UID })
	if i < 0 {
		s.refuse(r, ch, created, digest, domain.ReasonNotInDoubt, "nothing is in doubt under that UID; it may have been resolved before")
		return
	}
	x := d.doubts[i]
	if v.As == domain.ResolvedAgain && !s.sendAgain(r, ch, d, x) {
		s.refuse(r, ch, created, digest, domain.ReasonOverloaded, "the primary owes too much already; resolve it again later with a new UID")
		return
	}
	s.uncount(&x.item)
	d.doubts = slices.Delete(d.doubts, i, i+1)
	if e, ok := s.index.find(d.ID(), v.UID); ok && e.command == x.Command.Offset {
		e.resolved = &Resolved{
			As: domain.Resolution(strings.Clone(string(v.As))), By: strings.Clone(r.User), Reason: strings.Clone(clip(v.Reason)), At: r.Position,
		}
		s.change(&e)
	}
	s.remember(r.UID, entry{
		device: d.ID(), command: r.Position.Offset, indexed: created, digest: digest,
		ending: ending{done: true, outcome: domain.Confirmed}, outcomeAt: r.Position.Offset,
	})
	ch.Verdict, ch.Command, ch.Counted, ch.DoubtsChanged = Applied, r.Position, r.Payload, true
	s.dropIfEmpty(d)
}

// sendAgain owes the action once more, under a UID that follows from the old one.
func (s *State) sendAgain(r *domain.Record, ch *Change, d *Device, x *doubt) bool {
	uid := domain.DerivedUID(x.UID, "again")
	if _, owed := s.chores.again[key{d.ID(), uid}]; owed {
		return true
	}
	ch.ChoresChanged = s.owe(Chore{
		Kind: Again, Position: r.Position, Device: d.ID(), UID: uid, Payload: x.Payload, By: r.User, Cause: x.UID,
	})
	return ch.ChoresChanged
}
