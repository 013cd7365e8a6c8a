package httpdevice

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// chores are what is to be done about reading the device: when the link opens,
// every poll interval, when asked to, after an action that sets a value, and with
// back-off while the device is away. They are done one after the other, so what
// the sink is told is never older than what it was told before.
type chores struct {
	readings []*reading // to read back
	stalled  bool       // an action found no time to be sent
	rest     bool       // nothing was read for a while
	leave    func()     // the turnstile, after a look at the whole device; nil if it is not its turn
}

func (c *chores) any() bool {
	return c.readings != nil || c.stalled || c.rest || c.leave != nil
}

// ask adds a chore, and starts the one who does it; false if the link is closed.
func (l *link) ask(chore func(*chores)) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	chore(&l.todo)
	if !l.working {
		l.working = true
		l.running.Add(1)
		go l.work()
	}
	return true
}

// work does the chores until none is left.
func (l *link) work() {
	defer l.running.Done()
	for {
		l.mu.Lock()
		todo := l.todo
		l.todo = chores{}
		if todo.leave != nil {
			l.waiting = false
		}
		l.working = todo.any()
		working := l.working
		l.mu.Unlock()
		if !working {
			return
		}
		l.do(todo)
	}
}

func (l *link) do(todo chores) {
	for _, r := range todo.readings {
		l.readOne(r)
	}
	if todo.stalled {
		// Whoever could not send waits to hear that the device is there again.
		l.quiet()
		l.lose(errBusy.Error())
	}
	if todo.rest {
		l.putAway()
	}
	if todo.leave != nil {
		l.check()
		todo.leave()
	} else if todo.readings != nil && l.idles() {
		l.schedule()
	}
}

// lookAgain has the whole device looked at, once for all who ask meanwhile.
func (l *link) lookAgain() {
	l.mu.Lock()
	first := !l.waiting
	l.waiting = true
	l.mu.Unlock()
	if first {
		l.driver.inside.enter(l)
	}
}

// admit is called by the turnstile; false if the link is closed.
func (l *link) admit() bool {
	return l.ask(func(todo *chores) { todo.leave = l.driver.inside.keep() })
}

// due is called by the timer.
func (l *link) due() {
	switch {
	case l.isDown():
		l.queueAt(&l.driver.retries)
	case l.idles():
		l.ask(func(todo *chores) { todo.rest = true })
	case l.poll > 0:
		l.lookAgain()
	default:
		l.queueAt(&l.driver.probes)
	}
}

// in sets the timer. The caller holds mu.
func (l *link) in(wait time.Duration) {
	l.turn = nil
	switch {
	case l.closed:
	case l.timer == nil:
		l.timer = time.AfterFunc(wait, l.due)
	default:
		l.timer.Reset(wait)
	}
}

// idles says that the device is only read when somebody asks.
func (l *link) idles() bool { return len(l.plan.readings) > 0 && l.poll == 0 }

// schedule sets the timer for a device that has just been read, unless it was lost
// since: then retry has set it, or is about to.
func (l *link) schedule() {
	l.sinkMu.Lock()
	defer l.sinkMu.Unlock()
	if l.state != up {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pause = l.driver.options.BackoffMin
	switch {
	case l.idles():
		l.in(l.driver.options.restAfter)
	case l.poll > 0:
		l.in(l.poll)
	default:
		l.in(l.driver.options.ProbeEvery)
	}
}

// retry sets the timer for a device that is lost.
func (l *link) retry() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.in(jitter(l.pause))
	l.pause = min(2*l.pause, l.driver.options.BackoffMax)
}

// check looks at the whole device.
func (l *link) check() {
	before, ref := l.losses(), l.takeWanted()
	values, err := l.look()
	if err != nil {
		l.quiet() // the answer to a request under way comes before the loss
		l.lose(domain.Plain(err))
	} else if l.rise(before, ref, values) {
		l.schedule()
	}
}

func (l *link) look() ([]domain.Value, error) {
	if len(l.plan.readings) == 0 {
		return nil, l.probe()
	}
	return l.readAll()
}

// probe tells by a connection alone whether a device that has nothing to read
// is there.
func (l *link) probe() error {
	if l.single && l.isConnected() {
		return nil
	}
	over, err := l.alone()
	if err != nil {
		return err
	}
	defer over()
	if err := l.mayConnect(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(l.life, l.driver.options.DialTimeout)
	defer cancel()
	c, err := l.driver.options.DialRead(ctx, "tcp", l.plan.authority)
	if err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	return c.Close()
}

// readOne reads a value back after an action that sets it.
func (l *link) readOne(r *reading) {
	if l.isDown() {
		return // everything is read when it is back
	}
	doc := documents{link: l}
	value, err := doc.read(r)
	if err != nil {
		l.quiet()
		l.lose(domain.Plain(err))
		return
	}
	l.tell(func() { l.sink.Reported([]domain.Value{value}, false) })
}

// quiet waits until no request is under way: a small device that does one
// thing at a time is not taken for lost while it does ours.
func (l *link) quiet() {
	select {
	case l.slot <- struct{}{}:
		<-l.slot
	case <-l.life.Done():
	}
}

// rise reports the state and that the device is there, unless it was lost
// since the read began. The reading answers the Refresh ref.
func (l *link) rise(before, ref uint64, values []domain.Value) (risen bool) {
	l.tell(func() {
		if l.generation != before {
			return
		}
		risen = true
		l.sink.Reported(values, true)
		if l.state != up {
			l.state = up
			l.sink.Up(l.plan.base)
		}
		if ref != 0 {
			l.sink.Answered(domain.Answered{Ref: ref, Verdict: domain.Fresh})
		}
	})
	return risen
}

// lose says that the device is lost, once, and has it tried again after a pause.
func (l *link) lose(cause string) {
	l.tell(func() {
		l.generation++
		if l.state != down {
			l.state = down
			l.sink.Down(cause)
		}
	})
	l.retry()
}

func (l *link) losses() uint64 {
	l.sinkMu.Lock()
	defer l.sinkMu.Unlock()
	return l.generation
}

func (l *link) isDown() bool {
	l.sinkMu.Lock()
	defer l.sinkMu.Unlock()
	return l.state == down
}

// jitter spreads the attempts of many links over half the pause.
func jitter(d time.Duration) time.Duration { return d/2 + rand.N(d/2+1) }
