package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/understudy-io/understudy/domain"
)

func aboutLookback(o *Options) time.Duration {
	return aboutFill(o.Records) + time.Duration(o.Rounds)*(time.Duration(o.Records)*time.Second/80_000+laterLooks*time.Second)
}

// laterLooks are the moments that each first look is followed by.
const laterLooks = 5

// measureLookback asks for the state at random moments of a log: first with nothing kept,
// then with the snapshots that the first look has left. The limit of the first is
// kafka-go's own reader on as many records.
func measureLookback(ctx context.Context, b *bench) (err error) {
	l, config, err := b.readLog(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	var later, used []time.Duration // by the clock, and of the processor
	look := func(ctx context.Context) (float64, error) {
		cache := l.file("looks")
		defer func() { _ = os.RemoveAll(cache) }()
		at, records := l.somewhere(0.9)
		first, _, err := l.stateAt(ctx, config, cache, at)
		if err != nil {
			return 0, err
		}
		for range laterLooks {
			at, _ := l.somewhere(0)
			took, processor, err := l.stateAt(ctx, config, cache, at)
			if err != nil {
				return 0, err
			}
			later, used = append(later, took), append(used, processor)
		}
		return perSecond(records, first), nil
	}
	p, err := b.inTurn(ctx, look, l.bare)
	if err != nil {
		return err
	}
	slowest := slices.Max(later).Seconds()
	b.report(
		figure("state_at_first", median(p.value), "records/s").beside(median(p.limit)).paired(p).ratioAtLeast(0.5),
		figure("state_at_later_p50", quantile(later, 0.5)/1e3, "s"),
		figure("state_at_later_max", slowest, "s").atMost(1),
		figure("state_at_later_processor", quantile(used, 0.5)/1e3, "s"),
	)
	return nil
}

// somewhere is a random position behind a share of the log, and about how many records
// there are up to the moment of that record.
func (l *longLog) somewhere(least float64) (domain.Position, int) {
	share := least + rand.Float64()*(1-least)
	p := rand.IntN(len(l.bounds))
	b := l.bounds[p]
	return domain.Position{Partition: int32(p), Offset: b.Start + int64(share*float64(b.End-1-b.Start))}, int(share * float64(l.records))
}

// stateAt says how long a look takes, by the clock and of the processor.
func (l *landscape) stateAt(ctx context.Context, config, cache string, at domain.Position) (took, used time.Duration, err error) {
	began := time.Now()
	_, state, err := l.ask(ctx, "state", "at", "--config", config, "--cache", cache, "--position", at.String(), "-o", "json")
	if err != nil {
		return 0, 0, err
	}
	return time.Since(began), state.UserTime() + state.SystemTime(), nil
}

// ask runs a command of the program to its end, and gives what it says.
func (l *landscape) ask(ctx context.Context, args ...string) ([]byte, *os.ProcessState, error) {
	var said, complained bytes.Buffer
	cmd := exec.CommandContext(ctx, l.program, args...)
	cmd.Stdout, cmd.Stderr = &said, &complained
	if err := cmd.Run(); err != nil {
		return nil, nil, fmt.Errorf("understudy %s: %w: %s", strings.Join(args[:2], " "), err, complained.String())
	}
	return said.Bytes(), cmd.ProcessState, nil
}
