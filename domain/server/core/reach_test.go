package core

import (
	"slices"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// P16: what a server misses, and what it reaches of that which the primary has lost.
func TestAServerCountsTheDevicesThatItMisses(t *testing.T) {
	p := newPlay(t, 1)
	expect := func(when string, missing int64, reaches ...string) {
		t.Helper()
		p.wait(reachEvery)
		if h := p.health(); h.Missing != missing || !slices.Equal(h.Reaches, reaches) {
			t.Errorf("%s: it misses %d and reaches %q, want %d and %q", when, h.Missing, h.Reaches, missing, reaches)
		}
	}
	warm := definition()
	warm.Device, warm.StandbyPolling = "gate", false
	p.mark(0, 1, "B").fact(0, 1, router, domain.Configured{Definition: definition()}).fact(0, 1, "gate", domain.Configured{Definition: warm})
	expect("a device that has just been opened", 0)
	p.wait(awayAfter)
	expect("a device that it never reached; one that is the primary's alone does not count", 1)
	p.step(Linked{Device: router, Up: true}, Linked{Device: "gate", Up: false})
	expect("one that it reaches since a moment ago", 1)
	p.wait(awayAfter)
	expect("one that the primary has not said anything of", 0, router)
	p.fact(0, 1, router, domain.Connection{Up: true})
	expect("one that the primary reaches as well", 0)
	p.fact(0, 1, router, domain.Connection{Detail: "no route to host"})
	expect("one that the primary has lost", 0, router)
	p.mark(0, 2, "C")
	if h := p.health(); len(h.Reaches) > 0 {
		t.Errorf("what one primary had lost is held against the next: %q", h.Reaches)
	}
	p.fact(0, 2, router, domain.Connection{Up: true})
	expect("the next one reaches it", 0)
	p.step(Won{Epoch: 3}).mark(0, 3, "A")
	expect("it has become the primary", 0)
	p.step(Linked{Device: router})
	expect("it was lost a moment ago", 0)
	p.wait(awayAfter)
	expect("and is away", 1)
	p.fact(0, 3, router, domain.Configured{Definition: definition(), Removed: true}).wait(time.Minute)
	expect("and is configured no more", 0)
}

// P16: a device that never stays is missed, however often it is there; one that was there
// all the time is not, because of one moment.
func TestADeviceThatComesAndGoesIsMissed(t *testing.T) {
	p := newPlay(t, 1)
	p.mark(0, 1, "B")
	p.m.reach.counted = false // as at a start: the devices are opened before all is read
	p.fact(0, 1, router, domain.Configured{Definition: definition()})
	if p.wait(reachEvery); p.health().Counted {
		t.Error("it has counted a device that it has just opened")
	}
	p.step(Linked{Device: router, Up: true}).wait(awayAfter).wait(reachEvery)
	if h := p.health(); h.Missing != 0 || !h.Counted {
		t.Errorf("up for %s: %+v", awayAfter+reachEvery, h)
	}
	p.step(Linked{Device: router}).wait(reachEvery / 10).step(Linked{Device: router, Up: true})
	for range 4 {
		if p.wait(reachEvery); p.health().Missing != 0 {
			t.Error("one that is made anew at once is missed")
		}
	}
	for i := range 10 {
		p.step(Linked{Device: router, Up: i%2 == 1}).wait(time.Second)
		if got := p.health().Missing; i > 2 && got != 1 {
			t.Errorf("after %d s of coming and going it misses %d", i+1, got)
		}
	}
	p.wait(awayAfter).wait(reachEvery)
	if h := p.health(); h.Missing != 0 {
		t.Errorf("and it stays: it misses %d", h.Missing)
	}
}
