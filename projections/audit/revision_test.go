package audit

import (
	"strings"
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

// V23, V24: a server's word about a revision is held against the log.
func TestAnAcknowledgementIsHeldAgainstTheLog(t *testing.T) {
	hash := strings.Repeat("ab", 32)
	right := domain.RevisionAcknowledged{Incarnation: "b1", Revision: 1, Hash: hash, At: 2}
	for name, test := range map[string]struct {
		spoil   func(*domain.RevisionAcknowledged)
		applied bool
		want    Status
		says    string
	}{
		"as it is":            {func(*domain.RevisionAcknowledged) {}, true, Held, ""},
		"not applied":         {func(*domain.RevisionAcknowledged) {}, false, Violated, "the devices of partition 0 have revision 0"},
		"at another position": {func(a *domain.RevisionAcknowledged) { a.At = 1 }, true, Violated, "at offset 1, and the log has"},
		"another content":     {func(a *domain.RevisionAcknowledged) { a.Hash = strings.Repeat("cd", 32) }, true, Violated, "with hash cdcdcdcdcdcd"},
		"never there":         {func(a *domain.RevisionAcknowledged) { a.Revision = 2 }, true, Violated, "never active"},
		"it could not":        {func(a *domain.RevisionAcknowledged) { a.Failure = "the disk is full" }, false, Held, ""},
	} {
		a := New(Options{Partitions: 1})
		a.Begins(domain.TopicLog, 0, 0)
		a.Begins(domain.TopicControl, 0, 0)
		now := domain.InstantOf(time.Date(2026, 3, 1, 20, 0, 0, 0, time.UTC))
		record := func(offset int64, r domain.Record) *domain.Record {
			r.Position.Offset, r.Type, r.Signed, r.Appended, r.Source = offset, r.Payload.Type(), true, now, domain.ServerSource("B")
			return &r
		}
		word := right
		test.spoil(&word)
		a.Control(record(0, domain.Record{UID: "j", Subject: "B", Payload: domain.Joined{Incarnation: "b1"}}))
		a.Control(record(1, domain.Record{UID: "w", Subject: "B", Payload: word}))
		a.Log(record(0, domain.Record{Epoch: 1, Sequence: 1, UID: "m", Payload: domain.EpochOpened{Server: "B", Incarnation: "b1", Time: now}}))
		a.Log(record(1, domain.Record{UID: "p", Subject: domain.SubjectOfRevisions, Payload: domain.RevisionPart{Bytes: []byte{0x80}}}))
		a.Log(record(2, domain.Record{UID: "r", Subject: domain.SubjectOfRevisions, Payload: domain.Published{Revision: 1, Hash: hash, Size: 1, Parts: []int64{1}, Activate: true, Epoch: 1}}))
		if test.applied {
			a.Log(record(3, domain.Record{Epoch: 1, Sequence: 2, UID: "d", Subject: domain.SubjectOfRevisions, Payload: domain.RevisionApplied{Revision: 1}}))
		}
		v := a.Finish().Verdict(RuleRevisions)
		if v.Status != test.want || v.Looked != 1 || test.says != "" && !strings.Contains(v.Violated[0].Says, test.says) {
			t.Errorf("%s: %+v, want it %s", name, v, test.want)
		}
	}
}
