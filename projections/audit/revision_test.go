package audit

import (
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// Nothing is owed for a change of the configuration that is refused: no answer is missed.
func TestARefusedRevisionWaitsForNothing(t *testing.T) {
	a := New(Options{Partitions: 1})
	a.Begins(domain.TopicLog, 0, 0)
	began := domain.InstantOf(time.Date(2026, 3, 1, 20, 0, 0, 0, time.UTC))
	put := func(offset int64, minutes int, r domain.Record) {
		r.Position.Offset, r.Type, r.Signed = offset, r.Payload.Type(), true
		r.Appended = began.Add(time.Duration(minutes) * time.Minute)
		r.Source = domain.ServerSource("A")
		a.Log(&r)
	}
	put(0, 0, domain.Record{Epoch: 1, Sequence: 1, UID: "m", Payload: domain.EpochOpened{Server: "A", Incarnation: "a1", Time: began}})
	put(1, 0, domain.Record{UID: "r", Subject: "main", Payload: domain.Activated{Revision: 9}}) // there is none
	for i := range int64(9) {
		put(2+i, int(i), domain.Record{Epoch: 1, Sequence: uint64(2 + i), UID: "t", Payload: domain.Tick{Time: began.Add(time.Duration(i) * time.Minute)}})
	}
	for _, v := range a.Finish().Verdicts {
		if v.Status == Violated {
			t.Errorf("%s: %v", v.Rule, v.Violated)
		}
	}
}
