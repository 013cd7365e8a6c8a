package outside_test

import (
	"errors"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/outside"
)

// machine has a clock of its own, one from outside, and stands still at will.
type machine struct {
	own, outside time.Duration
	reading      time.Duration // how long it takes to read the clock from outside
	err          error
}

func (m *machine) Now() (time.Duration, error) {
	m.run(m.reading)
	return m.outside, m.err
}
func (m *machine) run(d time.Duration)  { m.own, m.outside = m.own+d, m.outside+d }
func (m *machine) stop(d time.Duration) { m.outside += d }

func TestTimeThatNoOwnClockHasCountedIsSeen(t *testing.T) {
	for name, c := range map[string]struct {
		happens func(*machine)
		lost    time.Duration
	}{
		"nothing":                        {func(m *machine) { m.run(time.Hour) }, 0},
		"the machine was stopped":        {func(m *machine) { m.run(time.Second); m.stop(300 * time.Millisecond) }, 300 * time.Millisecond},
		"for less than clocks may drift": {func(m *machine) { m.run(time.Second); m.stop(outside.Tolerance) }, 0},
		"the host's time is put back":    {func(m *machine) { m.run(time.Second); m.stop(-time.Minute) }, 0},
		"the process was, not the clock": {func(m *machine) { m.run(time.Minute) }, 0},
		"a slow look":                    {func(m *machine) { m.reading = time.Second }, 0},
	} {
		m := &machine{own: time.Hour}
		w := outside.NewWatch(m, func() domain.Mono { return m.own })
		for range 3 {
			if lost, err := w.Look(); lost != 0 || err != nil {
				t.Fatalf("%s: before it %s are lost, %v", name, lost, err)
			}
			m.run(10 * time.Millisecond)
		}
		c.happens(m)
		if lost, err := w.Look(); lost != c.lost || err != nil {
			t.Errorf("%s: %s are lost, want %s; %v", name, lost, c.lost, err)
		}
		m.reading = 0
		m.run(10 * time.Millisecond)
		if lost, err := w.Look(); lost != 0 || err != nil {
			t.Errorf("%s: told again: %s, %v", name, lost, err)
		}
	}
}

func TestAClockThatFailsSaysSoAndIsGoneOnWith(t *testing.T) {
	m := &machine{}
	w := outside.NewWatch(m, func() domain.Mono { return m.own })
	_, _ = w.Look()
	m.err = errors.New("gone")
	if _, err := w.Look(); err == nil {
		t.Error("no error")
	}
	m.err = nil
	m.stop(time.Second)
	if lost, _ := w.Look(); lost != time.Second {
		t.Errorf("%s are lost", lost)
	}
}

func TestAHostsClockIsFoundOrNoneIs(t *testing.T) {
	p, err := outside.Find()
	if errors.Is(err, outside.ErrNone) {
		t.Skipf("NOT TESTED: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Close() }()
	a, err := p.Now()
	b, err2 := p.Now()
	if err = errors.Join(err, err2); err != nil || b < a {
		t.Errorf("%s reads %s and %s, %v", p.Name(), a, b, err)
	}
}
