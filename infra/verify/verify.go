package verify

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/projections/audit"
)

// Source is where the log is read from. It can read, and nothing else.
type Source interface {
	Bounds(ctx context.Context, topic string) ([]domain.Bounds, error)
	Fetch(ctx context.Context, from []domain.FetchFrom, wait time.Duration, maxBytes int) ([]domain.Fetched, error)
}

// Config says what is verified.
type Config struct {
	Landscape string
	Source    Source
	Codec     *codec.Codec
	Within    audit.Range
	Keys      []string         // verifier keys that are trusted
	Heads     []audit.HeldHead // signed checkpoints that the auditor holds
	Progress  func(Progress)   // each second; may be nil
	Bookmark  Bookmark         // what is kept of it, to be gone on with
	Warn      func(error)      // what does not stop it; may be nil
}

// Progress is how far a verification is.
type Progress struct {
	Done, Total int64 // offsets
	Left        time.Duration
}

// maxWaiting is how many records of elections and control are read ahead of the log: the
// state hashes in them wait to be compared.
const maxWaiting = 20_000

const progressEvery = time.Second

// Run verifies a landscape.
func Run(ctx context.Context, c Config) (*audit.Report, error) {
	r := &run{Config: c, began: time.Now(), window: maxWaiting, every: keepEvery}
	return r.run(ctx)
}

