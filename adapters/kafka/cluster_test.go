package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	kafkago "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/understudy-io/understudy/domain"
)

const topic = "understudy.test.log"

// cluster runs brokers in memory.
func cluster(t *testing.T, brokers int, options ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(brokers), kfake.SeedTopics(6, topic)}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func openLog(t *testing.T, cfg Config) *Log {
	t.Helper()
	l, err := Open(cfg, slog.Default())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func one(partition int32, value string) []domain.Batch {
	return []domain.Batch{{Topic: topic, Partition: partition, Messages: []domain.Message{{Value: []byte(value)}}}}
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestABatchFindsTheNewLeader(t *testing.T) {
	c := cluster(t, 3)
	l := openLog(t, Config{Brokers: c.ListenAddrs(), MetadataTTL: time.Hour}) // so only errors tell
	if _, err := l.Append(t.Context(), one(0, "before")); err != nil {
		t.Fatal(err)
	}
	if err := c.MoveTopicPartition(topic, 0, (c.LeaderFor(topic, 0)+1)%3); err != nil {
		t.Fatal(err)
	}
	out, err := l.Append(t.Context(), one(0, "after"))
	if err != nil || out[0].Offset != 1 {
		t.Fatalf("append after that: %v, %v", out, err)
	}
}

// answering makes a broker answer produce requests with these codes, one after the
// other, and then as it should; it gives how often it was asked.
func answering(c *kfake.Cluster, codes ...kafkago.Error) *atomic.Int32 {
	asked := new(atomic.Int32)
	c.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if len(r.(*kmsg.ProduceRequest).Topics) == 0 {
			return nil, nil, false // it only warms the connection
		}
		n := int(asked.Add(1))
		if n > len(codes) {
			return nil, nil, false
		}
		answer := r.ResponseKind().(*kmsg.ProduceResponse)
		answer.Topics = []kmsg.ProduceResponseTopic{{Topic: topic, Partitions: []kmsg.ProduceResponseTopicPartition{{ErrorCode: int16(codes[n-1])}}}}
		return answer, nil, true
	})
	return asked
}

// A leader that has appended a batch and then loses its leadership says that it is
// none; a follower that has the batch may be the next one.
func TestALeaderThatMovedLeavesTheFateOpen(t *testing.T) {
	moved := kafkago.NotLeaderForPartition
	for name, codes := range map[string][]kafkago.Error{
		"for good":                           {moved, moved, moved},
		"and the next one could not take it": {moved, kafkago.NotEnoughReplicas, moved},
		"and the next one refuses the batch": {moved, kafkago.MessageSizeTooLarge, moved},
	} {
		t.Run(name, func(t *testing.T) {
			c := cluster(t, 1)
			asked := answering(c, codes...)
			out, err := openLog(t, Config{Brokers: c.ListenAddrs()}).Append(t.Context(), one(0, "perhaps"))
			for _, err := range []error{err, out[0].Err} {
				if !errors.Is(err, domain.ErrTransient) || !errors.Is(err, domain.ErrUnknownFate) ||
					errors.Is(err, domain.ErrNotSent) || errors.Is(err, domain.ErrInvalid) {
					t.Errorf("got %v; wanted transient, of unknown fate", err)
				}
			}
			wanted := int32(appendTries)
			if codes[1] != moved {
				wanted = 2 // it says what another try would not change
			}
			if got := asked.Load(); got != wanted {
				t.Errorf("asked %d times, wanted %d", got, wanted)
			}
		})
	}
}

// A publisher waits for the next leader as long as it may.
func TestAPublisherGoesOnWhereTheLeaderMoved(t *testing.T) {
	c := cluster(t, 1)
	moved := kafkago.NotLeaderForPartition
	asked := answering(c, moved, moved, moved, moved)
	l := openLog(t, Config{Brokers: c.ListenAddrs()})
	var messages []*message.Message
	for i := 0; len(messages) == 0; i++ { // one of partition 0, which is what is answered for
		if id := fmt.Sprint("id-", i); domain.Partition(id, 6) == 0 {
			messages = append(messages, message.NewMessage(id, nil))
		}
	}
	if err := NewPublisher(l).Publish(topic, messages...); err != nil || asked.Load() != 5 {
		t.Fatalf("asked %d times: %v; wanted that the fifth one lands", asked.Load(), err)
	}
}

