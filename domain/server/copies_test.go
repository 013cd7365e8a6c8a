package server_test

import (
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
	"github.com/understudy-io/understudy/domain/server/control"
	"github.com/understudy-io/understudy/domain/server/copier"
)

// Who derives the elections again from their own topic, after control was cut, must
// find the same claims void: for that the last heartbeat before each claim is there.
func TestAClaimThatWasVoidIsVoidAgainFromWhatIsCopied(t *testing.T) {
	m := control.New(control.Config{Server: "c", Incarnation: "c1"}, election.NewServer(election.Config{Member: "c", Incarnation: "c1"}))
	c := copier.New(domain.Scribe{Server: "c", UID: func() string { return "u" }}, func(m domain.Stored) domain.Copied { return domain.Copied{Control: m.Offset} })
	whole := election.NewState()
	var records []domain.Record
	var rulings []election.Ruling
	write := func(member string, p domain.Payload) {
		r := domain.Record{Subject: member, UID: "u", Signed: true, Type: p.Type(), Payload: p}
		r.Position.Offset = int64(len(records))
		records, rulings = append(records, r), append(rulings, whole.Apply(r))
		for _, e := range m.Step(time.Second, control.Read{Records: []domain.Record{r}, High: r.Position.Offset + 1}) {
			if e, ok := e.(control.Copy); ok {
				c.Step(domain.Now{}, copier.Saw{Member: member, Stored: domain.Stored{Offset: r.Position.Offset}, Heard: e.Heard})
			}
		}
	}
	write("a", domain.Joined{Incarnation: "a1"})
	write("b", domain.Joined{Incarnation: "b1"})
	write("a", domain.Claim{Incarnation: "a1", Epoch: 1, Seen: -1, N: 1, TTL: time.Second})
	for n := uint64(2); n < 6; n++ {
		write("a", domain.Heartbeat{Incarnation: "a1", Epoch: 1, N: n, TTL: time.Second})
	}
	write("b", domain.Claim{Incarnation: "b1", Epoch: 2, Seen: 4, N: 1, TTL: time.Second}) // has not seen the last
	write("b", domain.Claim{Incarnation: "b1", Epoch: 2, Seen: 6, N: 2, TTL: time.Second})

	copied := 0
	derived := election.NewState()
	for _, e := range c.Step(domain.Now{}, copier.Reign{Is: true}) {
		for _, r := range e.(copier.Append).Records {
			at := r.Payload.(domain.Copied).Control
			copied++
			if got, want := derived.Apply(records[at]), rulings[at]; got.Counts != want.Counts {
				t.Errorf("%s at %d: control says %+v, what is copied says %+v", records[at].Type, at, want, got)
			}
		}
	}
	if _, holder, _ := derived.Holder(); holder != "b1" || derived.Epoch() != 2 || copied != 6 {
		t.Errorf("%d records are copied; they give epoch %d to %s", copied, derived.Epoch(), holder)
	}
}