func (r *run) run(ctx context.Context) (*audit.Report, error) {
	if err := r.open(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	var readers sync.WaitGroup
	for _, x := range r.all() {
		readers.Go(func() { x.run(ctx, r.Source) })
	}
	defer readers.Wait()
	defer cancel(nil)
	if r.Progress != nil {
		readers.Go(func() { r.tell(ctx) })
	}
	if err := r.judge(); err != nil {
		return nil, r.interrupted(err)
	}
	if err := r.Bookmark.remove(); err != nil {
		r.warn(err)
	}
	report := r.auditor.Finish()
	report.Resumed = r.resumed
	return report, nil
}

// run is one verification.
type run struct {
	Config
	auditor            *audit.Auditor
	elections, control *reader
	letters            *reader // nil if they cannot be read
	log                []*reader
	last               []domain.Fingerprint // of the log's partitions: the last record that was judged
	kept               time.Time            // when the bookmark was written last
	warned             bool                 // that it could not be written
	resumed            int64                // records of the log that an earlier run had judged
	window             int
	every              time.Duration // between two bookmarks
	ahead              int           // records of elections and control that were read since the log was
	began              time.Time
	done               atomic.Int64
	total, skipped     int64 // skipped were judged before an interruption
}

func (r *run) all() []*reader {
	out := append([]*reader{r.elections, r.control}, r.log...)
	if r.letters != nil {
		out = append(out, r.letters)
	}
	return out
}

// open finds the bounds: of the log last, so that it holds all that the others speak of.
func (r *run) open(ctx context.Context) error {
	for _, kind := range []domain.TopicKind{domain.TopicElections, domain.TopicControl, domain.TopicLog} {
		topic := domain.Topic(r.Landscape, kind)
		bounds, err := r.Source.Bounds(ctx, topic)
		if err != nil {
			return fmt.Errorf("read %s: is the log up, the landscape's name right, and may this user read it? %w", topic, err)
		}
		for p, b := range bounds {
			x := newReader(r.Landscape, kind, int32(p), b)
			r.total += b.End - b.Start
			switch kind {
			case domain.TopicElections:
				r.elections = x
			case domain.TopicControl:
				r.control = x
			default:
				r.log = append(r.log, x)
			}
		}
	}
	if r.elections == nil || r.control == nil || len(r.log) == 0 {
		return fmt.Errorf("landscape %s has no log there: %w", r.Landscape, domain.ErrNotFound)
	}
	r.auditor = audit.New(audit.Options{Partitions: int32(len(r.log)), Original: r.Codec.Original, Within: r.Within,
		Landscape: r.Landscape, Keys: r.Keys, Heads: r.Heads,
	})
	r.openLetters(ctx)
	for _, x := range r.all() {
		r.auditor.Begins(x.kind, x.partition, x.bounds.Start)
	}
	r.last, r.kept = make([]domain.Fingerprint, len(r.log)), r.began
	if r.Bookmark.Resume {
		return r.resume(ctx)
	}
	return nil
}

// openLetters finds the dead letters. All else can be judged without them.
func (r *run) openLetters(ctx context.Context) {
	bounds, err := r.Source.Bounds(ctx, domain.Topic(r.Landscape, domain.TopicDeadLetter))
	if err == nil && len(bounds) == 0 {
		err = domain.ErrNotFound
	}
	if err != nil {
		r.auditor.LettersUnread(err)
		return
	}
	r.letters = newReader(r.Landscape, domain.TopicDeadLetter, 0, bounds[0])
	r.total += bounds[0].End - bounds[0].Start
}

// judge takes elections and control, and the log behind them.
func (r *run) judge() error {
	for _, step := range []struct {
		from *reader
		take func(*domain.Record)
	}{{r.elections, r.auditor.Election}, {r.control, r.auditor.Control}} {
		if err := r.speak(step.from, step.take); err != nil {
			return err
		}
	}
	if r.letters != nil {
		if err := r.speak(r.letters, r.auditor.Letter); err != nil {
			return err
		}
	}
	return r.follow(func(int32) int64 { return math.MaxInt64 })
}

// speak takes one of the topics that tell of the log.
func (r *run) speak(from *reader, take func(*domain.Record)) error {
	var records []domain.Record
	for {
		messages, err := from.take(math.MaxInt64)
		if err != nil || len(messages) == 0 {
			return err
		}
		records = r.Codec.DecodeAll(records[:0], from.kind, from.partition, messages)
		for i := range records {
			r.auditor.Stored(from.kind, from.partition, &messages[i])
			take(&records[i])
		}
		r.done.Add(int64(len(records)))
		if r.ahead += len(records); r.ahead >= r.window {
			r.ahead = 0
			if err := r.follow(r.auditor.Known); err != nil {
				return err
			}
		}
	}
}

// follow takes all partitions of the log up to what is known, each by a goroutine. From
// time to time they rest, and what was judged is kept.
func (r *run) follow(known func(partition int32) int64) error {
	for {
		faults, resting := make([]error, len(r.log)), make([]bool, len(r.log))
		until := r.kept.Add(r.every)
		var judges sync.WaitGroup
		for p, from := range r.log {
			judges.Go(func() { resting[p], faults[p] = r.partition(from, known(int32(p)), until) })
		}
		judges.Wait()
		r.auditor.Meet()
		if err := errors.Join(faults...); err != nil || !slices.Contains(resting, true) {
			return err
		}
		if err := r.keep(); err != nil && r.Bookmark.Resume {
			return err
		} else if err != nil && !r.warned {
			r.warned = true
			r.warn(err)
		}
	}
}

func (r *run) warn(err error) {
	if r.Warn != nil {
		r.Warn(err)
	}
}

func (r *run) partition(from *reader, limit int64, until time.Time) (resting bool, err error) {
	var records []domain.Record
	var last domain.Stored
	defer func() {
		if last.Appended != 0 {
			r.last[from.partition] = domain.FingerprintOf(last)
		}
	}()
	for {
		messages, err := from.take(limit)
		if err != nil || len(messages) == 0 {
			return false, err
		}
		records = r.Codec.DecodeAll(records[:0], from.kind, from.partition, messages)
		for i := range records {
			r.auditor.Stored(from.kind, from.partition, &messages[i])
			r.auditor.Log(&records[i])
		}
		last = messages[len(messages)-1]
		r.done.Add(int64(len(records)))
		if r.Bookmark.Path != "" && time.Now().After(until) {
			return true, nil
		}
	}
}

// tell reports how far it is.
func (r *run) tell(ctx context.Context) {
	t := time.NewTicker(progressEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		p := Progress{Done: r.done.Load(), Total: r.total}
		if now := p.Done - r.skipped; now > 0 {
			p.Left = time.Duration(float64(time.Since(r.began)) / float64(now) * float64(max(0, p.Total-p.Done)))
		}
		r.Progress(p)
	}
}
