package server_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/understudy-io/understudy/domain"
)

// A producer may use transactions: the mark that ends one takes up an offset. A landscape
// whose servers are started while such a mark stands last in a partition is to have a primary.
func TestALandscapeStartsWhereATransactionsMarkStandsLast(t *testing.T) {
	s := newStage(t)
	a := s.start("A")
	s.primary(a)
	a.stop()
	if err := s.end(a); err != nil {
		t.Logf("A ended: %v", err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(s.broker.Address()), kgo.TransactionalID("panel-7"),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.NoCompression()))
	must(t, err)
	defer client.Close()
	m, err := s.codec.EncodeJSON(domain.Record{
		Type: domain.TypeTake, UID: uuid.NewString(), Source: "/panel/7", Subject: "videohub-1", Payload: domain.Take{Destination: 1, Source: 2},
	})
	must(t, err)
	must(t, client.BeginTransaction())
	r := &kgo.Record{Topic: domain.Topic("test", domain.TopicLog), Partition: domain.Partition("videohub-1", partitions), Key: m.Key, Value: m.Value}
	for _, h := range m.Headers {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
	}
	must(t, client.ProduceSync(s.ctx, r).FirstErr())
	must(t, client.EndTransaction(s.ctx, kgo.TryCommit))
	s.primary(s.start("A"))
}
