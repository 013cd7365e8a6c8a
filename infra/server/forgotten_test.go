package server_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/understudy-io/understudy/domain"
)

// forgetControl deletes all records of control, as its retention does once nobody has
// written for longer than that.
func (s *stage) forgetControl() {
	s.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(s.broker.Address()))
	must(s.t, err)
	defer client.Close()
	forget := kmsg.NewPtrDeleteRecordsRequest()
	forget.TimeoutMillis = 5000
	forget.Topics = []kmsg.DeleteRecordsRequestTopic{{
		Topic: domain.Topic("test", domain.TopicControl), Partitions: []kmsg.DeleteRecordsRequestTopicPartition{{Offset: -1}},
	}}
	answer, err := forget.RequestWith(s.ctx, client)
	must(s.t, err)
	if start := answer.Topics[0].Partitions[0].LowWatermark; start <= 0 {
		s.t.Fatalf("control begins at %d", start)
	}
}

// A landscape that rested for longer than control is kept finds an empty topic that does
// not begin at 0. It starts, all its servers at once, and what operators have decided holds.
func TestALandscapeThatRestedForLongerThanControlIsKeptStarts(t *testing.T) {
	s := newStage(t)
	a, b := s.start("A"), s.start("B")
	s.primary(a, b)
	_, err := a.Remove(s.ctx, "ann", "B", true, "sold")
	must(t, err)
	s.ended(b, "was removed")
	s.primary(a)
	_, err = a.Pause(s.ctx, "ann", true, "a quiet week")
	must(t, err)
	before, err := a.Status(s.ctx)
	must(t, err)
	s.eventually("the pause is copied", func() error {
		for _, m := range s.read(domain.TopicElections) {
			if bytes.Contains(m.Value, []byte(domain.TypePaused)) {
				return nil
			}
		}
		return errors.New("it is not")
	})
	a.stop()
	must(t, s.end(a))
	s.forgetControl()
	// A guard tells of a server's end, also where none runs.
	s.append(domain.TopicControl, 0, domain.Record{UID: "d1", Source: domain.ServerSource("A"), Subject: "A", Payload: domain.Died{Incarnation: "a0", Exit: "signal: killed"}})
	a, c := s.start("A"), s.start("C")
	for _, m := range []*member{a, c} {
		s.eventually(m.name+" knows what was decided", func() error {
			st, err := m.Status(s.ctx)
			if err == nil && st.Paused == nil {
				err = fmt.Errorf("failover is not paused: %+v", st)
			}
			return err
		})
	}
	_, err = a.Pause(s.ctx, "ann", false, "")
	must(t, err)
	p := s.primary(a, c)
	if st, err := p.Status(s.ctx); err != nil || st.Epoch <= before.Epoch {
		t.Errorf("epoch %d after %d: %v", st.Epoch, before.Epoch, err)
	}
	s.ended(s.start("B"), "was removed")
}
