package server

import (
	"context"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/server/core"
	"github.com/understudy-io/understudy/domain/server/reader"
	"github.com/understudy-io/understudy/infra/clock"
)

// Bounds of reading.
const (
	fetchWait      = core.Silence / 3        // long poll: an empty answer after that
	fetchGrace     = 1500 * time.Millisecond // how much later than that the log counts as away
	fetchBytes     = 4 << 20
	fetchRetryFrom = 5 * time.Millisecond
	fetchRetryUpTo = 200 * time.Millisecond
)

// batch is what one fetch gave of one partition. The messages of the log are gone
// when they are decoded: several fetches may wait to be folded.
type batch struct {
	reader.Hand
	records []domain.Record // of its messages
	backlog *backlog        // that it is part of; nil for none
	weight  int64           // in it
}

// spareRecords are the lists of batches that were folded, for the next ones.
var spareRecords = sync.Pool{New: func() any { return new([]domain.Record) }}

// folded gives the list of a batch back. Nobody may look at its records any more.
func (b *batch) folded() {
	clear(b.records)
	list := b.records[:0]
	b.records = nil
	if cap(list) <= maxSpareRecords {
		spareRecords.Put(&list)
	}
	if b.backlog != nil {
		b.backlog.folded(b.weight)
	}
}

// readerLoop feeds a reader, fetches for it, and hands what it gives to one
// owner, in order.
type readerLoop struct {
	log       Log
	codec     Codec
	landscape string
	kind      domain.TopicKind
	logger    *slog.Logger
	machine   *reader.Machine
	out       chan<- batch
	lost      func() // the log does not answer; called once until back
	back      func()
	wait      func() time.Duration // of the long poll
	stride    func() time.Duration // the pause between two fetches
	hurry     chan struct{}        // ends a pause
	backlog   *backlog             // of the log; what is read of control waits for nothing
}

func newReader(log Log, codec Codec, landscape string, kind domain.TopicKind, from []domain.Fingerprint, out chan<- batch, logger *slog.Logger) *readerLoop {
	return &readerLoop{
		log: log, codec: codec, landscape: landscape, kind: kind, logger: logger, out: out,
		machine: reader.New(from, kind == domain.TopicControl), backlog: newBacklog(),
		lost: func() {}, back: func() {},
		wait: func() time.Duration { return fetchWait }, stride: func() time.Duration { return 0 },
	}
}

// run reads until ctx ends or the log turns out to be another one.
func (r *readerLoop) run(ctx context.Context) error {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var in reader.Input = reader.Begin{}
	for {
		if err := r.step(ctx, in); err != nil {
			return err
		}
		rearm(timer, r.machine.NextWake())
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
			in = reader.Timer{}
		case <-r.hurry:
			in = reader.Hurry{}
		}
	}
}

// step feeds the reader for as long as it fetches without a pause.
func (r *readerLoop) step(ctx context.Context, in reader.Input) error {
	for in != nil {
		effects := r.machine.Step(clock.Boot(), in)
		in = nil
		handed := false
		for _, e := range effects {
			switch e := e.(type) {
			case reader.Hand:
				if err := r.hand(ctx, e); err != nil {
					return err
				}
				handed = true
			case reader.Fetch:
				if handed {
					// Whoever folds this is to begin at once: the next fetch, with which
					// this goroutine would go on first, is in less of a hurry.
					runtime.Gosched()
				}
				if in = r.fetch(ctx, e); ctx.Err() != nil {
					return ctx.Err()
				}
			case reader.Lost:
				r.logger.Warn("cannot read the log", "topic", r.topic(), "cause", e.Cause)
				r.lost()
			case reader.Back:
				r.back()
			case reader.Stop:
				return e.Err
			}
		}
	}
	return nil
}

func (r *readerLoop) topic() string { return domain.Topic(r.landscape, r.kind) }

func (r *readerLoop) fetch(ctx context.Context, f reader.Fetch) reader.Input {
	from := make([]domain.FetchFrom, 0, len(f.Offsets))
	for p, offset := range f.Offsets {
		if offset >= 0 {
			from = append(from, domain.FetchFrom{Topic: r.topic(), Partition: int32(p), Offset: offset})
		}
	}
	wait := r.wait()
	if f.Within > 0 {
		wait = min(wait, f.Within)
	}
	try, cancel := context.WithTimeout(ctx, wait+fetchGrace)
	defer cancel()
	answers, err := r.log.Fetch(try, from, wait, fetchBytes)
	if err != nil {
		return reader.Failed{Err: err}
	}
	return reader.Fetched{Answers: answers, Rest: r.stride()}
}

// hand decodes what was read of one partition and gives it to its owner.
func (r *readerLoop) hand(ctx context.Context, h reader.Hand) error {
	b := batch{Hand: h}
	if r.kind == domain.TopicLog {
		if err := r.backlog.await(ctx); err != nil {
			return err
		}
		b.backlog, b.weight = r.backlog, weigh(h.Messages)
		b.backlog.bytes.Add(b.weight)
		b.records, b.Messages = *spareRecords.Get().(*[]domain.Record), nil
	}
	b.records = r.codec.DecodeAll(b.records, r.kind, h.Partition, h.Messages)
	select {
	case r.out <- b:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
