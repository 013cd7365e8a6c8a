package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/spf13/cobra"
)

// progressFlag is --progress.
type progressFlag struct{ progress bool }

func (p *progressFlag) register(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&p.progress, "progress", false, "tell on standard error how far it is, also where that is no terminal")
}

// notes is where progress goes to, nil for nowhere.
func (p *progressFlag) notes(cmd *cobra.Command) io.Writer {
	if out := cmd.ErrOrStderr(); p.progress || isTerminal(out) {
		return out
	}
	return nil
}

// meter tells on standard error how far a long work is, and how long it
// will take: on a terminal, or when it is asked for.
type meter struct {
	mu          sync.Mutex
	out         io.Writer
	what        string
	total, done int64
	began, told time.Time
}

const (
	meterEvery = 500 * time.Millisecond
	meterIdle  = 5 * time.Second // while nothing is done
)

// restart begins another work with the same meter.
func (p *meter) restart(total int64, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.total, p.done, p.began, p.told = total, 0, now, now
}

// newMeter tells nothing if out is nil.
func newMeter(out io.Writer, what string, total int64, now time.Time) *meter {
	return &meter{out: out, what: what, total: total, began: now, told: now}
}

// keep has it tell also while nothing is done for a while, until end is called.
func (p *meter) keep() (end func()) {
	if p.out == nil {
		return func() {}
	}
	over := make(chan struct{})
	var telling sync.WaitGroup
	telling.Go(func() {
		tick := time.NewTicker(meterIdle)
		defer tick.Stop()
		for {
			select {
			case now := <-tick.C:
				p.add(0, now)
			case <-over:
				return
			}
		}
	})
	return func() { close(over); telling.Wait() }
}

func (p *meter) add(n int, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += int64(n)
	if p.out == nil || now.Sub(p.told) < meterEvery {
		return
	}
	p.told = now
	took := now.Sub(p.began)
	line := fmt.Sprintf("%s: %d of %d records, %.0f/s", p.what, p.done, p.total, float64(p.done)/took.Seconds())
	if p.done > 0 && p.total > p.done {
		left := time.Duration(float64(took) * float64(p.total-p.done) / float64(p.done))
		line += ", about " + short(left.Round(time.Second)) + " left"
	}
	_, _ = fmt.Fprintln(p.out, line)
}
