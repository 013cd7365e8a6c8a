package server

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/adapters/httpdevice"
	"github.com/understudy-io/understudy/adapters/kafka"
	"github.com/understudy-io/understudy/adapters/snapshotfile"
	"github.com/understudy-io/understudy/adapters/videohub"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
	"github.com/understudy-io/understudy/infra/config"
)

// Process is what a server's process knows of itself.
type Process struct {
	Incarnation string
	Guarded     bool
	Unguarded   <-chan struct{} // closed when the guard is gone; may be nil
	Build       string
	Logger      *slog.Logger
}

// stallAfter is the age of a primary's oldest pending action, with its device
// connected, at which a standby takes over.
const stallAfter = 5 * time.Second

// Run assembles a server from its configuration and serves until ctx ends.
func Run(ctx context.Context, cfg config.Config, p Process) error {
	keys, err := ReadKeys(cfg)
	if err != nil {
		return err
	}
	verify, err := readTokens(cfg.TokenFile)
	if err != nil {
		return err
	}
	control, err := OpenLog(cfg, "control", p.Logger)
	if err != nil {
		return err
	}
	defer func() { _ = control.Close() }()
	data, err := OpenLog(cfg, "data", p.Logger)
	if err != nil {
		return err
	}
	defer func() { _ = data.Close() }()
	store, err := snapshotfile.Open(filepath.Join(cfg.Dir, "snapshots"), p.Logger)
	if err != nil {
		return err
	}
	listener, err := listen(ctx, cfg)
	if err != nil {
		return err
	}
	if err := awaitTopics(ctx, data, cfg, p.Logger); err != nil {
		return errors.Join(err, listener.Close())
	}
	logger := p.Logger.With("server", cfg.Server.Name)
	s := New(Options{
		Landscape: cfg.Landscape, Partitions: cfg.Log.Partitions, Devices: cfg.Devices,
		Election: election.Config{
			Member: cfg.Server.Name, Incarnation: p.Incarnation, Address: cfg.Advertised(), Build: p.Build,
			TTL: time.Duration(cfg.Election.TTL), MinTTL: cfg.Election.MinTTL, MaxTTL: cfg.Election.MaxTTL,
			Stagger: cfg.Election.Stagger, StallAfter: stallAfter, Guarded: p.Guarded, Valve: "process",
		},
		Build: p.Build, Control: control, Data: data, Codec: codec.New(cfg.Landscape, keys),
		Drivers: drivers(cfg, logger), Store: store, SaveEvery: cfg.Snapshot.Every, Logger: logger,
	})
	return s.serve(ctx, listener, cfg, p, verify)
}

// serve runs the server and its HTTP API, and ends both together.
func (s *Server) serve(ctx context.Context, listener net.Listener, cfg config.Config, p Process, verify func(string) (string, bool)) error {
	registry := prometheus.NewRegistry()
	registry.MustRegister(s.Metrics(), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	web := &http.Server{
		Handler: httpapi.New(s, httpapi.Options{
			Verify: verify, Logger: s.options.Logger, Registry: registry, Build: p.Build,
		}),
		ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute,
		ErrorLog: slog.NewLogLogger(s.options.Logger.Handler(), slog.LevelDebug),
	}
	serving := make(chan error, 1)
	go func() {
		if cfg.HTTP.TLS.Enabled() {
			serving <- web.ServeTLS(listener, cfg.HTTP.TLS.Cert, cfg.HTTP.TLS.Key)
		} else {
			serving <- web.Serve(listener)
		}
	}()
	if p.Unguarded != nil {
		go func() {
			select {
			case <-p.Unguarded:
				s.Unguarded()
			case <-ctx.Done():
			}
		}()
	}
	err := s.Run(ctx)
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if e := web.Shutdown(closing); e != nil {
		_ = web.Close()
	}
	if e := <-serving; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, fmt.Errorf("serve the HTTP API: %w", e))
	}
	return err
}

func listen(ctx context.Context, cfg config.Config) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.HTTP.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen for the HTTP API at %s (http.listen): another process holds the port, or the address is not of this machine: %w", cfg.HTTP.Listen, err)
	}
	return l, nil
}

