package election

import (
	"fmt"
	"testing"
	"time"
)

// outages takes the log away from a healthy landscape, again and again, and in
// silence: nothing is reset, nobody is told. It is an error if another one is the
// primary after that, or if a holder that really ends is not followed in time.
func outages(seed int64, broken breaks, say func(format string, args ...any)) error {
	w := newWalk(seed, broken)
	if say != nil {
		w.say = func(format string, args ...any) { say("%10s  %s", w.now, fmt.Sprintf(format, args...)) }
	}
	for _, name := range []string{"a", "b", "c"}[:2+w.rnd.Intn(2)] {
		w.launch(name)
		w.run(50 * time.Millisecond)
	}
	w.run(2 * time.Second)
	for range 8 {
		epoch := w.oracle.Epoch()
		d := w.lapse()
		if w.chance(0.3) {
			d *= time.Duration(1 + w.rnd.Intn(3))
			w.shuts(d)
			w.run(d + 2*time.Second)
			if w.err == nil && w.oracle.Epoch() != epoch {
				w.failf("the log took nothing, and epoch %d follows on %d", w.oracle.Epoch(), epoch)
			}
			continue
		}
		w.outage(d, w.comeback())
		if d > 2*max(w.oracle.TTL(), lossStep) && w.chance(0.5) {
			w.after(d-1, w.disconnect)
		}
		w.run(d + 2*time.Second)
		if w.err == nil && w.oracle.Epoch() != epoch {
			w.failf("the log was away, and epoch %d follows on %d", w.oracle.Epoch(), epoch)
		}
	}
	w.dieIn(w.chance(0.5))
	return w.err
}

// lapse is how long an outage takes: as often around a TTL as far from any.
func (w *walk) lapse() time.Duration {
	if w.chance(0.5) {
		return w.oracle.TTL()/2 + w.upTo(w.oracle.TTL())
	}
	return w.upTo(2500 * time.Millisecond)
}

// shuts has the log take nothing for d, though it answers who reads.
func (w *walk) shuts(d time.Duration) {
	w.say("the log takes nothing")
	w.shut = []shut{holds, refuses}[w.rnd.Intn(2)]
	back := w.comeback()
	w.after(d, func() { w.thaw(back) })
}

// comeback is how what has waited reaches the log again: within milliseconds.
func (w *walk) comeback() func() time.Duration {
	w.slow = millis(1 + w.rnd.Intn(5))
	return func() time.Duration { return w.upTo(w.slow) }
}

// disconnect loses what waits for the log, and every server has to find its way
// back to it: each at its own time.
func (w *walk) disconnect() {
	w.say("connections break")
	w.stuck = nil
	for _, p := range w.procs {
		p.deaf, p.mute = true, true
		w.after(w.upTo(600*time.Millisecond), func() {
			p.deaf, p.mute = false, false
			p.poll(w.upTo(w.slow))
		})
	}
}

// dieIn ends the holder unseen, in an outage or not, and waits for the next one.
func (w *walk) dieIn(outage bool) {
	epoch := w.oracle.Epoch()
	bound := 2*w.oracle.TTL() + 100*time.Millisecond
	if outage {
		bound = 2*DefaultMaxTTL + 200*time.Millisecond
		d := w.upTo(time.Second)
		w.outage(d, w.comeback())
		w.run(w.upTo(d))
		bound += d
	}
	w.say("%s ends, unseen", w.holder().id)
	w.holder().dead = true
	w.run(bound)
	if w.err == nil && w.oracle.Epoch() != epoch+1 {
		w.failf("the holder has ended, and %s later the epoch is %d, after %d", bound, w.oracle.Epoch(), epoch)
	}
}

func TestAnOutageOfTheLogIsNoTakeover(t *testing.T) {
	if *walkSeed != 0 {
		if err := outages(*walkSeed, 0, t.Logf); err != nil {
			t.Fatal(err)
		}
		return
	}
	for seed := int64(1); seed <= int64(*walks)/3; seed++ { // each has eight outages
		if err := outages(seed, 0, nil); err != nil {
			t.Fatalf("%v (tell the story: go test -run TestAnOutage -walkseed %d -v)", err, seed)
		}
	}
}

// These rules keep a healthy primary in office; without any one of them an outage
// turns into a takeover.
func TestOutagesFindEachRuleThatIsTakenAway(t *testing.T) {
	for r, name := range map[rule]string{ruleProof: "a standby waits only while the log gives it back what it writes", ruleLongWait: "who had lost the log waits the longest TTL"} {
		t.Run(name, func(t *testing.T) {
			for seed := int64(1); seed <= 300; seed++ {
				if err := outages(seed, breaks(r), nil); err != nil {
					t.Logf("seed %d: %v", seed, err)
					return
				}
			}
			t.Error("nothing was found")
		})
	}
}