func TestAReaderFindsTheNewLeader(t *testing.T) {
	c := cluster(t, 3)
	l := openLog(t, Config{Brokers: c.ListenAddrs(), MetadataTTL: time.Hour})
	if _, err := l.Append(t.Context(), one(0, "a")); err != nil {
		t.Fatal(err)
	}
	from := []domain.FetchFrom{{Topic: topic}}
	if _, err := l.Fetch(t.Context(), from, time.Second, 1<<20); err != nil {
		t.Fatal(err)
	}
	if err := c.MoveTopicPartition(topic, 0, (c.LeaderFor(topic, 0)+1)%3); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Fetch(t.Context(), from, time.Second, 1<<20); !errors.Is(err, domain.ErrTransient) {
		t.Fatalf("fetch from the old leader: %v, wanted %v", err, domain.ErrTransient)
	}
	got, err := l.Fetch(t.Context(), from, time.Second, 1<<20)
	if err != nil || len(got[0].Messages) != 1 {
		t.Fatalf("fetch after that: %+v, %v", got, err)
	}
}

func TestATopicOfAMomentAgoIsFound(t *testing.T) {
	c := cluster(t, 1)
	l := openLog(t, Config{Brokers: c.ListenAddrs(), MetadataTTL: time.Hour})
	if _, err := l.Append(t.Context(), one(0, "a")); err != nil {
		t.Fatal(err)
	}
	if err := c.CreateTopic("fresh", 1, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), []domain.Batch{{Topic: "fresh", Messages: []domain.Message{{}}}}); err != nil {
		t.Fatal(err)
	}
	if got, err := l.Fetch(t.Context(), []domain.FetchFrom{{Topic: "fresh"}}, time.Second, 1<<20); err != nil || len(got[0].Messages) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
}

func TestALostAnswerIsAnUnknownFate(t *testing.T) {
	c := cluster(t, 1)
	r := startRelay(t, c.ListenAddrs()[0])
	l := openLog(t, Config{Brokers: c.ListenAddrs(), AddressMap: map[string]string{c.ListenAddrs()[0]: r.address()}})
	if err := l.Warm(t.Context(), topic); err != nil {
		t.Fatal(err)
	}
	// The transport hands an answer over a moment before it takes the
	// connection back. An append in that moment finds none, dials, and is not
	// sent: then it is true, and we try again.
	for try := 0; ; try++ {
		r.swallow(true)
		out, err := l.Append(within(t, 200*time.Millisecond), one(0, "landed"))
		r.swallow(false)
		if errors.Is(err, domain.ErrUnknownFate) && errors.Is(err, domain.ErrTransient) && !errors.Is(err, domain.ErrNotSent) {
			break
		}
		if !errors.Is(err, domain.ErrNotSent) || try == 20 {
			t.Fatalf("got %v, %v; wanted transient, of unknown fate", out, err)
		}
		if err := l.Warm(t.Context(), topic); err != nil {
			t.Fatal(err)
		}
	}
	got, err := l.Fetch(within(t, 10*time.Second), []domain.FetchFrom{{Topic: topic}}, 5*time.Second, 1<<20)
	if err != nil || len(got) != 1 || len(got[0].Messages) != 1 {
		t.Fatalf("it had landed all the same: %+v, %v", got, err)
	}
}

func TestACutConnectionIsAnUnknownFateAndHeals(t *testing.T) {
	c := cluster(t, 1)
	r := startRelay(t, c.ListenAddrs()[0])
	l := openLog(t, Config{Brokers: c.ListenAddrs(), AddressMap: map[string]string{c.ListenAddrs()[0]: r.address()}})
	if err := l.Warm(t.Context(), topic); err != nil {
		t.Fatal(err)
	}
	r.cut()
	for begun := time.Now(); ; {
		_, err := l.Append(within(t, time.Second), one(0, "a"))
		if err == nil {
			return
		}
		if !errors.Is(err, domain.ErrTransient) || (!errors.Is(err, domain.ErrUnknownFate) && !errors.Is(err, domain.ErrNotSent)) {
			t.Fatalf("got %v; wanted transient, with its fate", err)
		}
		if time.Since(begun) > 5*time.Second {
			t.Fatalf("still broken: %v", err)
		}
	}
}

