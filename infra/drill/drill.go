package drill

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/clock"
)

// Kind says how the primary is ended.
type Kind string

// The kinds of drills.
const (
	Kill       Kind = "kill"       // SIGKILL to the server's process; its guard sees it
	Host       Kind = "host"       // SIGKILL to guard and server together, as when a host is gone
	Pause      Kind = "pause"      // SIGSTOP to the server, SIGCONT after the takeover
	Freeze     Kind = "freeze"     // the server stops itself between its lease check and the write; SIGCONT after the takeover
	Isolate    Kind = "isolate"    // server and guard lose the log but keep the devices
	Switchover Kind = "switchover" // planned
	FailBack   Kind = "fail-back"  // the favourite is started again, and primacy goes back to it
	Observe    Kind = "observe"    // nothing is done: a run is a second of the stream
)

// Kinds lists them.
var Kinds = []Kind{Kill, Host, Pause, Freeze, Isolate, Switchover, FailBack, Observe}

// Landscape is what a drill needs of the landscape that it rehearses on.
type Landscape interface {
	// Valve says where the lease is checked: "kernel", if by every server's kernel.
	Valve(ctx context.Context) (string, error)
	// Primary names the server that acts, once one does and all others are
	// ready to take over; it waits for that.
	Primary(ctx context.Context) (string, error)
	// Successor names the server that would take over from it, in a planned move or by
	// itself; empty if none could.
	Successor(ctx context.Context, planned bool) (string, error)
	// Note notes that a fault is about to be made that must be lifted, so that it
	// is lifted too if the drill is ended by force; Forget, that it was.
	Note(server string) error
	Forget() error
	// Kill ends the server's process; with host, its guard too.
	Kill(server string, host bool) error
	// Pause stops the server's process, Continue lets it go on.
	Pause(server string) error
	Continue(server string) error
	// Freeze has the server's process stop itself between its next lease check and
	// the write, and waits until it has.
	Freeze(ctx context.Context, server string) error
	// Cut takes the log away from a server; Heal gives it back.
	Cut(ctx context.Context, server, mode string) error
	Heal(ctx context.Context, server string) error
	// Revive starts again what Kill with host has ended.
	Revive(ctx context.Context, server string) error
	// Switchover moves primacy as planned.
	Switchover(ctx context.Context, from string) error
	// Favour has primacy come back by itself to a server that has been ready for the
	// hold-down; Restore brings back the policy that was.
	Favour(ctx context.Context, server string, holdDown time.Duration) error
	Restore(ctx context.Context) error
}

// Options of a drill.
type Options struct {
	Kind       Kind
	Runs       int
	Cut        string  // of Isolate: drop, in, out or reset
	Rate       float64 // commands per second
	OneShots   float64 // share of them that are one-shots
	Landscape  string
	Partitions int32
	Hub, Gate  string            // URLs of the simulators' controls
	Servers    map[string]string // server by the address from which it reaches devices
	Progress   func(run int, took time.Duration)
	Logger     *slog.Logger
}

// Bounds of one run.
const (
	takeoverLimit = 15 * time.Second // from the fault to the first action of another server
	failBackLimit = 60 * time.Second // the same, with the start of a server and its hold-down before
	holdDown      = time.Second      // of a favourite, for the time of a drill
	staleWindow   = 300 * time.Millisecond
	steady        = 250 * time.Millisecond // of the stream before each fault
	baseline      = 3 * time.Second        // of the stream before the first one, to measure commands undisturbed
	settleLimit   = 60 * time.Second       // for the last outcomes, after the stream has ended
	settleRetry   = 100 * time.Millisecond // after a look at them that failed
)

// NoTakeover is what Progress is told of a run in which nobody took over.
const NoTakeover time.Duration = -1

