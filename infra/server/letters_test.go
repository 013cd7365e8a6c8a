package server_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/adapters/kafka"
	"github.com/understudy-io/understudy/domain"
)

func (s *stage) write(l *kafka.Log, kind domain.TopicKind, p int32, m domain.Message) int64 {
	s.t.Helper()
	done, err := l.Append(s.ctx, []domain.Batch{{Topic: domain.Topic("test", kind), Partition: p, Messages: []domain.Message{m}}})
	must(s.t, err)
	must(s.t, done[0].Err)
	return done[0].Offset
}

// bury writes a dead letter of a command that this version understands, as an older one
// did that had not.
func (s *stage) bury(l *kafka.Log, uid string, change func(*domain.DeadLetter)) int64 {
	s.t.Helper()
	p := domain.Partition("gate-1", partitions)
	m, err := s.codec.Encode(domain.TopicLog, p, domain.Record{
		Type: domain.TypeInvoke, UID: uid, Source: "/panel", Subject: "gate-1", User: "anna", Created: domain.InstantOf(time.Now()), Payload: domain.Invoke{Verb: "pulse"},
	})
	must(s.t, err)
	stored := domain.Stored{Message: m, Offset: 4711, Appended: domain.InstantOf(time.Now())}
	r := s.codec.Decode(domain.TopicLog, p, stored)
	r.Defect, r.Detail = domain.DefectType, "not known here"
	d := s.codec.Bury(domain.TopicLog, stored, r)
	change(&d)
	letter, err := s.codec.Encode(domain.TopicDeadLetter, 0, domain.Record{
		Type: domain.TypeDeadLetter, UID: "letter-" + uid, Source: domain.ServerSource("A"), Subject: "gate-1", Epoch: 1, Sequence: 1, Payload: d,
	})
	must(s.t, err)
	return s.write(l, domain.TopicDeadLetter, 0, letter)
}

func asItIs(*domain.DeadLetter) {}

// TestADeadLetterIsRequeuedOnce: through any server, with one effect, and with who and
// why in the log; what is decided stays decided.
func TestADeadLetterIsRequeuedOnce(t *testing.T) {
	s := newStage(t)
	a, b := s.start("A"), s.start("B")
	s.primary(a, b)
	l := s.log()
	letter := s.bury(l, "late-1", asItIs)
	for i, m := range []*member{b, a} { // the second time as if the first server had ended in between
		r, err := m.Requeue(s.ctx, "otto", letter, "this version knows it")
		if err != nil || r.Outcome != domain.Confirmed || r.UID != "late-1" || r.User != "anna" {
			t.Fatalf("time %d: %+v, %v", i, r, err)
		}
	}
	if n := s.gate.State().Pulses; n != 1 {
		t.Errorf("%d pulses", n)
	}
	if _, err := a.Discard(s.ctx, "otto", letter, "x"); !errors.Is(err, domain.ErrConflict) || !strings.Contains(err.Error(), "was requeued by otto") {
		t.Errorf("discarded after all: %v", err)
	}
	other := s.bury(l, "late-2", asItIs)
	if d, err := b.Discard(s.ctx, "otto", other, "a test"); err != nil || !strings.Contains(d.Done, fmt.Sprintf("%d is discarded", other)) {
		t.Errorf("%+v %v", d, err)
	}
	if _, err := a.Requeue(s.ctx, "otto", other, "x"); !errors.Is(err, domain.ErrConflict) || !strings.Contains(err.Error(), "was discarded by otto") {
		t.Errorf("requeued after all: %v", err)
	}
	if n := s.gate.State().Pulses; n != 1 {
		t.Errorf("%d pulses", n)
	}
}

func TestWhatCannotBeRequeuedIsSaid(t *testing.T) {
	s := newStage(t)
	a := s.start("A")
	s.primary(a)
	l := s.log()
	for _, c := range []struct {
		says   string
		change func(*domain.DeadLetter)
	}{
		{"holds only a part", func(d *domain.DeadLetter) { d.Truncated = true }},
		{"does not understand it either, unknown_type", func(d *domain.DeadLetter) { d.Headers["ce_type"] = "verb.invoke.v9" }},
		{"it stood in understudy.test.control", func(d *domain.DeadLetter) { d.Topic = "understudy.test.control" }},
		{"does not understand it either, unauthenticated", func(d *domain.DeadLetter) { d.Headers["ce_type"] = "action.outcome.v1" }},
	} {
		letter := s.bury(l, "u", c.change)
		if _, err := a.Requeue(s.ctx, "otto", letter, "x"); !errors.Is(err, domain.ErrConflict) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("got %v, want %q", err, c.says)
		}
	}
	if _, err := a.Requeue(s.ctx, "otto", 999, "x"); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("a letter that is not there: %v", err)
	}
	if n := s.gate.State().Pulses; n != 0 {
		t.Errorf("%d pulses", n)
	}
}
