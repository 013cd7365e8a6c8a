package main

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/adapters/kafka"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/broker"
)

const landscape = "studio"

// patience bounds each test.
const patience = 20 * time.Second

// primary is the test in the part of the primary: it reads commands and writes
// what became of them.
type primary struct {
	t     *testing.T
	log   *kafka.Log
	codec *codec.Codec
	topic string
}

func start(t *testing.T) (*primary, string) {
	t.Helper()
	b, err := broker.Start(t.Context(), broker.Config{Folder: t.TempDir(), Landscape: landscape, Listen: "127.0.0.1:0", Unsynced: true}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	log, err := kafka.Open(kafka.Config{Brokers: []string{b.Address()}}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	keys, err := codec.NewKeyring("k1", map[string][]byte{"k1": bytes.Repeat([]byte{7}, 32)})
	if err != nil {
		t.Fatal(err)
	}
	return &primary{t, log, codec.New(landscape, keys), domain.Topic(landscape, domain.TopicLog)}, b.Address()
}

// command waits for the command at an offset of a partition.
func (p *primary) command(ctx context.Context, partition int32, offset int64) domain.Record {
	p.t.Helper()
	for {
		got, err := p.log.Fetch(ctx, []domain.FetchFrom{{Topic: p.topic, Partition: partition, Offset: offset}}, 100*time.Millisecond, 1<<20)
		if ctx.Err() != nil {
			p.t.Fatalf("no command in partition %d: %v", partition, err)
		}
		for _, f := range got {
			if len(f.Messages) > 0 {
				return p.codec.Decode(domain.TopicLog, partition, f.Messages[0])
			}
		}
	}
}

func (p *primary) write(ctx context.Context, partition int32, epoch, sequence uint64, payload domain.Payload) {
	p.t.Helper()
	m, err := p.codec.Encode(domain.TopicLog, partition, domain.Record{
		UID: "r", Source: "/understudy/server/A", Subject: "videohub-1", Created: 1, Epoch: epoch, Sequence: sequence, Payload: payload,
	})
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.log.Append(ctx, []domain.Batch{{Topic: p.topic, Partition: partition, Messages: []domain.Message{m}}}); err != nil {
		p.t.Fatal(err)
	}
}

type answer struct {
	outcome outcome
	err     error
}

// begin sends a command, as the example does, beside the test.
func begin(ctx context.Context, address, topic string, m kafkago.Message) <-chan answer {
	answers := make(chan answer, 1)
	go func() {
		o, err := send(ctx, address, topic, m)
		answers <- answer{o, err}
	}()
	return answers
}

func TestTheExampleSendsASoundCommandAndReadsItsOutcome(t *testing.T) {
	p, address := start(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	m, err := command("videohub-1", take{Destination: 5, Source: 12})
	if err != nil {
		t.Fatal(err)
	}
	answers := begin(ctx, address, p.topic, m)

	partition := domain.Partition("videohub-1", 8)
	r := p.command(ctx, partition, 0)
	if r.Defect != domain.DefectNone || r.UID != uid(m) || r.Created == 0 || r.Payload != (domain.Take{Destination: 5, Source: 12}) {
		t.Fatalf("the command reads as %+v", r)
	}
	ended := domain.Ended{UID: r.UID, Command: r.Position, Outcome: domain.Failed, Reason: domain.ReasonNak}
	p.write(ctx, partition, 2, 1, domain.EpochOpened{Server: "B"})
	p.write(ctx, partition, 1, 9, ended) // of a primary that is one no more
	p.write(ctx, partition, 2, 2, domain.Ended{UID: "another", Outcome: domain.Failed})
	ended.Outcome, ended.Reason = domain.Confirmed, ""
	p.write(ctx, partition, 2, 3, ended)

	got := <-answers
	if got.err != nil || got.outcome.Outcome != "confirmed" || got.outcome.UID != r.UID || got.outcome.err() != nil {
		t.Fatalf("the example says %+v, %v, and ends with %v", got.outcome, got.err, got.outcome.err())
	}
}

func TestTheExampleTakesTheAnswerToARepeat(t *testing.T) {
	p, address := start(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	m, err := command("videohub-1", take{Destination: 5, Source: 12})
	if err != nil {
		t.Fatal(err)
	}
	answers := begin(ctx, address, p.topic, m)

	partition := domain.Partition("videohub-1", 8)
	r := p.command(ctx, partition, 0)
	p.write(ctx, partition, 1, 1, domain.Answer{UID: r.UID, Repeat: r.Position, Outcome: domain.Refused, Reason: domain.ReasonOutOfRange})

	got := <-answers
	if got.err != nil || got.outcome.Outcome != "refused" || got.outcome.Reason != "out_of_range" || got.outcome.err() == nil {
		t.Fatalf("the example says %+v, %v, and ends as if it were done", got.outcome, got.err)
	}
}