// Report is the result of a drill, as `-o json` prints it.
type Report struct {
	Kind               Kind      `json:"kind"`
	Runs               int       `json:"runs"`
	Valve              string    `json:"valve"` // "kernel" or "process"
	FaultToFirstAction Quantiles `json:"fault_to_first_action_ms"`
	Commands           int       `json:"commands"`
	CommandsPerSecond  float64   `json:"commands_per_second"` // logged, from the first to the last
	ActionsPerSecond   float64   `json:"actions_per_second"`  // received by devices in that time
	Lost               int       `json:"lost"`
	Doubled            int       `json:"doubled"`
	OutOfOrder         int       `json:"out_of_order"`
	InDoubt            int       `json:"in_doubt"`
	Stale              int       `json:"stale_actions"`
	Unsent             int       `json:"confirmed_but_not_received"`
	Repeated           int       `json:"more_than_one_outcome"`
	Unfinished         int       `json:"runs_without_takeover"`
	LongestGap         float64   `json:"longest_gap_ms"`
	Changes            int       `json:"changes_of_primary"`
	RawRoundTrip       Quantiles `json:"raw_round_trip_ms"`
	RawByRelay         Quantiles `json:"raw_round_trip_by_relay_ms"` // as the servers reach the broker
	CommandToDevice    struct {
		Absolute Quantiles `json:"absolute"`
		OneShot  Quantiles `json:"one_shot"`
	} `json:"command_to_device_ms"`
	Outcomes map[domain.Outcome]int `json:"outcomes"`
}

// Passed says whether nothing happened that must not happen.
func (r Report) Passed() bool {
	return r.Lost == 0 && r.Doubled == 0 && r.OutOfOrder == 0 && r.Stale == 0 && r.Unsent == 0 && r.Repeated == 0 && r.Unfinished == 0
}

// Run rehearses. When ctx ends it lifts the fault that it has just made, and
// reports of the runs until then. The commands go through log; relayed reaches the same broker
// through a relay, as the servers do, and is measured only.
func Run(ctx context.Context, o Options, land Landscape, log, relayed Log, codec Codec) (Report, error) {
	w := newWatch(source{device: hubDevice, control: o.Hub}, source{device: gateDevice, control: o.Gate}, o.Servers)
	if err := w.skip(ctx); err != nil {
		return Report{}, err
	}
	valve, err := land.Valve(ctx)
	if err != nil {
		return Report{}, err
	}
	if err := rehearsable(ctx, o.Kind, land); err != nil {
		return Report{}, err
	}
	books, err := newLedger(ctx, log, codec, o.Landscape)
	if err != nil {
		return Report{}, err
	}
	s := &stream{
		log: log, codec: codec, landscape: o.Landscape, partitions: o.Partitions,
		run: strings.ReplaceAll(uuid.NewString(), "-", "")[:12],
	}
	streaming, stop := context.WithCancel(ctx)
	defer stop()
	var producers sync.WaitGroup
	producers.Go(func() { s.produce(streaming, o.Rate*(1-o.OneShots), route) })
	if o.OneShots > 0 {
		producers.Go(func() { s.produce(streaming, o.Rate*o.OneShots, pulse) })
	}
	raw := newRaw(o.Landscape, log, relayed)
	faults, err := rehearse(ctx, o, land, w, raw, books)
	stop()
	producers.Wait()
	if err != nil && ctx.Err() == nil {
		return Report{}, err
	}
	if ctx.Err() != nil { // interrupted: what there is, is judged all the same
		o.Runs = len(faults)
		ctx = context.WithoutCancel(ctx)
	}
	sent := s.all()
	if err := settle(ctx, books, sent); err != nil {
		return Report{}, err
	}
	if err := w.poll(ctx); err != nil {
		return Report{}, err
	}
	r := report(o, History{Sent: sent, Received: w.received, Faults: faults, Outcomes: books.outcomes, Counts: books.counts}, raw)
	r.Valve = valve
	return r, nil
}

