package drill

import (
	"cmp"
	"slices"

	"github.com/understudy-io/understudy/domain"
)

// findTurns finds which turn of its target each received route was; they are in the
// order of their arrival. The sources of a target go round, so a source number alone
// stands for many turns. It is the next one that had been sent by then and that may
// have reached the router, as its outcome tells. Where there is no next one, something
// older has come again: the newest of those that it can be.
func findTurns(h History) {
	targets := make(map[domain.Target]*turns)
	for _, s := range h.Sent {
		if s.Target == "" {
			continue
		}
		t := targets[s.Target]
		if t == nil {
			t = &turns{}
			targets[s.Target] = t
		}
		t.sent = append(t.sent, s)
	}
	for _, t := range targets {
		slices.SortFunc(t.sent, func(a, b Sent) int { return cmp.Compare(a.Turn, b.Turn) })
	}
	for i := range h.Received {
		r := &h.Received[i]
		if t := targets[r.Target]; t != nil && r.Source > 0 {
			r.Turn = t.find(r, h.Outcomes)
		}
	}
}

// turns are those of one target, sent in the order of their numbers.
type turns struct {
	sent []Sent
	last int // the newest one that was received
}

// find gives the turn of a route; 0 for one that was not sent. One that ended unsent by
// its outcome may have left all the same, from a primary that could not say so any more:
// it is that one rather than one that came before.
func (t *turns) find(r *Received, outcomes map[string]domain.Outcome) int {
	older, silent := 0, 0
	begin, _ := slices.BinarySearchFunc(t.sent, t.last-sources, func(s Sent, turn int) int { return cmp.Compare(s.Turn, turn) })
	for _, s := range t.sent[begin:] {
		if s.At > r.At {
			break
		}
		unsent := seemsUnsent(outcomes[s.UID])
		switch {
		case sourceOf(s.Turn) != r.Source:
		case s.Turn > t.last && !unsent:
			t.last = s.Turn
			return s.Turn
		case s.Turn > t.last && silent == 0 && outcomes[s.UID] != domain.Refused:
			silent = s.Turn
		case s.Turn <= t.last && !unsent:
			older = s.Turn
		}
	}
	if silent > 0 {
		t.last = silent
		return silent
	}
	return older
}

// seemsUnsent tells whether nobody has said that a command with this outcome was sent.
func seemsUnsent(o domain.Outcome) bool {
	return o == domain.Superseded || o == domain.Expired || o == domain.Refused
}
