package server_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/understudy-io/understudy/adapters/kafka"
	"github.com/understudy-io/understudy/adapters/videohub"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
)

// G8: no log, no action.
func TestWithoutTheLogNobodyActs(t *testing.T) {
	s := newStage(t)
	a := s.start("A")
	s.primary(a)
	b := s.start("B")
	s.primary(a, b)
	// A route that waits for its device is there to be sent at any moment.
	must(t, s.hub.SetFault(videohub.Fault{Mode: videohub.FaultRefuse}))
	s.hub.Disconnect()
	s.eventually("the router is away", func() error {
		d, err := a.Device(s.ctx, "videohub-1")
		if err == nil && d.Connected {
			err = fmt.Errorf("it is connected")
		}
		return err
	})
	waiting := domain.Record{
		Type: domain.TypeTake, UID: "waiting", Source: "/test", Subject: "videohub-1",
		Created: domain.InstantOf(time.Now()), Payload: domain.Take{Destination: 3, Source: 9},
	}
	s.append(domain.TopicLog, domain.Partition("videohub-1", partitions), waiting)
	s.eventually("the route is pending", func() error {
		d, err := b.Device(s.ctx, "videohub-1")
		if err == nil && len(d.Pending) != 1 {
			err = fmt.Errorf("pending: %v", d.Pending)
		}
		return err
	})
	must(t, s.broker.Close())
	s.eventually("nobody may act", func() error {
		for _, m := range []*member{a, b} {
			if m.Acting() {
				return fmt.Errorf("%s may act", m.name)
			}
		}
		return nil
	})
	must(t, s.hub.SetFault(videohub.Fault{Mode: videohub.FaultNone}))
	s.eventually("both servers are connected to the router again", func() error {
		if n := s.hub.Clients(); n < 2 {
			return fmt.Errorf("%d clients", n)
		}
		return nil
	})
	// A server that may act sends within milliseconds of a connection.
	for until := time.Now().Add(time.Second); time.Now().Before(until); time.Sleep(5 * time.Millisecond) {
		for _, w := range s.hub.Writes(0, 1000) {
			if len(w.Changes) > 0 {
				t.Fatalf("without a log, the router received %q from %s", w.Text, w.Client)
			}
		}
	}
}

// G7: the elections topic alone tells who held which epoch, once control is cut.
func TestElectionsCanBeDerivedFromTheElectionsTopicAlone(t *testing.T) {
	s := newStage(t)
	a := s.start("A")
	s.primary(a)
	b, c := s.start("B"), s.start("C")
	members := []*member{a, b, c}
	for range 3 {
		p := s.primary(members...)
		_, err := p.Switchover(s.ctx, "test", "")
		must(t, err)
	}
	s.primary(members...)
	whole := s.epochs(s.read(domain.TopicControl))
	if len(whole) < 4 {
		t.Fatalf("control knows the epochs %v", whole)
	}
	s.eventually("the elections topic gives the same epochs", func() error {
		var copies []domain.Record
		seen := int64(-1)
		for _, m := range s.read(domain.TopicElections) {
			r := s.codec.Decode(domain.TopicElections, 0, m)
			copied, ok := r.Payload.(domain.Copied)
			if !ok {
				return fmt.Errorf("record %d is %s %s", m.Offset, r.Type, r.Defect)
			}
			if copied.Control > seen { // a takeover copies some twice
				seen = copied.Control
				copies = append(copies, s.codec.Original(copied))
			}
		}
		state := election.NewState()
		got := map[uint64]string{}
		for _, r := range copies {
			state.Apply(r)
			if holder, _, ok := state.Holder(); ok {
				got[state.Epoch()] = holder
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(whole) {
			return fmt.Errorf("%v, control says %v", got, whole)
		}
		return nil
	})
}

// epochs folds the control topic and says who held which epoch.
func (s *stage) epochs(messages []domain.Stored) map[uint64]string {
	state := election.NewState()
	out := map[uint64]string{}
	for _, m := range messages {
		state.Apply(s.codec.Decode(domain.TopicControl, 0, m))
		if holder, _, ok := state.Holder(); ok {
			out[state.Epoch()] = holder
		}
	}
	return out
}

func (s *stage) log() *kafka.Log {
	s.t.Helper()
	l, err := kafka.Open(kafka.Config{Brokers: []string{s.broker.Address()}, ClientID: "test"}, s.logger)
	must(s.t, err)
	s.t.Cleanup(func() { _ = l.Close() })
	return l
}

// read gives all records of a topic with one partition.
func (s *stage) read(kind domain.TopicKind) []domain.Stored {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, 10*time.Second)
	defer cancel()
	l := s.log()
	topic := domain.Topic("test", kind)
	bounds, err := l.Bounds(ctx, topic)
	must(s.t, err)
	var out []domain.Stored
	for next := bounds[0].Start; next < bounds[0].End; {
		answers, err := l.Fetch(ctx, []domain.FetchFrom{{Topic: topic, Offset: next}}, time.Second, 1<<20)
		must(s.t, err)
		for _, a := range answers {
			must(s.t, a.Err)
			out = append(out, a.Messages...)
			next = a.Next
		}
	}
	return out
}

func (s *stage) append(kind domain.TopicKind, p int32, r domain.Record) {
	s.t.Helper()
	m, err := s.codec.Encode(kind, p, r)
	must(s.t, err)
	_, err = s.log().Append(s.ctx, []domain.Batch{{Topic: domain.Topic("test", kind), Partition: p, Messages: []domain.Message{m}}})
	must(s.t, err)
}