// rehearsable refuses what would only find out that nobody is there to take over.
func rehearsable(ctx context.Context, kind Kind, land Landscape) error {
	if kind == Observe {
		return nil
	}
	primary, err := land.Primary(ctx)
	if err != nil {
		return err
	}
	next, err := land.Successor(ctx, kind == Switchover)
	if err == nil && next == "" {
		err = fmt.Errorf("no other server could take over from %s, so there is nothing to rehearse: `understudy cluster status` shows who is there; start another server, or end what keeps it out (undrain, resume): %w", primary, domain.ErrConflict)
	}
	return err
}

// rehearse does the runs, one after the other.
func rehearse(ctx context.Context, o Options, land Landscape, w *watch, raw *raw, books *ledger) (faults []Fault, err error) {
	faults = make([]Fault, 0, o.Runs)
	if err := sleep(ctx, baseline); err != nil {
		return nil, err
	}
	if o.Kind == Observe {
		return nil, observe(ctx, o, w, raw, books)
	}
	favourite := ""
	if o.Kind == FailBack {
		if favourite, err = land.Primary(ctx); err == nil {
			err = land.Favour(ctx, favourite, holdDown)
		}
		if err != nil {
			return nil, err
		}
		// Whoever interrupts a drill wants the policy back.
		defer func() { err = errors.Join(err, land.Restore(context.WithoutCancel(ctx))) }()
	}
	for run := range o.Runs {
		old, err := land.Primary(ctx)
		if err != nil {
			return faults, fmt.Errorf("run %d: %w", run+1, err)
		}
		if favourite != "" && old != favourite {
			return faults, fmt.Errorf("run %d: primacy has not gone back to %s, %s has it; look at `understudy cluster policy`: %w", run+1, favourite, old, domain.ErrConflict)
		}
		if err := sleep(ctx, steady); err != nil {
			return faults, err
		}
		if err := raw.measure(ctx); err != nil {
			return faults, err
		}
		fault, err := one(ctx, o, land, w, old)
		if err != nil {
			return faults, fmt.Errorf("run %d, primary %s: %w", run+1, old, err)
		}
		faults = append(faults, fault)
		o.Progress(run+1, w.took(fault))
		books.follow(ctx)
	}
	return faults, nil
}

// observe lets the stream run, and looks. A log that does not answer for a while
// is one of the things to look at.
func observe(ctx context.Context, o Options, w *watch, raw *raw, books *ledger) error {
	for run := range o.Runs {
		if err := sleep(ctx, time.Second); err != nil {
			return err
		}
		if err := raw.measure(ctx); err != nil && ctx.Err() == nil {
			o.Logger.Warn("the log does not answer", "cause", err)
		}
		if err := w.poll(ctx); err != nil {
			return err
		}
		books.follow(ctx)
		o.Progress(run+1, 0)
	}
	return nil
}

// one ends the primary once and waits for another to act.
func one(ctx context.Context, o Options, land Landscape, w *watch, old string) (Fault, error) {
	if err := w.poll(ctx); err != nil {
		return Fault{}, err
	}
	if o.Kind.stays() {
		if err := land.Note(old); err != nil {
			return Fault{}, err
		}
	}
	fault := Fault{Old: old, Planned: o.Kind == Switchover || o.Kind == FailBack, Began: clock.Boot()}
	victim := old
	if o.Kind == FailBack {
		deputy, err := depute(ctx, land, w, old)
		if err != nil {
			return fault, err
		}
		fault.Old = deputy
	}
	fault.At = clock.Boot()
	if err := inflict(ctx, o, land, victim); err != nil {
		return fault, err
	}
	if err := awaitFirst(ctx, w, fault.Old, fault.At, o.Kind.limit()); err != nil && ctx.Err() == nil {
		o.Logger.Error("no takeover", "server", fault.Old, "cause", err)
	}
	// Whoever interrupts a drill wants no server left behind in it.
	if err := lift(context.WithoutCancel(ctx), o.Kind, land, victim); err != nil {
		return fault, err
	}
	// What a paused or isolated server still wants to say, it says now.
	if err := sleep(ctx, staleWindow); err != nil {
		return fault, err
	}
	fault.Until = clock.Boot()
	return fault, w.poll(ctx)
}

