package server

import (
	"log/slog"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
)

// Who derives the elections again from their own topic, after control was cut, must
// find the same claims void: for that the last heartbeat before each claim is there.
func TestAClaimThatWasVoidIsVoidAgainFromWhatIsCopied(t *testing.T) {
	control := election.NewState()
	c := newCopier(nil, nil, "test", "a", slog.New(slog.DiscardHandler))
	rulings := map[int64]election.Ruling{}
	offset := int64(0)
	write := func(member string, p domain.Payload) {
		r := domain.Record{Subject: member, UID: "u", Signed: true, Type: p.Type(), Payload: p}
		r.Position.Offset = offset
		offset++
		before := control.Epoch()
		rulings[r.Position.Offset] = control.Apply(r)
		c.saw(control, &r, domain.Stored{Offset: r.Position.Offset}, before)
	}
	write("a", domain.Joined{Incarnation: "a1"})
	write("b", domain.Joined{Incarnation: "b1"})
	write("a", domain.Claim{Incarnation: "a1", Epoch: 1, Seen: -1, N: 1, TTL: time.Second})
	for n := uint64(2); n < 6; n++ {
		write("a", domain.Heartbeat{Incarnation: "a1", Epoch: 1, N: n, TTL: time.Second})
	}
	write("b", domain.Claim{Incarnation: "b1", Epoch: 2, Seen: 4, N: 1, TTL: time.Second}) // has not seen the last
	write("b", domain.Claim{Incarnation: "b1", Epoch: 2, Seen: 6, N: 2, TTL: time.Second})

	derived := election.NewState()
	for _, r := range c.uncopied {
		got, want := derived.Apply(r), rulings[r.Position.Offset]
		if got.Counts != want.Counts {
			t.Errorf("%s at %d: control says %+v, what is copied says %+v", r.Type, r.Position.Offset, want, got)
		}
	}
	if _, holder, _ := derived.Holder(); holder != "b1" || derived.Epoch() != 2 || len(c.uncopied) != 6 {
		t.Errorf("%d records are copied; they give epoch %d to %s", len(c.uncopied), derived.Epoch(), holder)
	}
}
