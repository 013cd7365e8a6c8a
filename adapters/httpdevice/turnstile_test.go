package httpdevice

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// visitor stays for a while when it is admitted.
type visitor struct {
	inside *turnstile
	stays  time.Duration
	wg     *sync.WaitGroup
	came   chan<- time.Time
}

func (v visitor) admit() bool {
	leave := v.inside.keep()
	v.wg.Go(func() {
		defer leave()
		v.came <- time.Now()
		time.Sleep(v.stays)
	})
	return true
}

// deserter is a link that was closed while it waited.
type deserter struct{}

func (deserter) admit() bool { return false }

// visit has n visitors enter at once, and gives how long each has waited.
func visit(t *turnstile, n int, stays time.Duration) (waited []time.Duration) {
	var wg sync.WaitGroup
	came := make(chan time.Time, n)
	began := time.Now()
	for range n {
		t.enter(visitor{t, stays, &wg, came})
		t.enter(deserter{})
	}
	wg.Wait()
	for range n {
		waited = append(waited, (<-came).Sub(began))
	}
	return waited
}

func TestOnlySoManyLookAtTheirDevicesAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var inside turnstile
		for i, waited := range visit(&inside, 3*maxInside, keepPlace/2) {
			if want := time.Duration(i/maxInside) * keepPlace / 2; waited != want {
				t.Fatalf("number %d waited %s, want %s", i, waited, want)
			}
		}
		if inside.inside != 0 || inside.queue != nil {
			t.Errorf("%d are left inside, %d wait", inside.inside, len(inside.queue))
		}
	})
}

func TestAPlaceIsNotKeptForADeviceThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var inside turnstile
		for i, waited := range visit(&inside, 3*maxInside, time.Hour) {
			if want := time.Duration(i/maxInside) * keepPlace; waited != want {
				t.Fatalf("number %d waited %s, want %s", i, waited, want)
			}
		}
		if inside.inside != 0 {
			t.Errorf("%d are left inside", inside.inside)
		}
	})
}
