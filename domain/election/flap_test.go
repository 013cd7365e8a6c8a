package election

import (
	"fmt"
	"testing"
	"time"
)

// flaps takes the log away from processes again and again, and tells them, for less
// than the longest wait each. Who comes back does so at its own time.
func (w *walk) flaps(until time.Duration, processes ...*process) {
	if w.now >= until {
		return
	}
	for _, p := range processes {
		p.deaf, p.mute = true, true
		p.step(LogLost{})
		w.after(w.upTo(300*time.Millisecond), func() {
			p.deaf, p.mute = false, false
			p.step(LogBack{})
			p.poll(w.upTo(w.slow))
		})
	}
	w.after(400*time.Millisecond+w.upTo(600*time.Millisecond), func() { w.flaps(until, processes...) })
}

// A holder that has ended is followed, though the log comes and goes for the only
// one that could follow; one that lives stays, though it comes and goes for all.
func TestALogThatComesAndGoesPutsAClaimOffOnlySoLong(t *testing.T) {
	const lasts = time.Minute
	for seed := int64(1); seed <= int64(*walks)/3; seed++ {
		for _, lives := range []bool{false, true} {
			if err := flapping(seed, lives, lasts); err != nil {
				t.Errorf("seed %d, the holder lives: %t: %v", seed, lives, err)
			}
		}
	}
}

func flapping(seed int64, lives bool, lasts time.Duration) error {
	w := newWalk(seed, 0)
	for _, name := range []string{"a", "b"} {
		w.launch(name)
		w.run(50 * time.Millisecond)
	}
	w.run(2 * time.Second)
	holder, epoch := w.holder(), w.oracle.Epoch()
	if holder == nil {
		return fmt.Errorf("nobody holds epoch %d", epoch)
	}
	if lives {
		w.flaps(w.now+lasts, w.procs...)
		w.run(lasts + 2*time.Second)
		if w.err == nil && w.oracle.Epoch() != epoch {
			w.failf("a holder that lives was followed")
		}
		return w.err
	}
	holder.dead = true
	for _, p := range w.procs {
		if p != holder {
			w.flaps(w.now+lasts, p)
		}
	}
	w.run(lasts)
	if w.err == nil && w.oracle.Epoch() != epoch+1 {
		w.failf("the holder has ended, and %s later the epoch is %d, after %d", lasts, w.oracle.Epoch(), epoch)
	}
	return w.err
}
