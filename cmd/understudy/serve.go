package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/adapters/httpdevice"
	"github.com/understudy-io/understudy/adapters/identityfile"
	"github.com/understudy-io/understudy/adapters/kafka"
	"github.com/understudy-io/understudy/adapters/snapshotfile"
	"github.com/understudy-io/understudy/adapters/treefile"
	"github.com/understudy-io/understudy/adapters/videohub"
	"github.com/understudy-io/understudy/adapters/vmcfile"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
	"github.com/understudy-io/understudy/infra/clock"
	"github.com/understudy-io/understudy/infra/config"
	"github.com/understudy-io/understudy/infra/faultpoint"
	"github.com/understudy-io/understudy/infra/guard"
	"github.com/understudy-io/understudy/infra/outside"
	"github.com/understudy-io/understudy/infra/selfcheck"
	"github.com/understudy-io/understudy/infra/server"
)

// closeWithin bounds the end of the HTTP requests that are under way.
const closeWithin = time.Second

// stallAfter is how long an action may wait for nothing but the primary until a
// standby contests it. It is longer than a broker's failover, which holds up
// every server alike.
const stallAfter = 10 * time.Second

// unreachedAfter is for how long the primary may miss devices that a standby reaches
// until that one contests it; before they count as missed they were away for 2 s.
const unreachedAfter = 5 * time.Second

// deviceSilence bounds how long a device's kernel may leave bytes unacknowledged,
// because what an old primary has sent must not arrive long after its lease. The
// kernel counts it from its first retransmission, 0.2 s after the send at the
// earliest: with 250 ms there are two of them, the last 0.4 s after the send (one,
// at 0.2 s, if the process has ended). Less would not make it fewer, more would
// make it a third, at 0.8 s. So it does not follow the lease, which may be shorter.
const deviceSilence = 250 * time.Millisecond

// maxCertificates bounds the file with the certificates of the HTTP API.
const maxCertificates = 1 << 20

// topicsPace is the pause between two looks at a log that does not answer.
const topicsPace = 200 * time.Millisecond

// setupPatience is how long a set-up with which the log never will answer is
// tried: a cluster that is just starting may not know its users yet.
const setupPatience = 5 * time.Second

// serve runs the server until ctx ends: its folds and loops, and the HTTP API
// in front of them.
func serve(ctx context.Context, cfg config.Config, point bool, logger *slog.Logger) error {
	control, err := openLog(cfg, "control", logger)
	if err != nil {
		return err
	}
	defer func() { _ = control.Close() }()
	data, err := openLog(cfg, "data", logger)
	if err != nil {
		return err
	}
	defer func() { _ = data.Close() }()
	options, err := assemble(cfg, logger)
	if err != nil {
		return err
	}
	users, err := openTokens(cfg.TokenFile)
	if err != nil {
		return err
	}
	if options.Share, err = shareOf(cfg, users); err != nil {
		return err
	}
	options.Control, options.Data = control, data
	if point {
		options.Checked = armOnSignal().Reach
	} else {
		signal.Ignore(syscall.SIGUSR2)
	}
	if host, err := outside.Find(); err == nil {
		defer func() { _ = host.Close() }()
		options.Outside = host
		logger.Info("a clock from outside shows when this machine was stopped with its own", "clock", host.Name())
	} else {
		logger.Debug("no clock from outside", "cause", err)
	}
	var own []byte
	if cfg.HTTP.TLS.Enabled() {
		if own, err = readSmall(cfg.HTTP.TLS.Cert, maxCertificates); err != nil {
			return fmt.Errorf("http.tls.cert: %w", err)
		}
	}
	checker := selfcheck.New(selfcheck.Options{
		Dir: cfg.Dir, Hosts: cfg.Kafka.Brokers, Advertised: cfg.Advertised(), Own: own,
		Topics: func(ctx context.Context) ([]string, error) {
			return data.CheckTopics(ctx, cfg.Landscape, kafka.TopicSpec{Partitions: cfg.Log.Partitions})
		},
	})
	options.Checks = func() (out []httpapi.SelfCheck) {
		for _, f := range checker.Findings() {
			out = append(out, httpapi.SelfCheck{Check: f.Check, Failure: f.Failure})
		}
		return out
	}
	s := server.New(options)
	api, err := listen(cfg, s, users, logger)
	if err != nil {
		return err
	}
	serving := api.serve()
	if err := awaitLog(ctx, s, data, cfg, logger); err != nil {
		if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			err = nil // told to end before there was a log: it has joined nothing, so there is nobody to say goodbye to
		}
		return errors.Join(err, closeAPI(ctx, api.server))
	}
	guard.Watch(ctx, runFile(cfg), s.Guarded)
	looking, stop := context.WithCancel(ctx)
	var looks sync.WaitGroup
	defer looks.Wait()
	defer stop()
	looks.Go(func() { checker.Run(looking) })
	return errors.Join(runBoth(ctx, s, serving), closeAPI(ctx, api.server))
}

