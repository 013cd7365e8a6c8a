package httpdevice

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// watch reads the device: when the link opens, every poll interval, when asked
// to, after an action that sets a value, and with back-off while it is away.
// All reads are here, one after the other, so what the sink is told is never
// older than what it was told before.
func (l *link) watch() {
	defer l.running.Done()
	timer := time.NewTimer(0)
	defer timer.Stop()
	pause := l.options.BackoffMin
	for {
		select {
		case <-l.life.Done():
			return
		case r := <-l.readBack:
			l.readOne(r)
			continue
		case <-l.lost:
			timer.Reset(jitter(pause))
			pause = min(2*pause, l.options.BackoffMax)
			continue
		case <-l.stalled:
			// Whoever could not send waits to hear that the device is there again.
			l.quiet()
			l.lose(errBusy.Error())
			continue
		case <-l.refresh:
			if l.isDown() {
				continue // it is being tried already
			}
		case <-timer.C:
		}
		if l.check() {
			pause = l.options.BackoffMin
			l.schedule(timer)
		}
	}
}

// schedule sets the timer to the next look at a device that is there.
func (l *link) schedule(timer *time.Timer) {
	switch {
	case len(l.plan.readings) == 0:
		timer.Reset(l.options.ProbeEvery)
	case l.poll > 0:
		timer.Reset(l.poll)
	default:
		timer.Stop()
	}
}

// check looks at the whole device.
func (l *link) check() bool {
	before, ref := l.losses(), l.takeWanted()
	values, err := l.look()
	if err != nil {
		l.quiet() // the answer to a request under way comes before the loss
		l.lose(err.Error())
		return false
	}
	return l.rise(before, ref, values)
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
	ctx, cancel := context.WithTimeout(l.life, l.options.DialTimeout)
	defer cancel()
	c, err := l.options.DialRead(ctx, "tcp", l.plan.authority)
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
		l.lose(err.Error())
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
			l.sink.Up(l.plan.base.String())
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
	wake(l.lost)
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
