package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/server/journal"
	"github.com/understudy-io/understudy/infra/clock"
)

// Bounds of one append.
const (
	maxAppendBytes = 512 << 10 // of the values of one partition: well below what a topic takes
	appendTimeout  = 2 * time.Second
)

// journalLoop feeds the journal of one epoch, and appends what it gives.
type journalLoop struct {
	log     Log
	codec   Codec
	topic   string
	epoch   uint64
	logger  *slog.Logger
	machine *journal.Machine
	inbox   *mailbox[journal.Input]
	flushed func(id uint64)
	broken  func(cause string)
	since   atomic.Int64 // domain.Mono, see journal.Machine.Since
}

// add queues entries, in order.
func (j *journalLoop) add(entries ...journal.Entry) { j.inbox.put(journal.Add{Entries: entries}) }

// flush asks for flushed once all that was added before has landed.
func (j *journalLoop) flush(id uint64) { j.inbox.put(journal.Flush{ID: id}) }

// run appends until ctx ends: the epoch is over.
func (j *journalLoop) run(ctx context.Context) {
	feed(ctx, j.inbox, j.machine.NextWake,
		func(ins []journal.Input) { j.step(ctx, ins...) },
		func() { j.step(ctx, journal.Timer{}) })
}

// step feeds what has come together. While an append is under way the next
// records gather in the inbox.
func (j *journalLoop) step(ctx context.Context, ins ...journal.Input) {
	for len(ins) > 0 && ctx.Err() == nil {
		effects := j.machine.Step(readClocks(), ins...)
		j.since.Store(int64(j.machine.Since()))
		ins = nil
		for _, e := range effects {
			switch e := e.(type) {
			case journal.Append:
				ins = []journal.Input{j.append(ctx, e)}
			case journal.Flushed:
				j.flushed(e.ID)
			case journal.Broken:
				j.logger.Error("the journal stopped", "epoch", j.epoch, "cause", e.Cause)
				j.broken(e.Cause)
			}
		}
		if ins != nil {
			ins = append(j.inbox.take(), ins...)
		}
	}
}

// append appends what the journal gives and tells how that went.
func (j *journalLoop) append(ctx context.Context, a journal.Append) journal.Input {
	err := j.appendAll(ctx, a.Batches)
	if err == nil {
		return journal.Landed{}
	}
	invalid := errors.Is(err, domain.ErrInvalid)
	if ctx.Err() == nil && !invalid && (a.Attempt == 1 || a.Attempt%50 == 0) {
		j.logger.Warn("append failed, trying again with the same sequences", "epoch", j.epoch, "attempt", a.Attempt, "cause", err)
	}
	return journal.Failed{Invalid: invalid, Cause: domain.Plain(err)}
}

// appendAll appends batches in one request, or in several where their values
// would be too long for one.
func (j *journalLoop) appendAll(ctx context.Context, batches []journal.Batch) error {
	request := make([]domain.Batch, 0, len(batches))
	for _, b := range batches {
		part := domain.Batch{Topic: j.topic, Partition: b.Partition, Messages: make([]domain.Message, 0, len(b.Records))}
		size := 0
		for _, r := range b.Records {
			m, err := j.codec.Encode(domain.TopicLog, b.Partition, r)
			if err != nil {
				return fmt.Errorf("encode %s of %s for partition %d: %w: %w", r.Type, r.Subject, b.Partition, err, domain.ErrInvalid)
			}
			if size += len(m.Value); size > maxAppendBytes && len(part.Messages) > 0 {
				if err := j.appendOne(ctx, []domain.Batch{part}); err != nil {
					return err
				}
				part.Messages, size = nil, len(m.Value)
			}
			part.Messages = append(part.Messages, m)
		}
		request = append(request, part)
	}
	return j.appendOne(ctx, request)
}

func (j *journalLoop) appendOne(ctx context.Context, request []domain.Batch) error {
	ctx, cancel := context.WithTimeout(ctx, appendTimeout)
	defer cancel()
	_, err := j.log.Append(ctx, request)
	if err != nil {
		return fmt.Errorf("append as epoch %d: %w", j.epoch, err)
	}
	return nil
}

// readClocks gives the time to a step machine.
func readClocks() domain.Now {
	return domain.Now{Mono: clock.Boot(), Wall: domain.InstantOf(time.Now())}
}

// feed gives a machine what comes into its inbox, and wakes it when it wants to
// be, until ctx ends.
func feed[I any](ctx context.Context, inbox *mailbox[I], wake func() domain.Mono, step func([]I), timer func()) {
	t := time.NewTimer(time.Hour)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-inbox.ready:
			step(inbox.take())
		case <-t.C:
			timer()
		}
		rearm(t, wake())
	}
}

// rearm sets a timer to when a machine wants to be stepped; zero is never.
func rearm(timer *time.Timer, at domain.Mono) {
	wait := time.Hour
	if at > 0 {
		wait = max(0, at-clock.Boot())
	}
	timer.Reset(wait)
}