// assemble makes of the configuration what a server needs.
func assemble(cfg config.Config, logger *slog.Logger) (server.Options, error) {
	id, err := incarnation()
	if err != nil {
		return server.Options{}, err
	}
	c, err := openCodec(cfg)
	if err != nil {
		return server.Options{}, err
	}
	store, err := snapshotfile.Open(filepath.Join(cfg.Dir, "snapshots"), logger)
	if err != nil {
		return server.Options{}, fmt.Errorf("dir: %w: %w", domain.ErrInvalid, err)
	}
	key, err := identityfile.Open(cfg.Dir)
	if err != nil {
		return server.Options{}, err
	}
	identity, proof := election.Prove(key, cfg.Server.Name, id)
	signer, err := openSigner(cfg)
	if err != nil {
		return server.Options{}, err
	}
	ways, err := openWays(cfg)
	if err != nil {
		return server.Options{}, err
	}
	return server.Options{
		Landscape: cfg.Landscape, Partitions: cfg.Log.Partitions, Devices: cfg.Devices,
		Election: election.Config{
			Member: cfg.Server.Name, Incarnation: id, Identity: identity, Proof: proof, Address: cfg.Advertised(), Precedence: cfg.Server.Precedence, Build: thisBuild().String(),
			TTL: time.Duration(cfg.Election.TTL), MinTTL: cfg.Election.MinTTL, MaxTTL: cfg.Election.MaxTTL,
			Stagger: cfg.Election.Stagger, StallAfter: stallAfter, UnreachedAfter: unreachedAfter, Guarded: underGuard(),
		},
		Build: thisBuild().String(), Codec: c,
		Drivers: map[domain.DriverName]domain.Driver{
			domain.DriverVideohub: videohub.New(videohub.Options{Logger: logger, Dial: ways.videohub, UserTimeout: deviceSilence, Now: clock.Boot}),
			domain.DriverHTTP: httpdevice.New(httpdevice.Options{
				Dial: ways.http, DialRead: ways.httpRead, DialReadTLS: ways.httpReadTLS, UserTimeout: deviceSilence,
			}),
		},
		Valve: ways.valve, ValveWhy: ways.why, Unfit: ways.unfit,
		Signer: signer, Trees: treefile.New(filepath.Join(cfg.Dir, "trees")), Kept: vmcfile.In(cfg.Dir),
		Store: store, SaveEvery: cfg.Snapshot.Every, SaveRecords: cfg.Snapshot.Records,
		Logger: logger,
	}, nil
}

// awaitLog waits for the log, and lets the server meanwhile show what its machine has kept.
func awaitLog(ctx context.Context, s *server.Server, log *kafka.Log, cfg config.Config, logger *slog.Logger) error {
	standing, end := context.WithCancel(ctx)
	var over sync.WaitGroup
	defer over.Wait()
	defer end()
	return awaitTopics(ctx, log, cfg, logger, func() { over.Go(func() { s.StandIn(standing) }) })
}

