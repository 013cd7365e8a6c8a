package guard

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/clock"
)

// The environment that a guard gives to its server.
const (
	EnvIncarnation = "UNDERSTUDY_INCARNATION" // random, new at each start
	EnvGuard       = "UNDERSTUDY_GUARD_PID"
)

const (
	// attemptWithin bounds one attempt to write a death. It may still land
	// later, which does no harm: writing it twice says it once.
	attemptWithin = 3 * time.Second
	// warmEvery is how often the producing connection is used, so that neither
	// the broker nor the client closes it for idleness.
	warmEvery = 3 * time.Second
	// maxWaiting bounds the events that wait for the loop; senders wait beyond.
	maxWaiting = 16
)

var terminate os.Signal = syscall.SIGTERM

// Options are what a guard needs.
type Options struct {
	// Command builds the command that starts the server proper. Its outputs
	// must be files. The guard adds the incarnation to its environment.
	Command func() (*exec.Cmd, error)
	// Died writes died{member, incarnation} to the log. domain.ErrFenced from
	// it means that nobody needs the record any more.
	Died func(ctx context.Context, incarnation, exit string) error
	// Warm keeps Died fast. It may be nil.
	Warm func(ctx context.Context) error
	// Signals are passed on; SIGTERM and SIGINT also end the guard.
	Signals <-chan os.Signal
	// RunFile remembers which server runs, so that a new guard takes it on. It
	// may be empty.
	RunFile string
	Limits  Limits
	Logger  *slog.Logger
}

// Run guards a server until it ends cleanly or ctx ends, and returns the exit
// status for the guard's own process.
// Errors: domain.ErrConflict if the server of this data folder runs under a guard.
func Run(ctx context.Context, opts Options) (int, error) {
	if opts.Command == nil || opts.Died == nil || opts.Logger == nil {
		return 1, fmt.Errorf("guard needs Command, Died and Logger: %w", domain.ErrInvalid)
	}
	if err := inUse(opts.RunFile); err != nil {
		return 1, err
	}
	// Deaths are still written when the guard has been asked to end; Finish
	// bounds that.
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r := &runner{
		opts: opts, machine: NewMachine(opts.Limits), ctx: work,
		events: make(chan Input, maxWaiting),
	}
	defer r.wg.Wait()
	defer cancel()
	if os.Getpid() == 1 {
		r.wg.Go(func() { r.children.reap(work) })
	}
	if opts.Warm != nil {
		r.wg.Go(func() { r.keepWarm(work) })
	}
	return r.loop(ctx), nil
}

type runner struct {
	opts     Options
	machine  *Machine
	ctx      context.Context
	events   chan Input
	wg       sync.WaitGroup
	children children
	server   *os.Process // the last one that was started or taken on
	status   int
	done     bool
}

func (r *runner) loop(ctx context.Context) int {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	if !r.takeOn() {
		r.step(Begin{})
	}
	stop := ctx.Done()
	for !r.done {
		wait := time.Hour
		if at := r.machine.NextWake(); at > 0 {
			wait = max(0, at-clock.Boot())
		}
		timer.Reset(wait)
		select {
		case in := <-r.events:
			r.step(in)
		case s := <-r.opts.Signals:
			r.step(Signalled{Signal: s})
		case <-stop:
			stop = nil
			r.step(Stop{})
		case <-timer.C:
			r.step(Timer{})
		}
	}
	return r.status
}

func (r *runner) step(in Input) {
	for _, e := range r.machine.Step(clock.Boot(), in) {
		r.do(e)
	}
}

func (r *runner) do(e Effect) {
	switch e := e.(type) {
	case Start:
		r.start()
	case Write:
		r.wg.Go(func() { r.write(e) })
	case Forward:
		// An error here means that it has ended; its end arrives as an event.
		_ = r.server.Signal(e.Signal)
	case Finish:
		r.status, r.done = e.Status, true
	}
}

// tell hands an event to the loop, unless it has ended.
func (r *runner) tell(in Input) {
	select {
	case r.events <- in:
	case <-r.ctx.Done():
	}
}

func (r *runner) start() {
	incarnation, err := NewIncarnation()
	if err != nil {
		r.notStarted(err)
		return
	}
	cmd, err := r.opts.Command()
	if err != nil {
		r.notStarted(err)
		return
	}
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.Env = append(cmd.Env, EnvIncarnation+"="+incarnation, EnvGuard+"="+strconv.Itoa(os.Getpid()))
	if err := r.children.start(cmd); err != nil {
		r.notStarted(err)
		return
	}
	r.server = cmd.Process
	r.remember(cmd.Process.Pid, incarnation)
	r.opts.Logger.Info("server started", "pid", cmd.Process.Pid, "incarnation", incarnation)
	go r.wait(cmd) // ends with the server; not waited for, a server may outlive its guard
	r.watchEnding(cmd.Process.Pid, incarnation)
	r.step(Started{Incarnation: incarnation})
}

func (r *runner) notStarted(err error) {
	r.opts.Logger.Error("server could not be started; it is tried again", "cause", err)
	r.step(NotStarted{Err: err})
}

func (r *runner) wait(cmd *exec.Cmd) {
	err := cmd.Wait()
	exit := Exit{Status: -1, Text: "unknown"}
	var failed *exec.ExitError
	switch {
	case err == nil:
		exit = Exit{Status: 0, Text: "exit status 0"}
	case errors.As(err, &failed):
		exit = Exit{Status: failed.ExitCode(), Text: failed.String()}
	}
	r.tell(Exited{Exit: exit})
}

// watchEnding tells of the end of a server before its memory is given back.
func (r *runner) watchEnding(pid int, incarnation string) {
	id, err := Identify(pid)
	if err != nil {
		return // it has ended, which wait reports
	}
	r.wg.Go(func() {
		if exit, ok := awaitEnding(r.ctx, id); ok {
			r.tell(Ending{Incarnation: incarnation, Exit: exit})
		}
	})
}

func (r *runner) write(w Write) {
	began := clock.Boot()
	ctx, cancel := context.WithTimeout(r.ctx, attemptWithin)
	defer cancel()
	err := r.opts.Died(ctx, w.Incarnation, w.Exit)
	log := r.opts.Logger.With("incarnation", w.Incarnation, "exit", w.Exit)
	switch {
	case err == nil:
		log.Warn("server ended; its death is in the log", "took", clock.Boot()-began)
		r.tell(Written{w.Incarnation})
	case errors.Is(err, domain.ErrFenced):
		log.Warn("server ended; the landscape has moved on", "cause", err)
		r.tell(Written{w.Incarnation})
	default:
		log.Warn("server ended; its death is not in the log yet and is tried again", "cause", err)
		r.tell(NotWritten{w.Incarnation})
	}
}

func (r *runner) keepWarm(ctx context.Context) {
	ticker := time.NewTicker(warmEvery)
	defer ticker.Stop()
	for {
		if err := r.opts.Warm(ctx); err != nil && ctx.Err() == nil {
			r.opts.Logger.Debug("guard cannot reach the log", "cause", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// NewIncarnation returns a name for one start of a server: 128 random bits in hexadecimal.
func NewIncarnation() (string, error) {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", fmt.Errorf("draw an incarnation: %w", err)
	}
	return hex.EncodeToString(b[:]), nil
}
