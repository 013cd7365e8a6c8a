package kafka

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// poll is a fetch under way at one broker, or one that is answered and not
// yet read. Log.mu guards what changes.
type poll struct {
	broker int32
	wanted map[partition]int64
	cancel context.CancelFunc

	caller   chan<- *poll // the call that waits for it; nil if none does
	finished bool
	result   []domain.Fetched
	err      error
}

// takePoll gives the caller the poll that already asks this, or a new one.
func (l *Log) takePoll(ctx context.Context, broker int32, group []domain.FetchFrom, wait time.Duration, maxBytes int, caller chan<- *poll) (*poll, error) {
	wanted := make(map[partition]int64, len(group))
	for i := range group {
		wanted[partition{group[i].Topic, group[i].Partition}] = group[i].Offset
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, errClosed
	}
	for p := range l.polls {
		switch {
		case p.broker != broker || p.caller != nil:
		case maps.Equal(p.wanted, wanted):
			p.caller = caller
			if p.finished {
				caller <- p
			}
			return p, nil
		case p.finished && p.overlaps(wanted):
			delete(l.polls, p) // its caller went on in another way
		}
	}
	// It may outlive this call, so it ends by its own time limit, or by Close.
	asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), wait+l.cfg.FetchGrace)
	p := &poll{broker: broker, wanted: wanted, cancel: cancel, caller: caller}
	l.polls[p] = struct{}{}
	// What is asked first fills the answer first: let it be another one each time.
	l.turn++
	k := l.turn % len(group)
	turned := append(group[k:len(group):len(group)], group[:k]...)
	request := newFetch(broker, l.cfg.ClientID, turned, wait, maxBytes)
	l.calls.Go(func() { l.runPoll(asking, p, request) })
	return p, nil
}

func (p *poll) overlaps(wanted map[partition]int64) bool {
	for at := range p.wanted {
		if _, ok := wanted[at]; ok {
			return true
		}
	}
	return false
}

// leavePoll gives a poll back: one that was answered has been read, another
// one stays open for the next call.
func (l *Log) leavePoll(p *poll) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p.caller = nil
	if p.finished {
		delete(l.polls, p)
	}
}

func (l *Log) runPoll(ctx context.Context, p *poll, request *fetchRequest) {
	defer p.cancel()
	var result []domain.Fetched
	answer, err := l.reading.send(ctx, request)
	if err == nil {
		result, err = decodeFetched(answer.(*fetchAnswer).body, p.wanted)
	}
	if err != nil {
		err = callError(err)
	}
	stale := err != nil && movedOn(err)
	for i := range result {
		stale = stale || (result[i].Err != nil && movedOn(result[i].Err))
	}
	if stale {
		l.reading.renew()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	p.finished, p.result, p.err = true, result, err
	if p.caller != nil {
		p.caller <- p // has room for every poll of the call
	}
}

// outcome is what an answered poll says of each of its partitions; some tells
// whether that is worth returning for.
func (p *poll) outcome() (out []domain.Fetched, some bool) {
	if p.err != nil {
		for at, offset := range p.wanted {
			out = append(out, failed(at.topic, at.id, offset, p.err))
		}
		return out, true
	}
	for i := range p.result {
		f := &p.result[i]
		if f.Err != nil {
			f.Err = fmt.Errorf("fetch %s/%d at %d: %w", f.Topic, f.Partition, f.Next, f.Err)
		}
		some = some || f.Err != nil || f.Next != p.wanted[partition{f.Topic, f.Partition}]
	}
	return p.result, some
}

// failed is the answer for a partition of which nothing is known.
func failed(topic string, id int32, offset int64, err error) domain.Fetched {
	return domain.Fetched{Topic: topic, Partition: id, HighWatermark: -1, LogStart: -1, Next: offset,
		Err: fmt.Errorf("fetch %s/%d at %d: %w", topic, id, offset, err)}
}
