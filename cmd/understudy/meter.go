package main

import (
	"fmt"
	"io"
	"os"
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
	out := cmd.ErrOrStderr()
	if f, ok := out.(*os.File); ok && !p.progress {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			return out
		}
		return nil
	}
	if p.progress {
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

const meterEvery = 500 * time.Millisecond

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
