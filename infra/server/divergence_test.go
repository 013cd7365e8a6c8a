package server_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/server"
)

// liar is a codec that reads one label as another one: the first times times.
type liar struct {
	*codec.Codec
	times *atomic.Int64
}

func (l liar) Decode(topic domain.TopicKind, p int32, m domain.Stored) domain.Record {
	r := l.Codec.Decode(topic, p, m)
	if label, ok := r.Payload.(domain.SetLabel); ok && l.times.Add(-1) >= 0 {
		label.Text += "?"
		r.Payload = label
	}
	return r
}

func (s *stage) startLiar(name string, times int64) *member {
	n := &atomic.Int64{}
	n.Store(times)
	return s.startWith(name, func(o *server.Options) { o.Codec = liar{s.codec, n} })
}

func TestAStandbyWhoseRunningStateIsWrongQuarantinesItselfAndEnds(t *testing.T) {
	s := newStage(t)
	a := s.start("A")
	s.primary(a)
	b := s.startLiar("B", 1)
	s.primary(a, b)
	s.submit(a, "videohub-1", "u1", domain.SetLabel{Port: domain.PortInput, Number: 1, Text: "Cam 1"})
	s.submit(a, "videohub-1", "u2", domain.Take{Destination: 1, Source: 2})
	err := s.end(b)
	if !errors.Is(err, domain.ErrCorrupt) {
		t.Fatalf("the server that was wrong ended with %v", err)
	}
	s.eventually("the others see it in quarantine", func() error {
		st, err := a.Status(s.ctx)
		if err != nil {
			return err
		}
		for _, m := range st.Servers {
			if m.Name == "B" && m.State == "quarantined" {
				return nil
			}
		}
		return fmt.Errorf("servers are %+v", st.Servers)
	})
}

func TestABuildThatFoldsOtherwiseIsSeenAndDoesNotTakeOver(t *testing.T) {
	s := newStage(t)
	a := s.start("A")
	s.primary(a)
	b := s.startLiar("B", 1<<40)
	s.primary(a, b)
	s.submit(a, "videohub-1", "u1", domain.SetLabel{Port: domain.PortInput, Number: 1, Text: "Cam 1"})
	s.eventually("the difference is seen on every server", func() error {
		for _, m := range []*member{a, b} {
			st, err := m.Status(s.ctx)
			if err != nil {
				return err
			}
			for _, other := range st.Servers {
				if other.Name == "B" && (other.HashOK != httpapi.HashDiffers || other.Ready) {
					return fmt.Errorf("%s sees B as %+v", m.name, other)
				}
			}
		}
		return nil
	})
	if _, err := a.Switchover(s.ctx, "test", "B"); !errors.Is(err, domain.ErrConflict) {
		t.Fatalf("a switchover to another build: %v", err)
	}
}

func TestServersHoldTheSameStateAtTheSamePosition(t *testing.T) {
	s := newStage(t)
	a := s.start("A")
	s.primary(a)
	b := s.start("B")
	s.primary(a, b)
	for i := range 20 {
		s.submit(b, "videohub-1", fmt.Sprintf("u%d", i), domain.Take{Destination: 1 + i%5, Source: 1 + i})
	}
	s.eventually("the standby's state is compared and agrees", func() error {
		st, err := a.Status(s.ctx)
		if err != nil {
			return err
		}
		for _, m := range st.Servers {
			if m.HashOK != httpapi.HashOK {
				return fmt.Errorf("%s is %s", m.Name, m.HashOK)
			}
		}
		return nil
	})
}
