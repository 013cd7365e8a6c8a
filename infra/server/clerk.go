package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/server/clerk"
)

// clerkLoop feeds the clerk of one epoch, and reads and appends for it.
type clerkLoop struct {
	log       Log
	codec     Codec
	landscape string
	logger    *slog.Logger
	machine   *clerk.Machine
	inbox     *mailbox[clerk.Input]
	journal   *journalLoop
	gaveUp    *atomic.Int64
}

// do hands on an errand.
func (k *clerkLoop) do(e clerk.Errand) { k.inbox.put(clerk.Do{Errand: e}) }

// run works until ctx ends: the epoch is over.
func (k *clerkLoop) run(ctx context.Context) {
	feed(ctx, k.inbox, k.machine.NextWake, func(ins []clerk.Input) {
		for _, in := range ins {
			k.step(ctx, in)
		}
	}, func() { k.step(ctx, clerk.Timer{}) })
}

func (k *clerkLoop) step(ctx context.Context, in clerk.Input) {
	for in != nil && ctx.Err() == nil {
		effects := k.machine.Step(readClocks(), in)
		in = nil
		for _, e := range effects {
			switch e := e.(type) {
			case clerk.Fetch:
				in = k.fetch(ctx, e)
			case clerk.Append:
				in = k.append(ctx, e)
			case clerk.Journal:
				k.journal.add(e.Entry)
			case clerk.Retrying:
				k.logger.Warn("a chore failed, trying again", "position", e.Errand.At().String(), "kind", e.Errand.What(), "cause", e.Cause)
			case clerk.GaveUp:
				k.gaveUp.Add(1)
				k.logger.Error("a chore cannot be done and is left to the next primary", "position", e.Errand.At().String(), "kind", e.Errand.What(), "cause", e.Cause)
			}
		}
	}
}

func (k *clerkLoop) fetch(ctx context.Context, f clerk.Fetch) clerk.Input {
	stored, err := readStored(ctx, k.log, k.landscape, f.At)
	if err != nil {
		return failed(err)
	}
	return clerk.Fetched{Stored: stored, Record: k.codec.Decode(domain.TopicLog, f.At.Partition, stored)}
}

func failed(err error) clerk.Input {
	return clerk.Failed{Invalid: errors.Is(err, domain.ErrInvalid), Cause: domain.Plain(err)}
}

func (k *clerkLoop) append(ctx context.Context, a clerk.Append) clerk.Input {
	m, err := k.codec.Encode(a.Topic, a.Partition, a.Record)
	if err == nil {
		try, cancel := context.WithTimeout(ctx, appendTimeout)
		_, err = k.log.Append(try, []domain.Batch{{
			Topic: domain.Topic(k.landscape, a.Topic), Partition: a.Partition, Messages: []domain.Message{m},
		}})
		cancel()
	}
	if err != nil {
		return failed(err)
	}
	return clerk.Appended{}
}

// oneRecord is how many bytes are asked for where one record is wanted: the batch that it
// is in comes however large it is, and nothing of what stands behind that.
const oneRecord = 1

// readStored fetches one record of the log by its position.
func readStored(ctx context.Context, log Log, landscape string, at domain.Position) (domain.Stored, error) {
	from := domain.FetchFrom{Topic: domain.Topic(landscape, domain.TopicLog), Partition: at.Partition, Offset: at.Offset}
	answers, err := log.Fetch(ctx, []domain.FetchFrom{from}, fetchWait, oneRecord)
	if err != nil {
		return domain.Stored{}, err
	}
	for _, a := range answers {
		if a.Err != nil {
			return domain.Stored{}, a.Err
		}
		if len(a.Messages) > 0 && a.Messages[0].Offset == at.Offset {
			return a.Messages[0], nil
		}
	}
	return domain.Stored{}, fmt.Errorf("read %s again: it is not there: %w", at, domain.ErrTransient)
}
