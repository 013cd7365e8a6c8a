package history

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// Importer is a log that takes records with their own times; adapters/kafka is one.
type Importer interface {
	Source
	KeepTimes(ctx context.Context, topics []string, keep bool) error
	Import(ctx context.Context, topic string, partition int32, messages []domain.Stored) (offset int64, err error)
}

// Imported is what an import did with a topic.
type Imported struct {
	Topic   string `json:"topic"`
	Records int64  `json:"records"`            // in it now
	New     int64  `json:"new"`                // of them, written now
	LeftOut string `json:"left_out,omitempty"` // why nothing of it was written
}

const (
	importRecords = 1000
	importBytes   = 512 << 10
)

// Import writes a history into the empty topics of the same landscape, each record
// at its old offset with its old time, reads all of it back and compares. What was
// interrupted goes on with the same call. Nothing is changed where it is refused.
func Import(ctx context.Context, from Source, to Importer, landscape string, note func(records int)) (out []Imported, err error) {
	var topics []string
	var plans []plan
	for _, kind := range Kinds {
		p, err := planTopic(ctx, from, to, domain.Topic(landscape, kind), kind == domain.TopicLog)
		if err != nil {
			return nil, failed(p.topic, err)
		}
		topics, plans = append(topics, p.topic), append(plans, p)
	}
	if err := to.KeepTimes(ctx, topics, true); ctx.Err() != nil {
		return nil, fmt.Errorf("import: %w", ctx.Err())
	} else if err != nil {
		return nil, fmt.Errorf("are the brokers up, were the topics of landscape %s created, and may this user alter them? %w", landscape, err)
	}
	defer func() { // whatever happened: no server may run on topics that keep times
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		err = errors.Join(err, to.KeepTimes(ctx, topics, false))
	}()
	for _, p := range plans {
		done, err := p.write(ctx, from, to, note)
		if err != nil {
			return out, failed(p.topic, err)
		}
		out = append(out, done)
	}
	return out, nil
}

func failed(topic string, err error) error {
	if errors.Is(err, domain.ErrInvalid) || errors.Is(err, domain.ErrConflict) || errors.Is(err, domain.ErrCorrupt) {
		return fmt.Errorf("import %s: %w", topic, err)
	}
	return fmt.Errorf("import %s; give the same command again to go on: %w", topic, err)
}

// plan is what is to be written of a topic.
type plan struct {
	topic      string
	have, left []domain.Bounds // all of it, and what is not there yet
	leftOut    string          // why nothing of it is written
}

// planTopic compares both sides, and changes nothing.
func planTopic(ctx context.Context, from, to Source, topic string, whole bool) (plan, error) {
	out := plan{topic: topic}
	have, err := from.Bounds(ctx, topic)
	if err != nil {
		return out, err
	}
	there, err := to.Bounds(ctx, topic)
	switch {
	case ctx.Err() != nil:
		return out, ctx.Err()
	case err != nil:
		return out, fmt.Errorf("are the brokers up, and was the topic created? %w", err)
	case len(have) != len(there):
		return out, fmt.Errorf("it has %d partitions there, and %d here; create the topics with as many: %w", len(there), len(have), domain.ErrConflict)
	}
	out.have, out.left = have, make([]domain.Bounds, len(have))
	for p := range have {
		if have[p].Start > 0 {
			if whole {
				return out, fmt.Errorf("partition %d begins at offset %d: what is before is missing, so nothing can be folded; import an export of all of it: %w", p, have[p].Start, domain.ErrInvalid)
			}
			out.leftOut = fmt.Sprintf("it begins at offset %d, and a new topic at 0", have[p].Start)
			return out, nil
		}
		if out.left[p], err = goOn(ctx, from, to, topic, int32(p), have[p], there[p]); err != nil {
			return out, err
		}
	}
	return out, nil
}

func (w plan) write(ctx context.Context, from Source, to Importer, note func(int)) (Imported, error) {
	out := Imported{Topic: w.topic, LeftOut: w.leftOut}
	if w.leftOut != "" {
		return out, nil
	}
	for _, b := range w.have {
		out.Records += b.End
	}
	err := Read(ctx, from, w.topic, w.left, func(run Run) error {
		for _, batch := range batches(run.Messages) {
			if err := importBatch(ctx, to, w.topic, run.Partition, batch); err != nil {
				return err
			}
			out.New += int64(len(batch))
			note(len(batch))
		}
		return nil
	})
	if err != nil {
		return out, err
	}
	err = sameRecords(ctx, from, to, w.topic, w.have)
	if errors.Is(err, domain.ErrCorrupt) && out.New == 0 {
		return out, fmt.Errorf("what stood there already is not what the folder holds; import into an empty landscape: %w", domain.ErrConflict)
	}
	return out, err
}

