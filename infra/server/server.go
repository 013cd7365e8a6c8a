package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
	"github.com/understudy-io/understudy/domain/server/control"
	"github.com/understudy-io/understudy/domain/server/core"
	"github.com/understudy-io/understudy/infra/clock"
	"github.com/understudy-io/understudy/infra/outside"
)

// ErrReplaced ends a server whose name a newer process has taken. To start it
// again would only turn that one out in its turn.
var ErrReplaced = control.ErrReplaced

// ErrBarred ends a server that was removed for good, or whose landscape was dissolved.
var ErrBarred = control.ErrBarred

// Options are all that a server needs. Every field is required unless it says
// otherwise.
type Options struct {
	Landscape  string
	Partitions int32
	Devices    []domain.Definition // what the configuration says
	Election   election.Config     // with Member and Incarnation
	Build      string

	Control     Log // for the control topic alone: its own connection
	Data        Log // for everything else
	Codec       Codec
	Drivers     map[domain.DriverName]domain.Driver
	Valve       Valve         // that the drivers' connections are in; optional: without it this process checks alone
	ValveWhy    string        // says why the valve is the kernel's, or not
	Unfit       string        // optional: why this server must not be primary
	Outside     outside.Clock // optional: runs on when this machine is stopped with its own clock
	Checked     func()        // optional, for drills: called between the lease's check and the write to a device
	Store       SnapshotStore // optional: without it every start folds from the beginning
	SaveEvery   time.Duration
	SaveRecords int               // a snapshot also after so many records; 0: by time alone
	Kept        KeptConfiguration // optional: where the applied revision is kept; without it nowhere
	Signer      Signer            // optional: without it nothing is signed, and no tree is made
	Trees       TreeStore         // optional: without it every start hashes the log from the beginning

	Checks func() []httpapi.SelfCheck // optional: what it stands on, for people

	Share Share // optional: without it nobody can join through this server

	Logger *slog.Logger
}

// Server is one server of a landscape.
type Server struct {
	options Options
	lease   *Lease
	core    *coreLoop
	control *controlLoop
	began   domain.Mono
	failed  chan error
	settled chan struct{} // closed when this server may leave

	mu      sync.Mutex
	changed chan struct{} // closed and renewed whenever role or membership may have changed
	guarded bool

	standsIn atomic.Bool // there is no log: what this machine has kept is shown
	// keptNumber is the revision that is shown then; 0 for none.
	keptNumber atomic.Uint64
	open       atomic.Bool // Run has what its loops begin with: changes are taken

	chronicle *chronicle

	looking   sync.Mutex  // of lookAgain
	lookAgain domain.Mono // when the next one may look through the dead letters
}

// New assembles a server; Run starts it. Until then nothing can be changed through it.
func New(o Options) *Server {
	o.Election.Valve = where(o.Valve)
	s := &Server{
		options: o, lease: newLease(o.Valve, o.Checked), began: clock.Boot(), settled: make(chan struct{}),
		failed: make(chan error, 8), changed: make(chan struct{}), guarded: o.Election.Guarded, chronicle: newChronicle(),
	}
	s.core = &coreLoop{
		name: o.Election.Member, landscape: o.Landscape, partitions: o.Partitions,
		log: o.Data, codec: o.Codec, logger: o.Logger, lease: s.lease, drivers: o.Drivers,
		inbox: newMailbox[core.Input](), calls: newMailbox[func()](), batches: make(chan batch, 16),
		hurry: make(chan struct{}, 1), devices: make(map[string]*deviceLoop), closing: make(map[string]<-chan struct{}), background: &sync.WaitGroup{}, over: make(chan struct{}),
		saves:    saves{store: o.Store, every: o.SaveEvery, records: o.SaveRecords},
		kept:     o.Kept,
		editions: &editions{log: o.Data, codec: o.Codec, landscape: o.Landscape},
		fail:     s.fail, left: sync.OnceFunc(func() { close(s.settled) }),
	}
	if s.core.saves.every <= 0 {
		s.core.saves.every = DefaultSaveEvery
	}
	s.control = &controlLoop{
		name: o.Election.Member, landscape: o.Landscape, log: o.Control, codec: o.Codec,
		logger: o.Logger, lease: s.lease, core: s.core,
		copier: newCopier(o.Data, o.Codec, o.Landscape, o.Election.Member, o.Logger),
		inbox:  newMailbox[election.Input](), batches: make(chan batch, 16),
		asks: newMailbox[func(*election.Server)](), slots: make(chan struct{}, controlInFlight), over: make(chan struct{}),
		fail: s.fail, changed: s.announce,
	}
	s.control.missed.Store(-1)
	s.core.testify = s.testify
	s.core.control, s.core.opened = s.control.tell, s.control.opened
	s.control.copier.publish = s.control.publish
	s.core.publish, s.core.published = s.control.publish, s.control.drain
	return s
}

