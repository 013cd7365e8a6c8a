package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/adapters/kafka"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

// Audit is the whole log, folded once more.
type Audit struct {
	States   []*partition.State
	Outcomes map[Command][]domain.Ended // those that count
	Answers  map[Command][]domain.Answer
	Records  []domain.Record // of all partitions, each in order
}

// Command names a command.
type Command struct{ Device, UID string }

// auditWithin bounds the reading of a topic.
const auditWithin = 30 * time.Second

// Codec reads the landscape's records, MACs included.
func (l *Landscape) Codec() (*codec.Codec, error) {
	text, err := os.ReadFile(l.Run.KeysFile)
	if err != nil {
		return nil, err
	}
	keys, err := codec.ParseKeyFile(text)
	return codec.New(l.Run.Landscape, keys), err
}

// Topic reads a whole topic as it stands now: the messages of each partition.
func (l *Landscape) Topic(ctx context.Context, kind domain.TopicKind) ([][]domain.Stored, error) {
	ctx, cancel := context.WithTimeout(ctx, auditWithin)
	defer cancel()
	log, err := kafka.Open(kafka.Config{Brokers: l.Run.Kafka, ClientID: "audit"}, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	topic := domain.Topic(l.Run.Landscape, kind)
	bounds, err := log.Bounds(ctx, topic)
	if err != nil {
		return nil, err
	}
	out := make([][]domain.Stored, len(bounds))
	for p, b := range bounds {
		for next := b.Start; next < b.End; {
			got, err := log.Fetch(ctx, []domain.FetchFrom{{Topic: topic, Partition: int32(p), Offset: next}}, time.Second, 8<<20)
			if err == nil {
				err = got[0].Err
			}
			if err != nil {
				return nil, err
			}
			for _, m := range got[0].Messages {
				if m.Offset < b.End {
					out[p] = append(out[p], m)
				}
			}
			next = got[0].Next
		}
	}
	return out, nil
}

// Records reads a whole topic as it stands now.
func (l *Landscape) Records(ctx context.Context, kind domain.TopicKind) ([][]domain.Record, error) {
	c, err := l.Codec()
	if err != nil {
		return nil, err
	}
	stored, err := l.Topic(ctx, kind)
	out := make([][]domain.Record, len(stored))
	for p, messages := range stored {
		for _, m := range messages {
			out[p] = append(out[p], c.Decode(kind, int32(p), m))
		}
	}
	return out, err
}

// Audit folds the log as it stands now.
func (l *Landscape) Audit(ctx context.Context) (*Audit, error) {
	records, err := l.Records(ctx, domain.TopicLog)
	if err != nil {
		return nil, err
	}
	a := &Audit{Outcomes: make(map[Command][]domain.Ended), Answers: make(map[Command][]domain.Answer)}
	for p := range records {
		s := partition.New(int32(p), int32(len(records)), partition.DefaultLimits())
		a.States = append(a.States, s)
		for _, r := range records[p] {
			a.take(s.Apply(r), r)
		}
	}
	return a, nil
}

func (a *Audit) take(ch partition.Change, r domain.Record) {
	a.Records = append(a.Records, r)
	if ch.Verdict != partition.Applied {
		return
	}
	switch v := r.Payload.(type) {
	case domain.Ended:
		k := Command{r.Subject, v.UID}
		a.Outcomes[k] = append(a.Outcomes[k], v)
	case domain.Answer:
		k := Command{r.Subject, v.UID}
		a.Answers[k] = append(a.Answers[k], v)
	}
}

// Pending is the number of commands that have no outcome yet.
func (a *Audit) Pending() int {
	n := 0
	for _, s := range a.States {
		for _, d := range s.Devices() {
			n += len(d.Pending())
		}
	}
	return n
}

// Proves says whether the servers' states are those that the log gives.
func (a *Audit) Proves(running []httpapi.Partition) error {
	var faults []error
	for p, s := range a.States {
		if running[p].Next != s.Next() || running[p].Hash != s.Hash() {
			faults = append(faults, fmt.Errorf("partition %d: the servers have %s at %d, the log gives %s at %d", p, running[p].Hash, running[p].Next, s.Hash(), s.Next()))
		}
	}
	return errors.Join(faults...)
}
