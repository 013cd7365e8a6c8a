package server

import (
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
)

// copied is a copy of a control record, as the elections topic has them.
func copied(offset int64, at domain.Instant, member string, p domain.Payload) domain.Record {
	return domain.Record{Position: domain.Position{Offset: offset}, Appended: at, UID: "u", Subject: member, Signed: true, Type: p.Type(), Payload: p}
}

// What is in the elections topic twice counts once, what control still holds is not taken
// from there, and the fold goes on where control begins.
func TestWhatControlHasForgottenIsFoldedFromItsCopies(t *testing.T) {
	p := &remembrance{before: 9, state: election.NewState()}
	for _, r := range []domain.Record{
		copied(0, 10, "A", domain.Joined{Incarnation: "a1"}),
		copied(1, 11, "B", domain.Joined{Incarnation: "b1"}),
		copied(2, 12, "A", domain.Claim{Incarnation: "a1", Epoch: 1, Seen: -1, N: 1, TTL: time.Second}),
		copied(1, 11, "B", domain.Joined{Incarnation: "b1"}), // by the next primary, again
		copied(4, 14, "A", domain.Paused{On: true, By: "ann"}),
		copied(6, 16, "A", domain.Release{Incarnation: "a1", Epoch: 1}),
		copied(9, 19, "B", domain.Claim{Incarnation: "b1", Epoch: 2, Seen: 5, N: 1, TTL: time.Second}),
	} {
		p.fold(r)
	}
	st := p.upTo(9)
	if _, _, held := st.Holder(); held || st.Epoch() != 1 || !st.Paused().On || len(st.Members()) != 2 || st.Next() != 9 {
		t.Errorf("held %v, epoch %d, paused %v, members %d, next %d", held, st.Epoch(), st.Paused(), len(st.Members()), st.Next())
	}
	if _, ok := election.FromView(copied(9, 20, "C", domain.View{At: 8, State: st.Export()}), 9); !ok {
		t.Error("no server can begin with the view of it")
	}
}

// A control topic that was lost and made anew counts from 0 again: what was before that
// belongs to another history.
func TestCopiesOfAnEarlierControlAreNotMixedWithThoseOfTheNextOne(t *testing.T) {
	p := &remembrance{before: 5, state: election.NewState()}
	for _, r := range []domain.Record{
		copied(0, 10, "A", domain.Joined{Incarnation: "a1"}),
		copied(1, 11, "A", domain.Claim{Incarnation: "a1", Epoch: 1, Seen: -1, N: 1, TTL: time.Second}),
		copied(0, 30, "B", domain.Joined{Incarnation: "b1"}),
		copied(1, 31, "B", domain.Floor{Epoch: 1}),
		copied(2, 32, "B", domain.Claim{Incarnation: "b1", Epoch: 2, Seen: -1, N: 1, TTL: time.Second}),
	} {
		p.fold(r)
	}
	holder, _, _ := p.upTo(5).Holder()
	if _, ok := p.state.Member("A"); ok || holder != "B" || p.state.Epoch() != 2 {
		t.Errorf("%s holds epoch %d; A is a member: %v", holder, p.state.Epoch(), ok)
	}
}