func TestWithoutABrokerNothingIsSent(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = free.Close()
	l := openLog(t, Config{Brokers: []string{free.Addr().String()}})
	if _, err := l.Append(within(t, 2*time.Second), one(0, "a")); !errors.Is(err, domain.ErrTransient) || !errors.Is(err, domain.ErrNotSent) {
		t.Fatalf("append: %v; wanted transient, not sent", err)
	}
	if _, err := l.Fetch(within(t, 2*time.Second), []domain.FetchFrom{{Topic: topic}}, time.Second, 1<<20); !errors.Is(err, domain.ErrTransient) {
		t.Fatalf("fetch: %v; wanted %v", err, domain.ErrTransient)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Append(ctx, one(0, "a")); !errors.Is(err, domain.ErrNotSent) {
		t.Fatalf("append after a cancel: %v; wanted %v", err, domain.ErrNotSent)
	}
}

func TestNewsOfOneBrokerDoNotWaitForTheOthers(t *testing.T) {
	c := cluster(t, 3)
	var fetches atomic.Int64
	count := func(kmsg.Request) (kmsg.Response, error, bool) {
		fetches.Add(1)
		c.KeepControl()
		return nil, nil, false
	}
	c.ControlKey(int16(kmsg.Fetch), count)
	for p := range int32(6) {
		if err := c.MoveTopicPartition(topic, p, p%3); err != nil {
			t.Fatal(err)
		}
	}
	l := openLog(t, Config{Brokers: c.ListenAddrs()})
	next := make(map[int32]int64)
	var read []string
	const wait = 20 * time.Second
	begun := time.Now()
	for i := range 12 {
		p := int32(i % 6)
		if _, err := l.Append(t.Context(), one(p, fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
		for len(read) <= i {
			var from []domain.FetchFrom
			for p := range int32(6) {
				from = append(from, domain.FetchFrom{Topic: topic, Partition: p, Offset: next[p]})
			}
			got, err := l.Fetch(t.Context(), from, wait, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range got {
				if f.Err != nil {
					t.Fatal(f.Err)
				}
				next[f.Partition] = f.Next
				for _, m := range f.Messages {
					read = append(read, string(m.Value))
				}
			}
		}
	}
	if took := time.Since(begun); took > wait/2 {
		t.Fatalf("took %v: news waited for a broker that had none", took)
	}
	for i, v := range read {
		if v != fmt.Sprint(i) {
			t.Fatalf("read %v", read)
		}
	}
	// Each news costs its own broker one request; the others' stay open.
	if n := fetches.Load(); n > 12+3 {
		t.Fatalf("%d fetch requests for 12 records at 3 brokers", n)
	}
}

func TestALostBrokerHidesOnlyItsPartitions(t *testing.T) {
	c := cluster(t, 2)
	addresses := c.ListenAddrs()
	for p := range int32(2) {
		if err := c.MoveTopicPartition(topic, p, p); err != nil {
			t.Fatal(err)
		}
	}
	r := startRelay(t, addresses[1])
	l := openLog(t, Config{Brokers: addresses[:1], AddressMap: map[string]string{addresses[1]: r.address()}})
	if _, err := l.Append(t.Context(), append(one(0, "a"), one(1, "b")...)); err != nil {
		t.Fatal(err)
	}
	_ = r.listener.Close()
	r.cut()
	out, err := l.Append(t.Context(), append(one(0, "c"), one(1, "d")...))
	if out[0].Err != nil || !errors.Is(out[1].Err, domain.ErrTransient) || err == nil {
		t.Fatalf("append: %+v, %v; wanted the second alone to fail", out, err)
	}
	got, err := l.Fetch(t.Context(), []domain.FetchFrom{{Topic: topic, Partition: 0}}, time.Second, 1<<20)
	if err != nil || len(got[0].Messages) != 2 {
		t.Fatalf("fetch: %+v, %v", got, err)
	}
}

func TestAnOldBrokerIsNamed(t *testing.T) {
	c := cluster(t, 1, kfake.MaxVersions(kversion.V2_0_0()))
	l := openLog(t, Config{Brokers: c.ListenAddrs()})
	if _, err := l.Append(t.Context(), one(0, "a")); !errors.Is(err, domain.ErrInvalid) {
		t.Fatalf("append: %v, wanted %v", err, domain.ErrInvalid)
	}
	if _, err := l.Fetch(t.Context(), []domain.FetchFrom{{Topic: topic}}, 0, 1<<20); !errors.Is(err, domain.ErrInvalid) {
		t.Fatalf("fetch: %v, wanted %v", err, domain.ErrInvalid)
	}
}

func TestLargeAppendsTakeSeveralRequests(t *testing.T) {
	c := cluster(t, 1, kfake.BrokerConfigs(map[string]string{"message.max.bytes": "2097152"}))
	l := openLog(t, Config{Brokers: c.ListenAddrs(), MaxBatchBytes: 1 << 20, MaxRequestBytes: 1 << 20})
	var batches []domain.Batch
	for i := range 12 {
		batches = append(batches, domain.Batch{Topic: topic, Partition: int32(i % 3), Messages: []domain.Message{{Value: make([]byte, 300<<10)}}})
	}
	out, err := l.Append(t.Context(), batches)
	if err != nil {
		t.Fatal(err)
	}
	for i := range out {
		if out[i].Offset != int64(i/3) {
			t.Fatalf("batch %d at offset %d", i, out[i].Offset)
		}
	}
}