// limit is how long another server may take until it acts.
func (k Kind) limit() time.Duration {
	if k == FailBack {
		return failBackLimit
	}
	return takeoverLimit
}

// stays tells whether the fault lasts until it is lifted.
func (k Kind) stays() bool { return k == Pause || k == Freeze || k == Isolate }

func inflict(ctx context.Context, o Options, land Landscape, server string) error {
	switch o.Kind {
	case Kill, Host, FailBack:
		return land.Kill(server, o.Kind == Host)
	case Pause:
		return land.Pause(server)
	case Freeze:
		return land.Freeze(ctx, server)
	case Isolate:
		return land.Cut(ctx, server, o.Cut)
	case Switchover:
		return land.Switchover(ctx, server)
	}
	return fmt.Errorf("no drill of the kind %q: %w", o.Kind, domain.ErrInvalid)
}

func lift(ctx context.Context, kind Kind, land Landscape, server string) error {
	var err error
	switch kind {
	case Host:
		err = land.Revive(ctx, server)
	case Pause, Freeze:
		err = land.Continue(server)
	case Isolate:
		err = land.Heal(ctx, server)
	}
	if err == nil && kind.stays() {
		err = land.Forget()
	}
	return err
}

func awaitFirst(ctx context.Context, w *watch, old string, at domain.Mono, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		if err := w.poll(ctx); err != nil {
			return err
		}
		if _, ok := w.first(old, at); ok {
			return nil
		}
		if err := sleep(ctx, 20*time.Millisecond); err != nil {
			return fmt.Errorf("nobody acted within %s: %w", limit, err)
		}
	}
}

// settle waits until every logged command has its outcome. A log that cannot be
// read for a while does not end it, only one that still cannot at the end.
func settle(ctx context.Context, books *ledger, sent []Sent) error {
	ctx, cancel := context.WithTimeout(ctx, settleLimit)
	defer cancel()
	var failed error
	for ctx.Err() == nil {
		news, err := books.read(ctx)
		switch {
		case ctx.Err() != nil: // that is why it failed, if it did
		case err != nil:
			failed = fmt.Errorf("read the outcomes: %w", err)
			_ = sleep(ctx, settleRetry)
		case !news && books.missing(sent) == 0:
			return nil
		default:
			failed = nil
		}
	}
	return failed // without: what is missing is reported as lost
}

func report(o Options, h History, raw *raw) Report {
	f := Judge(h)
	r := Report{
		Kind: o.Kind, Runs: o.Runs, Commands: len(h.Sent),
		FaultToFirstAction: QuantilesOf(f.Gaps), Lost: len(f.Lost), Doubled: len(f.Doubled),
		OutOfOrder: f.OutOfOrder, InDoubt: f.InDoubt, Stale: f.Stale, Unsent: len(f.Unsent),
		Repeated: len(f.Repeated), Unfinished: f.Unfinished,
		CommandsPerSecond: f.CommandsPerSecond, ActionsPerSecond: f.ActionsPerSecond,
		LongestGap: float64(f.LongestGap.Microseconds()) / 1000,
		Changes:    f.Changes, RawRoundTrip: QuantilesOf(raw.paths[0].took), RawByRelay: QuantilesOf(raw.paths[1].took), Outcomes: make(map[domain.Outcome]int),
	}
	r.CommandToDevice.Absolute = QuantilesOf(f.Absolute)
	r.CommandToDevice.OneShot = QuantilesOf(f.OneShot)
	for _, s := range h.Sent {
		r.Outcomes[h.Outcomes[s.UID]]++
	}
	return r
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
