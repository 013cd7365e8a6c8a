package memlog

import (
	"fmt"
	"maps"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// Fate is what becomes of an append.
type Fate uint8

// The fates. Only Lands is acknowledged.
const (
	Lands      Fate = iota
	Fails           // does not land, and the caller knows it
	Lost            // does not land, and the caller cannot know it
	AnswerLost      // lands, and the caller cannot know it
	Delayed         // lands when Deliver is called, and the caller cannot know it
	Doubled         // lands twice, acknowledged once
)

// OnAppend asks decide for the fate of each batch from now on; nil lets all
// land. decide is called with the batch in the order of the appends, one at a
// time, and must not call the Log.
func (l *Log) OnAppend(decide func(domain.Batch) Fate) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.decide = decide
}

// Deliver lets up to n delayed batches land, oldest first, and says how many
// did; a negative n means all.
func (l *Log) Deliver(n int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cluster.mu.Lock()
	defer l.cluster.mu.Unlock()
	done := 0
	for len(l.delayed) > 0 && done != n {
		if _, err := l.cluster.add(&l.delayed[0]); err == nil {
			done++
		}
		l.delayed = l.delayed[1:]
	}
	return done
}

// Delayed says how many batches wait for Deliver.
func (l *Log) Delayed() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.delayed)
}

// Unreachable cuts this Log off from the cluster, or connects it again. Calls
// that wait end with an error.
func (l *Log) Unreachable(cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = cut
	l.wake()
}

// Freeze makes this Log see nothing newer than what is there now: a reader
// that lags. Thaw ends it.
func (l *Log) Freeze() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cluster.mu.Lock()
	defer l.cluster.mu.Unlock()
	l.horizon = make(map[place]int64)
	for topic, ps := range l.cluster.topics {
		for id := range ps {
			l.horizon[place{topic, int32(id)}] = ps[id].end()
		}
	}
}

// Thaw lets this Log see everything again.
func (l *Log) Thaw() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.horizon = nil
	l.wake()
}

// Reveal lets a frozen Log see n more records of one partition.
func (l *Log) Reveal(topic string, id int32, n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.horizon != nil {
		l.horizon = maps.Clone(l.horizon)
		l.horizon[place{topic, id}] += n
		l.wake()
	}
}

// SlowFetch holds back each answer with messages for as long as delay says;
// nil answers at once.
func (l *Log) SlowFetch(delay func() time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.delay = delay
}

// wake ends the waits of this Log, so that they look again; the caller holds mu.
func (l *Log) wake() {
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}

var (
	errCut    = fmt.Errorf("%w: the broker cannot be reached", domain.ErrTransient)
	errFailed = fmt.Errorf("%w: %w: the append failed on purpose", domain.ErrNotSent, domain.ErrTransient)
	errFate   = fmt.Errorf("%w: %w: no answer from the broker in time", domain.ErrUnknownFate, domain.ErrTransient)
	errClosed = fmt.Errorf("%w: %w: the log is closed", domain.ErrConflict, domain.ErrNotSent)
)
