package history

import (
	"context"
	"fmt"
	"runtime"
	"sync"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

// Decoder reads records; adapters/codec is one.
type Decoder interface {
	DecodeAll(dst []domain.Record, topic domain.TopicKind, partition int32, messages []domain.Stored) []domain.Record
}

// Traveller folds the log of a landscape up to any moment.
type Traveller struct {
	Source    Source
	Decoder   Decoder
	Landscape string
	Marks     *Marks            // nil: every moment is folded from the first record
	Note      func(records int) // is told how many were folded; called by several goroutines
	Unkept    func(error)       // is told that a mark could not be kept; nothing else is lost
}

// Watch sees every record of a partition and what the fold made of it. It is
// called by the goroutine of that partition. What it keeps it clones.
type Watch func(s *partition.State, r *domain.Record, ch *partition.Change)

func (t *Traveller) topic() string { return domain.Topic(t.Landscape, domain.TopicLog) }

// Begin gives the states of the wanted partitions to go on from: the newest marks
// that lie in a cut, or empty ones; nil for partitions that are not wanted.
func (t *Traveller) Begin(ctx context.Context, cut Cut, wanted func(p int32) bool) ([]*partition.State, error) {
	bounds, err := t.Source.Bounds(ctx, t.topic())
	if err != nil {
		return nil, err
	}
	if len(bounds) != len(cut) {
		return nil, fmt.Errorf("the cut has %d partitions, the log %d: %w", len(cut), len(bounds), domain.ErrInvalid)
	}
	states := make([]*partition.State, len(cut))
	var loading sync.WaitGroup
	faults := make([]error, len(cut))
	room := make(chan struct{}, runtime.GOMAXPROCS(0))
	for p := range cut {
		if wanted(int32(p)) {
			loading.Go(func() {
				room <- struct{}{}
				defer func() { <-room }()
				states[p], faults[p] = t.begin(ctx, int32(p), bounds, cut[p])
			})
		}
	}
	loading.Wait()
	for _, err := range faults {
		if err != nil {
			return nil, err
		}
	}
	return states, nil
}

func (t *Traveller) begin(ctx context.Context, p int32, bounds []domain.Bounds, upTo int64) (*partition.State, error) {
	b := bounds[p]
	if upTo > b.End {
		return nil, fmt.Errorf("the cut goes up to %d:%d, and the log holds no more than %d:%d; is it that of another log? %w", p, upTo, p, b.End, domain.ErrNotFound)
	}
	if t.Marks != nil {
		if first, err := At(ctx, t.Source, t.topic(), p, b.Start, b.End); err != nil {
			return nil, err
		} else if first != nil {
			same := func(f domain.Fingerprint) (bool, error) { return t.holds(ctx, p, f, b) }
			s, err := t.Marks.before(p, int32(len(bounds)), domain.FingerprintOf(*first), upTo, same)
			if s != nil || err != nil {
				return s, err
			}
		}
	}
	if b.Start > 0 {
		return nil, fmt.Errorf("the log of partition %d begins at offset %d, what was before is gone from it; name the folder that it was sealed to with --file, beside the brokers: %w",
			p, b.Start, domain.ErrNotFound)
	}
	return partition.New(p, int32(len(bounds)), partition.DefaultLimits()), nil
}

// holds says whether a record is in the log as it was.
func (t *Traveller) holds(ctx context.Context, p int32, f domain.Fingerprint, b domain.Bounds) (bool, error) {
	if f.Empty() || f.Offset < b.Start || f.Offset >= b.End {
		return false, nil
	}
	m, err := At(ctx, t.Source, t.topic(), p, f.Offset, f.Offset+1)
	if m == nil || err != nil {
		return false, err
	}
	return string(domain.FingerprintOf(*m).Digest) == string(f.Digest), nil
}

// Advance folds on to a cut. Watch is nil, or gives for each partition what
// watches it.
func (t *Traveller) Advance(ctx context.Context, states []*partition.State, to Cut, watch func(p int32) Watch) error {
	bounds := make([]domain.Bounds, len(to))
	for p, s := range states {
		if s != nil && s.Next() < to[p] {
			bounds[p] = domain.Bounds{Start: s.Next(), End: to[p]}
		}
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var folding sync.WaitGroup
	workers := make([]chan Run, min(len(to), runtime.GOMAXPROCS(0)))
	for i := range workers {
		workers[i] = make(chan Run, 1)
	}
	folders := make([]*folder, len(to))
	for p, s := range states {
		if s != nil {
			folders[p] = &folder{t: t, state: s, partitions: int32(len(to))}
			if watch != nil {
				folders[p].watch = watch(int32(p))
			}
		}
	}
	for i := range workers {
		folding.Go(func() {
			for run := range workers[i] {
				if err := folders[run.Partition].fold(ctx, run); err != nil {
					stop(err)
				}
			}
		})
	}
	err := Read(ctx, t.Source, t.topic(), bounds, func(r Run) error {
		select {
		case workers[int(r.Partition)%len(workers)] <- r:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
	for i := range workers {
		close(workers[i])
	}
	folding.Wait()
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if err == nil {
		err = keepEnds(ctx, folders)
	}
	return err
}

// keepEnds marks where a journey ends, if it was long: people look again.
func keepEnds(ctx context.Context, folders []*folder) error {
	for _, f := range folders {
		if f == nil || f.t.Marks == nil || f.since < f.t.Marks.end {
			continue
		}
		if err := f.mark(ctx); err != nil {
			return err
		}
	}
	return nil
}

// folder folds one partition.
type folder struct {
	t          *Traveller
	state      *partition.State
	partitions int32
	watch      Watch
	records    []domain.Record
	since      int           // records since the last mark
	last       domain.Stored // that was folded
	first      *domain.Stored
}

func (f *folder) fold(ctx context.Context, run Run) error {
	if ctx.Err() != nil {
		return context.Cause(ctx) // somebody has failed already
	}
	f.records = f.t.Decoder.DecodeAll(f.records[:0], domain.TopicLog, run.Partition, run.Messages)
	for i := range f.records {
		ch := f.state.Apply(f.records[i])
		if f.watch != nil {
			f.watch(f.state, &f.records[i], &ch)
		}
		f.last = run.Messages[i]
		if f.since++; f.t.Marks != nil && f.since >= f.t.Marks.every {
			if err := f.mark(ctx); err != nil {
				return err
			}
		}
	}
	if f.t.Note != nil {
		f.t.Note(len(run.Messages))
	}
	return nil
}

// mark keeps the state, if it can.
func (f *folder) mark(ctx context.Context) error {
	f.since = 0
	if f.first == nil {
		bounds, err := f.t.Source.Bounds(ctx, f.t.topic())
		if err != nil {
			return err
		}
		p := f.state.Partition()
		if f.first, err = At(ctx, f.t.Source, f.t.topic(), p, bounds[p].Start, bounds[p].End); err != nil || f.first == nil {
			return err
		}
	}
	if err := f.t.Marks.save(f.state, f.partitions, domain.FingerprintOf(*f.first), f.last); err != nil && f.t.Unkept != nil {
		f.t.Unkept(err)
	}
	return nil
}
