package httpdevice

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// pace lets so many links a second look at their devices by themselves. The others
// wait in a queue, and whoever has given up its turn costs those behind it nothing.
type pace struct {
	limiter *rate.Limiter

	mu      sync.Mutex // guards the following
	queue   []guest
	serving bool // a timer runs for the next one
}

func newPace(perSecond int) pace {
	return pace{limiter: rate.NewLimiter(rate.Limit(perSecond), perSecond)}
}

// enter has g admitted in its turn.
func (p *pace) enter(g guest) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue = append(p.queue, g)
	if !p.serving {
		p.serving = true
		p.wait()
	}
}

// wait sets the timer. The caller holds mu.
func (p *pace) wait() { time.AfterFunc(p.limiter.Reserve().Delay(), p.serve) }

// serve admits the first one that still wants to come in.
func (p *pace) serve() {
	for g := p.next(); g != nil && !g.admit(); {
		g = p.next()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.serving = len(p.queue) > 0; p.serving {
		p.wait()
	}
}

func (p *pace) next() guest {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue) == 0 {
		p.queue = nil
		return nil
	}
	g := p.queue[0]
	p.queue = p.queue[1:]
	return g
}

// turn is a link's place in the queue of a pace. It is given up when the link is
// closed, or sets its timer anew.
type turn struct{ link *link }

var _ guest = (*turn)(nil)

func (t *turn) admit() bool {
	if !t.link.take(t) {
		return false
	}
	t.link.lookAgain()
	return true
}

// queueAt has the device looked at when it is its turn among all others.
func (l *link) queueAt(p *pace) {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return
	}
	mine := &turn{l}
	l.turn = mine
	l.mu.Unlock()
	p.enter(mine)
}

// take says whether a turn is still wanted, which it is once.
func (l *link) take(t *turn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.turn != t {
		return false
	}
	l.turn = nil
	return true
}
