package bench

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/understudy-io/understudy/adapters/kafka"
	"github.com/understudy-io/understudy/domain"
)

// Options say what to measure and with how much.
type Options struct {
	Only    []string // names of measurements; empty means all
	Records int      // in the log, of replay, start and takeover
	UIDs    int      // remembered, of start, pause, memory and takeover
	Devices int      // of memory, pause, hang, configuration, ingest and takeover
	Servers int      // of a landscape whose latency is measured, 1 to 8
	Rounds  int      // pairs of blocks of each measurement
	Block   time.Duration

	Dir   string       // for all data; it must exist and be empty
	Kafka kafka.Config // of the brokers to measure; without brokers an embedded one is started
	// ServerKafka is the section kafka of the servers' configuration, for TLS and
	// SASL; brokers are filled in.
	ServerKafka map[string]any
	Program     string // the executable of the child processes

	Progress func(Progress) // never nil
}

// Progress tells how far a run is.
type Progress struct {
	Measurement string
	Number, Of  int
	Step        string        // what it does now
	Left        time.Duration // about
}

// Limits of the sizes.
const (
	maxRecords = 100_000_000
	maxUIDs    = 1_600_000 // what 8 partitions remember
	maxDevices = 20_000
	maxServers = 8
	maxRounds  = 1_000
)

// partitions of every landscape here: the default of a landscape.
const partitions = 8

// Validate says everything that is wrong with them.
func (o *Options) Validate() error {
	var faults []error
	between := func(what string, n, least, most int) {
		if n < least || n > most {
			faults = append(faults, fmt.Errorf("%s %d: give %d to %d", what, n, least, most))
		}
	}
	between("--records", o.Records, 1_000, maxRecords)
	between("--uids", o.UIDs, 100, maxUIDs)
	between("--devices", o.Devices, 2, maxDevices)
	between("--servers", o.Servers, 1, maxServers)
	between("--rounds", o.Rounds, 1, maxRounds)
	if o.UIDs > o.Records/recordsPerCommand {
		faults = append(faults, fmt.Errorf("--uids %d: each takes %d records, so give --records %d at least", o.UIDs, recordsPerCommand, o.UIDs*recordsPerCommand))
	}
	if o.Block < 50*time.Millisecond || o.Block > 10*time.Minute {
		faults = append(faults, fmt.Errorf("--block %s: give 50ms to 10m", o.Block))
	}
	for _, name := range o.Only {
		if !slices.Contains(Names(), name) {
			faults = append(faults, fmt.Errorf("--only %s: give some of %s", name, strings.Join(Names(), ", ")))
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %w", domain.ErrInvalid, errors.Join(faults...))
}

// measurement is one of the figures' makers.
type measurement struct {
	name  string
	about func(*Options) time.Duration // how long it takes, for the time that is left
	run   func(context.Context, *bench) error
}

// all measurements, in the order in which they run: from the cheap to the dear.
var all = []measurement{
	{"fold", aboutFold, measureFold},
	{"latency", aboutLatency, measureLatency},
	{"ingest", aboutIngest, measureIngest},
	{"replay", aboutReplay, measureReplay},
	{"verify", aboutVerify, measureVerify},
	{"lookback", aboutLookback, measureLookback},
	{"transfer", aboutTransfer, measureTransfer},
	{"sign", aboutSign, measureSign},
	{"hang", aboutHang, measureHang},
	{"configuration", aboutConfiguration, measureConfiguration},
	{"memory", aboutMemory, measureMemory},
	{"pause", aboutPause, measurePause},
	{"start", aboutStart, measureStart},
	{"takeover", aboutTakeover, measureTakeover},
}

// Names of the measurements, in the order in which they run.
func Names() []string {
	var names []string
	for _, m := range all {
		names = append(names, m.name)
	}
	return names
}

// Run measures. When one measurement fails, the figures of those before it come
// with the error.
func Run(ctx context.Context, o Options) ([]Figure, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	b := &bench{Options: o, began: time.Now()}
	for _, m := range all {
		if len(o.Only) == 0 || slices.Contains(o.Only, m.name) {
			b.plan = append(b.plan, m)
		}
	}
	for i, m := range b.plan {
		b.now, b.turn = i, time.Now()
		b.step("begins")
		if err := m.run(ctx, b); err != nil {
			return b.figures, fmt.Errorf("measure %s: %w", m.name, err)
		}
		// What one has left behind is not the next one's to clear away.
		runtime.GC()
	}
	return b.figures, nil
}

// bench is a run at work.
type bench struct {
	Options
	began   time.Time // of the run
	turn    time.Time // of the present measurement
	plan    []measurement
	now     int
	figures []Figure
	names   int // of landscapes
}

func (b *bench) report(f ...Figure) { b.figures = append(b.figures, f...) }

// step tells what is done now, and about how long all takes: as planned, and as
// much slower or faster as it was until now.
func (b *bench) step(format string, args ...any) {
	b.Progress(Progress{
		Measurement: b.plan[b.now].name, Number: b.now + 1, Of: len(b.plan), Step: fmt.Sprintf(format, args...),
		Left: b.left(b.turn.Sub(b.began), time.Since(b.turn)),
	})
}

// left is about how long the run still takes: spent is what the measurements
// before this one took, since how long this one is at work.
func (b *bench) left(spent, since time.Duration) time.Duration {
	var planned, rest time.Duration
	for i, m := range b.plan {
		switch about := m.about(&b.Options); {
		case i < b.now:
			planned += about
		default:
			rest += about
		}
	}
	pace := 1.0
	if planned > 0 {
		pace = float64(spent) / float64(planned)
	}
	own := b.plan[b.now].about(&b.Options)
	return time.Duration(pace*float64(rest-own)) + max(0, time.Duration(pace*float64(own))-since)
}

// inTurn runs pairs of blocks, and lets the other one begin each time: whoever
// comes second may find a warmer machine.
func (b *bench) inTurn(ctx context.Context, value, limit func(context.Context) (float64, error)) (pairs, error) {
	var p pairs
	for round := range b.Rounds {
		b.step("pair %d of %d", round+1, b.Rounds)
		first, second := value, limit
		if round%2 == 1 {
			first, second = limit, value
		}
		x, err := first(ctx)
		if err != nil {
			return p, err
		}
		y, err := second(ctx)
		if err != nil {
			return p, err
		}
		if round%2 == 1 {
			x, y = y, x
		}
		p.add(x, y)
	}
	return p, nil
}

// aboutFill is how long it takes to start a landscape with so many records.
func aboutFill(records int) time.Duration {
	return 3*time.Second + time.Duration(records)*time.Second/fillRate
}

// sleep waits unless ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