// where the lease is checked before bytes leave, as heartbeats and status say it.
func where(v Valve) string {
	if v != nil && v.Kernel() {
		return "kernel"
	}
	return "process"
}

// DefaultSaveEvery is how often a snapshot is taken if the options do not say.
const DefaultSaveEvery = 30 * time.Second

// fail ends the server with an error.
func (s *Server) fail(err error) {
	select {
	case s.failed <- err:
	default:
	}
}

// announce wakes those who wait for a change of roles.
func (s *Server) announce() {
	s.mu.Lock()
	close(s.changed)
	s.changed = make(chan struct{})
	s.mu.Unlock()
}

func (s *Server) change() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// Run serves until ctx ends or something is wrong that a restart must mend. It
// waits for the log to be there for as long as it takes.
func (s *Server) Run(ctx context.Context) error {
	loops, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	if err := s.prepare(ctx); err != nil {
		return err
	}
	s.control.ctx = loops
	s.open.Store(true)
	var running sync.WaitGroup
	start := func(name string, run func(context.Context) error) {
		running.Go(func() {
			if err := run(loops); err != nil && !errors.Is(err, context.Canceled) {
				s.fail(fmt.Errorf("%s: %w", name, err))
			}
		})
	}
	data := newReader(s.options.Data, s.options.Codec, s.options.Landscape, domain.TopicLog, s.core.last, s.core.batches, s.options.Logger)
	data.stride, data.hurry = s.core.stride, s.core.hurry
	data.lost = func() { s.core.tell(core.LogLost{}) }
	start("read the log", data.run)
	start("core", s.core.run)
	start("read control", s.controlReader().run)
	start("control", s.control.run)
	start("copy control", s.control.copier.run)
	start("keep connections warm", s.keepWarm)
	if s.options.Signer != nil {
		start("hash the log", s.notary().run)
	}
	if s.options.Outside != nil {
		start("watch the clock from outside", s.watchOutside)
	}

	var err error
	select {
	case <-ctx.Done():
		s.leave(loops)
	case err = <-s.failed:
	}
	s.lease.Over()
	stop()
	running.Wait()
	s.core.background.Wait()
	s.control.appends.Wait()
	return err
}

// leave says goodbye: primacy is released in order, so that nobody has to wait
// for a lease to run out.
func (s *Server) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, core.FinishLimit+time.Second)
	defer cancel()
	s.core.tell(core.Leave{Then: []core.Effect{core.Left{}}})
	select {
	case <-s.settled:
	case <-ctx.Done():
	}
	_ = s.control.ask(ctx, func(*election.Server) { s.control.elect(election.Leave{}) })
	s.control.drain(ctx)
}

func (s *Server) controlReader() *readerLoop {
	r := newReader(s.options.Control, s.options.Codec, s.options.Landscape, domain.TopicControl, make([]domain.Fingerprint, 1), s.control.batches, s.options.Logger)
	r.machine.Skip(0, s.control.next)
	r.lost = func() {
		now := time.Now()
		s.control.away.Store(&now)
		s.control.losses.Add(1)
		s.control.tell(election.LogLost{})
	}
	r.back = func() { s.control.away.Store(nil); s.control.tell(election.LogBack{}) }
	r.wait = func() time.Duration { return time.Duration(s.control.pollEvery.Load()) }
	return r
}

func (s *Server) notary() *notary {
	return &notary{
		landscape: s.options.Landscape, partitions: s.options.Partitions, log: s.options.Data, signer: s.options.Signer,
		store: s.options.Trees, logger: s.options.Logger, acting: s.core.acting.Load, publish: s.control.publish, every: notaryEvery,
		epoch: func(ctx context.Context) (epoch uint64, err error) {
			err = s.core.call(ctx, func() { epoch = s.core.machine.States()[0].Epoch() })
			return epoch, err
		},
	}
}

// keepWarm exercises the producing connections, so that the first append of a
// new primary does not pay for opening them.
func (s *Server) keepWarm(ctx context.Context) error {
	tick := time.NewTicker(warmEvery)
	defer tick.Stop()
	for {
		for log, kind := range map[Log]domain.TopicKind{s.options.Control: domain.TopicControl, s.options.Data: domain.TopicLog} {
			if err := log.Warm(ctx, domain.Topic(s.options.Landscape, kind)); err != nil && ctx.Err() == nil {
				s.options.Logger.Debug("warm the producing connection", "topic", kind.String(), "cause", err)
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// warmEvery is well under the time after which brokers and clients close a
// connection that nobody uses.
const warmEvery = 10 * time.Second

// prepare makes the folds: from the newest snapshot that is sound, or from the
// beginning of the log.
func (s *Server) prepare(ctx context.Context) error {
	states, last := s.loadSnapshot()
	s.core.last = last
	s.core.machine = core.New(core.Config{
		Server: s.options.Election.Member, Incarnation: s.options.Election.Incarnation,
		Devices: s.options.Devices, Watch: s.core.watch, Unfit: s.options.Unfit != "",
	}, states)
	return s.openControl(ctx)
}