// awaitTopics waits for the log to answer and refuses topics that are not as
// they must be.
func awaitTopics(ctx context.Context, log *kafka.Log, cfg config.Config, logger *slog.Logger) error {
	for said := false; ; {
		findings, err := log.CheckTopics(ctx, cfg.Landscape, kafka.TopicSpec{Partitions: cfg.Log.Partitions})
		switch {
		case err == nil && len(findings) == 0:
			return nil
		case err == nil:
			return fmt.Errorf("the topics of landscape %s are not as they must be:\n  %s\ncreate them with `understudy topics create`: %w",
				cfg.Landscape, strings.Join(findings, "\n  "), domain.ErrConflict)
		case ctx.Err() != nil:
			return ctx.Err()
		}
		if !said {
			said = true
			logger.Warn("the log does not answer yet; waiting for it", "brokers", strings.Join(cfg.Kafka.Brokers, ","), "cause", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// drivers are the protocols, all dialling devices from the configured address.
func drivers(cfg config.Config, logger *slog.Logger) map[domain.DriverName]domain.Driver {
	dialer := &net.Dialer{}
	if ip := net.ParseIP(cfg.Server.DeviceSource); ip != nil {
		dialer.LocalAddr = &net.TCPAddr{IP: ip}
	}
	return map[domain.DriverName]domain.Driver{
		domain.DriverVideohub: videohub.New(videohub.Options{Logger: logger, Dial: dialer.DialContext}),
		domain.DriverHTTP:     httpdevice.New(httpdevice.Options{Logger: logger, Dial: dialer.DialContext}),
	}
}

// ReadKeys reads the landscape's keys, which sign the records of its servers.
func ReadKeys(cfg config.Config) (codec.Keyring, error) {
	text, err := os.ReadFile(cfg.KeysFile)
	if err != nil {
		return codec.Keyring{}, fmt.Errorf("read the landscape's keys (keys_file): %w", err)
	}
	keys, err := codec.ParseKeyFile(text)
	if err != nil {
		return codec.Keyring{}, fmt.Errorf("%s: %w", cfg.KeysFile, err)
	}
	return keys, nil
}

// OpenLog connects to the log as a configuration says.
func OpenLog(cfg config.Config, purpose string, logger *slog.Logger) (*kafka.Log, error) {
	k := cfg.Kafka
	id := k.ClientID
	if id == "" {
		id = "understudy-" + cfg.Server.Name
	}
	security, err := clientTLS(k.TLS)
	if err != nil {
		return nil, err
	}
	password := k.SASL.Password
	if k.SASL.PasswordFile != "" {
		text, err := os.ReadFile(k.SASL.PasswordFile)
		if err != nil {
			return nil, fmt.Errorf("read the password (kafka.sasl.password_file): %w", err)
		}
		password = strings.TrimRight(string(text), "\r\n")
	}
	return kafka.Open(kafka.Config{
		Brokers: k.Brokers, ClientID: id + "-" + purpose, TLS: security, AddressMap: k.AddressMap,
		SASL:        kafka.SASL{Mechanism: kafka.Mechanism(k.SASL.Mechanism), User: k.SASL.User, Password: password},
		DialTimeout: k.DialTimeout, ConnectTimeout: k.ConnectTimeout, AppendTimeout: k.AppendTimeout,
		QueryTimeout: k.QueryTimeout, FetchGrace: k.FetchGrace, MetadataTTL: k.MetadataTTL,
	}, logger)
}

func clientTLS(t config.KafkaTLS) (*tls.Config, error) {
	if !t.Enabled {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fmt.Errorf("read the authorities (kafka.tls.ca): %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate (kafka.tls.ca): %w", t.CA, domain.ErrInvalid)
		}
	}
	if t.Cert != "" {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fmt.Errorf("read this server's certificate (kafka.tls.cert, kafka.tls.key): %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// readTokens reads the users of the API, a line "<user> <token>" each. Without
// a file nobody may change anything.
func readTokens(path string) (func(string) (string, bool), error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the users of the HTTP API (token_file): %w", err)
	}
	users := make(map[[sha256.Size]byte]string)
	for n, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		user, token, ok := strings.Cut(line, " ")
		if token = strings.TrimSpace(token); !ok || len(token) < 16 {
			return nil, fmt.Errorf("%s, line %d: write \"<user> <token>\", the token of at least 16 characters: %w", path, n+1, domain.ErrInvalid)
		}
		users[sha256.Sum256([]byte(token))] = user
	}
	return func(token string) (string, bool) {
		given := sha256.Sum256([]byte(token))
		for known, user := range users {
			if subtle.ConstantTimeCompare(known[:], given[:]) == 1 {
				return user, true
			}
		}
		return "", false
	}, nil
}
