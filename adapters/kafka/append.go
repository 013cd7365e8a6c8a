package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// appendTries bounds how often one Append tries a batch. Only what is known
// not to have landed is tried again, and what a broker that does not lead has
// answered, each time by a new picture of the cluster: enough for a leader that
// has moved, not for one that died. Waiting for a new leader is the caller's decision.
const appendTries = 3

// epochStart is the time of creation of a request that carries no records.
var epochStart = time.Unix(0, 0)

// Append appends each batch as one unit, and returns when all in-sync replicas
// have it or it is known to have failed. The result has an entry for each
// batch; the error joins the errors of the entries, and is nil only if every
// batch has been acknowledged.
//
// All batches of one broker travel in one request. Several batches of one
// partition travel one after the other; when one of them fails, the rest of
// that partition is not sent. A batch is tried again when it is known not to have
// landed, and when the leader moved: then it may stand twice, and what reads the log
// knows it by its UID, or by epoch and sequence. Where any try may have landed, the
// error says so, whatever became of the last one.
func (l *Log) Append(ctx context.Context, batches []domain.Batch) ([]domain.Appended, error) {
	out := make([]domain.Appended, len(batches))
	if !l.open() {
		for i := range out {
			out[i].Err = errClosed
		}
		return out, errClosed
	}
	ctx, cancel := context.WithTimeout(ctx, l.cfg.AppendTimeout)
	defer cancel()

	waiting := make([]int, len(batches))
	for i := range batches {
		waiting[i] = i
	}
	broken := make(map[partition]bool) // one of its batches failed
	earlier := make(map[int]error)     // of the try before, by batch
	for len(waiting) > 0 {
		var round []int
		round, waiting = l.nextRound(batches, out, waiting, broken)
		l.appendRound(ctx, batches, out, round)
		for try := 1; try < appendTries; try++ {
			again := refused(out, round)
			if len(again) == 0 || l.writing.awaitRenewal(ctx) != nil {
				break
			}
			for _, i := range again {
				earlier[i] = keepUnknown(earlier[i], out[i].Err)
			}
			l.appendRound(ctx, batches, out, again)
		}
		for _, i := range round {
			if out[i].Err = keepUnknown(earlier[i], out[i].Err); out[i].Err != nil {
				broken[partition{batches[i].Topic, batches[i].Partition}] = true
			}
		}
	}
	var faults []error
	for i := range out {
		if out[i].Err != nil {
			out[i].Err = fmt.Errorf("append to %s/%d: %w", batches[i].Topic, batches[i].Partition, out[i].Err)
			faults = append(faults, out[i].Err)
		}
	}
	return out, errors.Join(faults...)
}

// refused gives those of a round that nobody acknowledged although somebody will:
// the leader has moved, or has gone.
func refused(out []domain.Appended, round []int) []int {
	var again []int
	for _, i := range round {
		if err := out[i].Err; err != nil && movedOn(err) && (errors.Is(err, domain.ErrNotSent) || errors.Is(err, errMoved)) {
			again = append(again, i)
		}
	}
	return again
}

// keepUnknown is the error of a batch after one more try: what an earlier try left
// open, no failure of a later one settles.
func keepUnknown(earlier, last error) error {
	if last == nil || errors.Is(last, domain.ErrUnknownFate) || !errors.Is(earlier, domain.ErrUnknownFate) {
		return last
	}
	return fmt.Errorf("%w; tried again: %s", earlier, last.Error())
}

func (l *Log) acceptable(b *domain.Batch) error {
	if len(b.Messages) == 0 {
		return fmt.Errorf("%w: a batch without messages", domain.ErrInvalid)
	}
	if size := batchSize(b.Messages); size > l.cfg.MaxBatchBytes {
		return fmt.Errorf("%w: a batch of %d bytes, the limit is %d; nothing of it was sent; append less at once",
			domain.ErrInvalid, size, l.cfg.MaxBatchBytes)
	}
	return nil
}

