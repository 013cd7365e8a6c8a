package server_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/understudy-io/understudy/adapters/kafka"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/server"
)

// TestTheNewerOfTwoProcessesUnderOneNameStays: the older one ends and says that
// it must not be started again, or both would turn each other out for ever.
func TestTheNewerOfTwoProcessesUnderOneNameStays(t *testing.T) {
	for name, acts := range map[string]bool{"of a standby": false, "of the primary": true} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			a := s.start("A")
			s.primary(a)
			b := s.start("B")
			s.primary(a, b)
			old, other := b, a
			if acts {
				old, other = a, b
			}
			newer := s.start(old.name)
			if err := s.end(old); !errors.Is(err, server.ErrReplaced) {
				t.Errorf("%s ended with %v, wanted %v", old.name, err, server.ErrReplaced)
			}
			if now := s.primary(newer, other); acts == (now.name == "A") {
				t.Errorf("%s is primary", now.name)
			}
			select {
			case err := <-newer.done:
				t.Errorf("the newer one has ended too: %v", err)
			default:
			}
		})
	}
}

// TestALateJoinOfADeadProcessIsNoTwin: nobody lives under the name, so a primary
// goes on and a standby may be started again.
func TestALateJoinOfADeadProcessIsNoTwin(t *testing.T) {
	s := newStage(t)
	a := s.start("A")
	s.primary(a)
	b := s.start("B")
	s.primary(a, b)
	for _, name := range []string{"A", "B"} {
		join(s, name)
	}
	if err := s.end(b); !errors.Is(err, domain.ErrFenced) || errors.Is(err, server.ErrReplaced) {
		t.Errorf("B ended with %v, wanted %v", err, domain.ErrFenced)
	}
	s.eventually("A goes on", func() error {
		if !a.Acting() {
			return fmt.Errorf("it does not act")
		}
		return nil
	})
}

// join writes the join of a process that does nothing else.
func join(s *stage, name string) {
	s.t.Helper()
	l, err := kafka.Open(kafka.Config{Brokers: []string{s.broker.Address()}}, s.logger)
	must(s.t, err)
	defer func() { _ = l.Close() }()
	p := domain.Joined{Incarnation: uuid.NewString(), Address: "http://127.0.0.1:1", Build: "test"}
	m, err := s.codec.Encode(domain.TopicControl, 0, domain.Record{
		Type: p.Type(), UID: uuid.NewString(), Source: "/test", Subject: name, Created: domain.InstantOf(time.Now()), Payload: p,
	})
	must(s.t, err)
	_, err = l.Append(s.t.Context(), []domain.Batch{{Topic: domain.Topic("test", domain.TopicControl), Messages: []domain.Message{m}}})
	must(s.t, err)
}
