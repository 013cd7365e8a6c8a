// Package sendings tells what was sent to a device, and when, from the log alone:
//
//	s := sendings.New("videohub-1", from, to)
//	traveller.Advance(ctx, states, cut, func(int32) history.Watch { return s.Watch })
//	for _, x := range s.List() { … }
//
// The log has no bytes, but which commands were handed to the device's socket, and how
// long before their outcome. A time is right up to the append of that outcome.
package sendings

import (
	"slices"
	"strings"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

// Max bounds the sendings of one stretch.
const Max = 1_000_000

// Sending is a command that was handed to the device.
type Sending struct {
	UID     string
	At      domain.Instant
	Command domain.Position
	Effect  domain.Effect
	Payload domain.Payload
	Wishes  []domain.Value
}

// Sendings are those of one device in a stretch of time.
type Sendings struct {
	Unknown int  // one-shots that were started, and of which nobody knows whether they were sent
	TooMany bool // there were more than Max

	device   string
	from, to domain.Instant
	list     []Sending
}

// New is for what was sent at from or later, and before to.
func New(device string, from, to domain.Instant) *Sendings {
	return &Sendings{device: device, from: from, to: to}
}

// Watch takes the outcomes of the device's commands. It is called by one goroutine.
func (s *Sendings) Watch(_ *partition.State, r *domain.Record, ch *partition.Change) {
	o, ok := r.Payload.(domain.Ended)
	if !ok || ch.Verdict != partition.Applied || r.Subject != s.device || ch.Pending == nil {
		return
	}
	at := sentAt(r.Appended, o.Steps)
	if at < s.from || at >= s.to {
		return
	}
	p := ch.Pending
	switch {
	case o.Steps.Sent == 0 && p.Started && o.Outcome == domain.InDoubt:
		s.Unknown++
		return
	case o.Steps.Sent == 0:
		return
	case len(s.list) == Max:
		s.TooMany = true
		return
	}
	s.list = append(s.list, Sending{
		UID: strings.Clone(p.UID), At: at, Command: p.Command, Effect: p.Effect, Payload: p.Payload, Wishes: sent(p.Wishes, o.Items),
	})
}

// sentAt counts back from the append of the outcome, which follows the last step at once.
// Forward from the command would be wrong where another primary has done it.
func sentAt(ended domain.Instant, s domain.Steps) domain.Instant {
	return ended.Add(s.Sent - max(s.Sent, s.Answered, s.Confirmed))
}

// sent are the wishes that were not superseded before.
func sent(wishes []domain.Value, items []domain.Item) []domain.Value {
	out := slices.Clone(wishes)
	return slices.DeleteFunc(out, func(w domain.Value) bool {
		return slices.ContainsFunc(items, func(i domain.Item) bool { return i.Target == w.Target && i.Outcome == domain.Superseded })
	})
}

// List gives the sendings in their order.
func (s *Sendings) List() []Sending {
	slices.SortStableFunc(s.list, func(a, b Sending) int { return a.At.Time().Compare(b.At.Time()) })
	return s.list
}
