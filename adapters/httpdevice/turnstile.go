package httpdevice

import (
	"sync"
	"time"
)

// turnstile lets a few links at a time look at their devices, so that a takeover,
// which has all of them look at once, needs neither the memory nor the sockets
// for it. A device that keeps its link waiting is not waited for: its place is
// given to the next one.
type turnstile struct {
	mu     sync.Mutex // guards the following
	inside int
	queue  []guest
}

// guest comes in when it is admitted, unless it says that it will not. Whoever
// has come in leaves.
type guest interface{ admit() bool }

var _ guest = (*link)(nil)

// How many may be inside, and how long a place is kept.
const (
	maxInside = 128
	keepPlace = 100 * time.Millisecond
)

// enter has g admitted, now or in its turn.
func (t *turnstile) enter(g guest) {
	t.mu.Lock()
	if t.inside == maxInside {
		t.queue = append(t.queue, g)
		t.mu.Unlock()
		return
	}
	t.inside++
	t.mu.Unlock()
	if !g.admit() {
		t.leave()
	}
}

// leave admits the next one.
func (t *turnstile) leave() {
	for {
		next := t.next()
		if next == nil || next.admit() {
			return
		}
	}
}

// next is who takes a place that has become free.
func (t *turnstile) next() guest {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.queue) == 0 {
		t.inside--
		t.queue = nil
		return nil
	}
	next := t.queue[0]
	t.queue = t.queue[1:]
	return next
}

// keep keeps the place of a guest from its admission on, but not for long: it may
// not even have begun then.
func (t *turnstile) keep() (leave func()) {
	once := sync.OnceFunc(t.leave)
	timer := time.AfterFunc(keepPlace, once)
	return func() {
		timer.Stop()
		once()
	}
}
