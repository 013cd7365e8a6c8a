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
	serving bool // somebody sees to it that the next one is admitted
}

func newPace(perSecond int) pace {
	return pace{limiter: rate.NewLimiter(rate.Limit(perSecond), perSecond)}
}

// enter has g admitted, now or in its turn.
func (p *pace) enter(g guest) {
	p.mu.Lock()
	p.queue = append(p.queue, g)
	served := p.serving
	p.serving = true
	p.mu.Unlock()
	if !served {
		p.serve()
	}
}

// serve admits those whose turn it is, and comes again for the next one.
func (p *pace) serve() {
	for p.wanted() {
		if wait := p.limiter.Reserve().Delay(); wait > 0 {
			time.AfterFunc(wait, func() {
				p.admit()
				p.serve()
			})
			return
		}
		p.admit()
	}
}

// wanted says whether anybody waits. If not, the next one to enter serves.
func (p *pace) wanted() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.serving = len(p.queue) > 0
	return p.serving
}

// admit lets in the first one that still wants to.
func (p *pace) admit() {
	for g := p.next(); g != nil && !g.admit(); {
		g = p.next()
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