// goOn says what of a partition is still to be written, if what is there already
// is of an earlier run.
func goOn(ctx context.Context, from, to Source, topic string, p int32, have, there domain.Bounds) (domain.Bounds, error) {
	if there.End == 0 {
		return have, nil
	}
	other := fmt.Errorf("partition %d there holds other records already; import into an empty landscape: %w", p, domain.ErrConflict)
	if there.Start > 0 || there.End > have.End {
		return have, other
	}
	for _, of := range []int64{0, there.End - 1} {
		a, err := At(ctx, from, topic, p, of, of+1)
		if err != nil {
			return have, err
		}
		b, err := At(ctx, to, topic, p, of, of+1)
		if err != nil {
			return have, err
		}
		if a == nil || b == nil || string(domain.FingerprintOf(*a).Digest) != string(domain.FingerprintOf(*b).Digest) {
			return have, other
		}
	}
	return domain.Bounds{Start: there.End, End: have.End}, nil
}

func batches(messages []domain.Stored) (out [][]domain.Stored) {
	begin, size := 0, 0
	for i := range messages {
		n := len(messages[i].Key) + len(messages[i].Value)
		for _, h := range messages[i].Headers {
			n += len(h.Key) + len(h.Value)
		}
		if i > begin && (i-begin == importRecords || size+n > importBytes) {
			out = append(out, messages[begin:i])
			begin, size = i, 0
		}
		size += n
	}
	if begin < len(messages) {
		out = append(out, messages[begin:])
	}
	return out
}

func importBatch(ctx context.Context, to Importer, topic string, p int32, batch []domain.Stored) error {
	for i := range batch {
		if batch[i].Offset != batch[0].Offset+int64(i) {
			return fmt.Errorf("between offsets %d and %d of partition %d there is no record, and a log gives every record the next offset; such a log cannot be imported: %w",
				batch[i-1].Offset, batch[i].Offset, p, domain.ErrInvalid)
		}
	}
	offset, err := to.Import(ctx, topic, p, batch)
	if err != nil {
		return err
	}
	if offset != batch[0].Offset {
		return fmt.Errorf("partition %d: the record of offset %d got offset %d; somebody else writes to these topics; stop them and begin anew with empty ones: %w", p, batch[0].Offset, offset, domain.ErrConflict)
	}
	return nil
}

// sameRecords reads both and compares.
func sameRecords(ctx context.Context, from, to Source, topic string, bounds []domain.Bounds) error {
	a, err := digest(ctx, from, topic, bounds)
	if err != nil {
		return err
	}
	b, err := digest(ctx, to, topic, bounds)
	if err != nil {
		return err
	}
	for p := range a {
		if a[p] != b[p] {
			return fmt.Errorf("partition %d is not there as it is here; does the broker keep the records' times (message.timestamp.type=CreateTime)? Begin anew with empty topics: %w", p, domain.ErrCorrupt)
		}
	}
	return nil
}

// digest sums up the records of each partition.
func digest(ctx context.Context, source Source, topic string, bounds []domain.Bounds) ([][sha256.Size]byte, error) {
	out := make([][sha256.Size]byte, len(bounds))
	err := Read(ctx, source, topic, bounds, func(run Run) error {
		for i := range run.Messages {
			f := domain.FingerprintOf(run.Messages[i])
			out[run.Partition] = sha256.Sum256(append(out[run.Partition][:], f.Digest...))
		}
		return nil
	})
	return out, err
}

// Compare says whether a copy holds the very records of a log, as far as both hold
// them.
func Compare(ctx context.Context, folder, log Source, landscape string) error {
	for _, kind := range Kinds {
		topic := domain.Topic(landscape, kind)
		bounds, err := folder.Bounds(ctx, topic)
		if err != nil {
			return err
		}
		there, err := log.Bounds(ctx, topic)
		if err != nil {
			return err
		}
		for p := range bounds {
			bounds[p].Start = max(bounds[p].Start, there[p].Start) // it may have been removed meanwhile
			bounds[p].End = max(bounds[p].Start, bounds[p].End)
		}
		if err := sameRecords(ctx, folder, log, topic, bounds); err != nil {
			return fmt.Errorf("%s: %w", topic, err)
		}
	}
	return nil
}