var errBehindFailed = fmt.Errorf("%w: not tried, because a batch before it in the same call failed: %w", domain.ErrNotSent, domain.ErrTransient)

// nextRound takes the batches that can travel together: the next one of each
// partition, up to the limit on a request.
func (l *Log) nextRound(batches []domain.Batch, out []domain.Appended, waiting []int, broken map[partition]bool) (round, rest []int) {
	busy := make(map[partition]bool, len(waiting))
	size := 0
	for _, i := range waiting {
		p := partition{batches[i].Topic, batches[i].Partition}
		bytes := batchSize(batches[i].Messages)
		full := size > 0 && size+bytes > l.cfg.MaxRequestBytes
		switch {
		case broken[p]:
			out[i].Err = errBehindFailed
		case busy[p] || full:
			busy[p] = true
			rest = append(rest, i)
		default:
			if out[i].Err = l.acceptable(&batches[i]); out[i].Err != nil {
				broken[p] = true
				continue
			}
			busy[p] = true
			size += bytes
			round = append(round, i)
		}
	}
	return round, rest
}

// appendRound sends batches of different partitions, one request for each
// broker, all at the same time.
func (l *Log) appendRound(ctx context.Context, batches []domain.Batch, out []domain.Appended, round []int) {
	if len(round) == 0 {
		return
	}
	wanted := make([]partition, len(round))
	for k, i := range round {
		wanted[k] = partition{batches[i].Topic, batches[i].Partition}
	}
	brokers, faults, err := l.writing.leaders(ctx, wanted)
	if err != nil {
		for _, i := range round {
			out[i].Err = fmt.Errorf("%w: %w", domain.ErrNotSent, callError(err))
		}
		l.writing.renew()
		return
	}
	groups := make(map[int32][]int)
	for k, i := range round {
		if out[i].Err = faults[k]; faults[k] == nil {
			groups[brokers[k]] = append(groups[brokers[k]], i)
		}
	}
	if len(groups) == 1 {
		for broker, group := range groups {
			l.appendTo(ctx, broker, batches, out, group)
		}
		return
	}
	var sending sync.WaitGroup
	for broker, group := range groups {
		sending.Go(func() { l.appendTo(ctx, broker, batches, out, group) })
	}
	sending.Wait()
}

// appendTo sends the batches of one broker.
func (l *Log) appendTo(ctx context.Context, broker int32, batches []domain.Batch, out []domain.Appended, group []int) {
	own := make([]domain.Batch, len(group))
	at := make(map[partition]int, len(group))
	for k, i := range group {
		own[k] = batches[i]
		at[partition{own[k].Topic, own[k].Partition}] = i
		out[i].Err = errUnanswered
	}
	patience := l.cfg.AppendTimeout
	if deadline, ok := ctx.Deadline(); ok {
		patience = time.Until(deadline)
	}
	request := newProduce(broker, l.cfg.ClientID, own, time.Now(), patience)
	answer, err := l.writing.send(ctx, request)
	if err != nil {
		if request.withdraw() {
			err = fmt.Errorf("%w: %w", domain.ErrNotSent, callError(err))
		} else {
			err = landed(callError(err))
		}
		for _, i := range group {
			out[i].Err = err
		}
	} else {
		for _, p := range answer.(*produceAnswer).partitions {
			i, ok := at[p.partition]
			switch {
			case !ok:
			case p.code != 0:
				out[i] = domain.Appended{Err: landed(codeError(p.code))}
			default:
				out[i] = domain.Appended{Offset: p.offset}
				if p.millis > 0 {
					out[i].Time = domain.Millis(p.millis)
				}
			}
		}
	}
	for _, i := range group {
		if out[i].Err != nil && movedOn(out[i].Err) {
			l.writing.renew()
			return
		}
	}
}

var errUnanswered = fmt.Errorf("%w: the broker's answer leaves this partition out: %w", domain.ErrTransient, domain.ErrUnknownFate)