// awaitTopics waits until the log answers, and refuses topics that are not as
// they must be, and a set-up with which the log never will answer. It calls away once, if
// the log does not answer at once.
func awaitTopics(ctx context.Context, log *kafka.Log, cfg config.Config, logger *slog.Logger, away func()) error {
	away = sync.OnceFunc(away)
	var wrongSince time.Time
	for said := false; ; said = true {
		findings, err := log.CheckTopics(ctx, cfg.Landscape, kafka.TopicSpec{Partitions: cfg.Log.Partitions})
		switch {
		case err == nil && len(findings) == 0:
			return nil
		case err == nil:
			return fmt.Errorf("the topics of landscape %s are not as they must be (`understudy topics create` makes those that are missing):\n  %s: %w",
				cfg.Landscape, strings.Join(findings, "\n  "), domain.ErrInvalid)
		case ctx.Err() != nil:
			return ctx.Err()
		case !errors.Is(err, kafka.ErrSetup):
			wrongSince = time.Time{}
		case wrongSince.IsZero():
			wrongSince, said = time.Now(), false
		case time.Since(wrongSince) > setupPatience:
			return fmt.Errorf("the log cannot be used: %w: %w", domain.ErrInvalid, err)
		}
		if !said {
			logger.Warn("the log does not answer yet; waiting for it", "cause", err)
		}
		away()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(topicsPace):
		}
	}
}

// api is the HTTP API with its socket.
type api struct {
	server   *http.Server
	listener net.Listener
}

// listen takes the port before anything else is begun, so that a second server
// with the same configuration ends here.
func listen(cfg config.Config, s *server.Server, users *tokens, logger *slog.Logger) (*api, error) {
	l, err := net.Listen("tcp", cfg.HTTP.Listen)
	if err != nil {
		return nil, fmt.Errorf("http.listen: end what holds the port, or choose another: %w: %w", domain.ErrConflict, err)
	}
	if cfg.HTTP.TLS.Enabled() {
		pair, err := tls.LoadX509KeyPair(cfg.HTTP.TLS.Cert, cfg.HTTP.TLS.Key)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("http.tls: %w: %w", domain.ErrInvalid, err), l.Close())
		}
		l = tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2", "http/1.1"}})
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(s.Metrics(), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	handler := httpapi.New(s, httpapi.Options{Verify: users.user, Configuration: s, Closed: s.Closed, Logger: logger, Registry: registry, Build: thisBuild().String()})
	reloadOnHangup(users, logger)
	return &api{server: httpapi.Server(handler, logger), listener: l}, nil
}

// armOnSignal is a place at which the next SIGUSR2 has this process stop itself.
func armOnSignal() *faultpoint.Point {
	p := faultpoint.New()
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGUSR2)
	go func() {
		for range asked {
			p.Arm()
		}
	}()
	return p
}

// reloadOnHangup reads the tokens anew on each SIGHUP, for the rest of the
// process's life. SIGUSR1 and SIGUSR2 mean nothing to a server and must not end
// it.
func reloadOnHangup(users *tokens, logger *slog.Logger) {
	signal.Ignore(syscall.SIGUSR1)
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	go func() {
		for range hangup {
			if err := users.reload(); err != nil {
				logger.Error("tokens are not read anew; the old ones stay", "cause", err)
			}
		}
	}()
}

// serve begins to answer; what it gives tells why that has ended, unless it was closed.
func (a *api) serve() <-chan error {
	failed := make(chan error, 1)
	go func() {
		if err := a.server.Serve(a.listener); !errors.Is(err, http.ErrServerClosed) {
			failed <- fmt.Errorf("serve the HTTP API: %w", err)
		}
	}()
	return failed
}

// runBoth runs the server until ctx ends, or it or its API fails.
func runBoth(ctx context.Context, s *server.Server, failed <-chan error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	var cause, err error
	select {
	case err = <-ended:
	case cause = <-failed:
		cancel()
		err = <-ended
	}
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return errors.Join(err, cause)
}

func closeAPI(ctx context.Context, s *http.Server) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWithin)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		return s.Close() // requests that wait for an outcome
	}
	return nil
}
