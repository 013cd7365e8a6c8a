package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/adapters/kafka"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/guard"
)

// landscape is one that a measurement has for itself.
type landscape struct {
	name        string
	dir         string
	program     string
	kafka       kafka.Config
	settings    map[string]any // of the log, for the servers' files
	embedded    bool
	codec       *codec.Codec
	log         *kafka.Log
	devices     *devices
	definitions []domain.Definition
	token       string        // of the servers' APIs
	signing     string        // file with the signing key; empty: nothing is signed
	every       time.Duration // between two snapshots; 0: as a server does by itself

	line      *guard.Lifeline
	hold      *os.File
	processes []*process
	servers   []*node
}

// node is one server, with its guard.
type node struct {
	name    string
	address string // URL of its API
	config  string
	runFile string
	source  string // the address from which it reaches devices; empty for any
	guard   *process
	api     *httpapi.Client
}

// Bounds of the waits for a landscape.
const (
	brokerWithin = 30 * time.Second
	readyWithin  = 15 * time.Minute // a server may have ten million records to fold
	lookPace     = 5 * time.Millisecond
)

// open makes a landscape: its broker, its topics and its devices; no servers.
func (b *bench) open(ctx context.Context, deviceCount int) (_ *landscape, err error) {
	b.names++
	name := fmt.Sprintf("bench-%s-%d", uuid.NewString()[:8], b.names)
	l := &landscape{name: name, dir: filepath.Join(b.Dir, name), program: b.Program, kafka: b.Kafka, settings: b.ServerKafka}
	if err := os.MkdirAll(l.dir, 0o700); err != nil {
		return nil, fmt.Errorf("folder of the data: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.close())
		}
	}()
	if l.line, l.hold, err = guard.NewLifeline(); err != nil {
		return nil, err
	}
	if len(l.kafka.Brokers) == 0 {
		if err := l.startBroker(ctx); err != nil {
			return nil, err
		}
	}
	keys := codec.Generate()
	if err := os.WriteFile(l.file("keys"), keys.MarshalKeyFile(), 0o600); err != nil {
		return nil, err
	}
	l.token = uuid.NewString()
	if err := os.WriteFile(l.file("tokens"), []byte("bench "+l.token+"\n"), 0o600); err != nil {
		return nil, err
	}
	l.codec = codec.New(name, keys)
	l.kafka.ClientID = name
	if l.log, err = kafka.Open(l.kafka, slog.New(slog.DiscardHandler)); err != nil {
		return nil, err
	}
	if err := l.ensureTopics(ctx); err != nil {
		return nil, err
	}
	if l.devices, err = newDevices(deviceCount); err != nil {
		return nil, err
	}
	l.definitions = l.devices.definitions()
	return l, nil
}

// restart ends all servers in good order and starts them again, so that each has
// a snapshot of what it has folded.
func (l *landscape) restart(ctx context.Context) error {
	for _, s := range l.servers {
		if err := s.guard.stop(); err != nil {
			return err
		}
		if err := l.startServer(s); err != nil {
			return err
		}
		if err := l.awaitReady(ctx); err != nil {
			return err
		}
	}
	return nil
}

// with runs f on a landscape with servers, and ends it.
func (b *bench) with(ctx context.Context, deviceCount, servers int, f func(*landscape) error) error {
	l, err := b.open(ctx, deviceCount)
	if err != nil {
		return err
	}
	err = l.startServers(ctx, servers)
	if err == nil {
		err = f(l)
	}
	return errors.Join(err, l.close())
}

func (l *landscape) file(name string) string { return filepath.Join(l.dir, name) }

func (l *landscape) startBroker(ctx context.Context) error {
	address, err := freeAddress("127.0.0.1")
	if err != nil {
		return err
	}
	p, err := l.spawn("broker", "broker", "--dir", l.file("broker"), "--listen", address, "--landscape", l.name)
	if err != nil {
		return err
	}
	l.processes = append(l.processes, p)
	l.embedded, l.kafka.Brokers = true, []string{address}
	ctx, cancel := context.WithTimeout(ctx, brokerWithin)
	defer cancel()
	for {
		c, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			return c.Close()
		}
		if err := p.alive(); err != nil {
			return err
		}
		if err := sleep(ctx, lookPace); err != nil {
			return fmt.Errorf("the broker does not listen within %s: %w", brokerWithin, err)
		}
	}
}

// ensureTopics tries for a while: a broker that has just begun to listen may
// not know yet who leads.
func (l *landscape) ensureTopics(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, brokerWithin)
	defer cancel()
	for {
		err := l.log.EnsureTopics(ctx, l.name, kafka.TopicSpec{Partitions: partitions})
		if err == nil || !errors.Is(err, domain.ErrTransient) {
			return err
		}
		if sleep(ctx, 100*time.Millisecond) != nil {
			return err
		}
	}
}

// freeAddress is a port that nobody had a moment ago.
func freeAddress(host string) (string, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}

// firstDeviceSource ends the address from which the first server reaches
// devices, 127.0.0.11; the others follow.
const firstDeviceSource = 11

// startServers starts servers A, B, … and waits until one acts and all are ready.
func (l *landscape) startServers(ctx context.Context, n int) error {
	for i := range n {
		s, err := l.addServer(i)
		if err != nil {
			return err
		}
		if err := l.startServer(s); err != nil {
			return err
		}
	}
	return l.awaitReady(ctx)
}

// addServer writes the configuration of a server.
func (l *landscape) addServer(i int) (*node, error) {
	listen, err := freeAddress("127.0.0.1")
	if err != nil {
		return nil, err
	}
	name := string(rune('A' + i))
	data := l.file("server-" + name)
	s := &node{
		name: name, address: "http://" + listen, config: data + ".yaml", runFile: filepath.Join(data, guard.RunFileName),
		api: httpapi.NewClient([]string{"http://" + listen}, l.token),
	}
	server := map[string]any{"name": name}
	if runtime.GOOS == "linux" { // all of 127.0.0.0/8 is this machine
		s.source = fmt.Sprintf("127.0.0.%d", firstDeviceSource+i)
		server["device_source"] = s.source
	}
	kafkaSection := map[string]any{"brokers": l.kafka.Brokers}
	maps.Copy(kafkaSection, l.settings)
	config := map[string]any{
		"landscape": l.name, "dir": data, "keys_file": l.file("keys"), "token_file": l.file("tokens"), "server": server,
		"http":    map[string]any{"listen": listen},
		"kafka":   kafkaSection,
		"devices": deviceSettings(l.definitions),
	}
	if l.every > 0 {
		config["snapshot"] = map[string]any{"every": l.every.String(), "records": 0}
	}
	if l.signing != "" {
		config["signing_key_file"] = l.signing
	}
	b, err := json.MarshalIndent(config, "", " ") // JSON is YAML
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(s.config, b, 0o600); err != nil {
		return nil, err
	}
	l.servers = append(l.servers, s)
	return s, nil
}

func (l *landscape) startServer(s *node) (err error) {
	s.guard, err = l.spawn("server-"+s.name, "server", "--config", s.config)
	return err
}

func deviceSettings(list []domain.Definition) []map[string]any {
	out := make([]map[string]any, 0, len(list))
	for _, d := range list {
		m := map[string]any{"id": d.Device, "driver": d.Driver, "address": d.Address}
		if d.Driver == domain.DriverVideohub {
			m["inputs"], m["outputs"] = d.Inputs, d.Outputs
		}
		var verbs []map[string]any
		for _, v := range d.Verbs {
			verb := map[string]any{"name": v.Name, "effect": v.Effect, "method": v.Method, "url": v.URL}
			for key, value := range map[string]string{"body": v.Body, "target": v.Target, "value": v.Value, "read_url": v.ReadURL, "read_at": v.ReadAt} {
				if value != "" {
					verb[key] = value
				}
			}
			if len(v.Args) > 0 {
				verb["args"] = v.Args
			}
			verbs = append(verbs, verb)
		}
		if verbs != nil {
			m["verbs"] = verbs
		}
		out = append(out, m)
	}
	return out
}

// awaitReady waits until one server acts and all are ready.
func (l *landscape) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	for {
		why := l.unready(ctx)
		if why == "" {
			return nil
		}
		for _, s := range l.servers {
			if err := s.guard.alive(); err != nil {
				return err
			}
		}
		if sleep(ctx, 4*lookPace) != nil {
			return fmt.Errorf("the servers are not ready within %s: %s: %w", readyWithin, why, domain.ErrTransient)
		}
	}
}

// unready says what is missing; empty if nothing is.
func (l *landscape) unready(ctx context.Context) string {
	acting := 0
	for _, s := range l.servers {
		st, err := s.api.Status(ctx)
		switch {
		case err != nil:
			return fmt.Sprintf("server %s does not answer: %v", s.name, err)
		case !st.Server.Ready || len(st.Servers) < len(l.servers):
			return fmt.Sprintf("server %s is %s: %s", s.name, st.Server.State, strings.Join(st.Server.Reasons, ", "))
		case st.Server.Role == httpapi.RolePrimary:
			acting++
		}
		for _, other := range st.Servers {
			if !other.Ready {
				return fmt.Sprintf("server %s sees %s as %s", s.name, other.Name, other.State)
			}
		}
	}
	if acting != 1 {
		return fmt.Sprintf("%d servers act", acting)
	}
	return ""
}

// primary is the server that acts.
func (l *landscape) primary(ctx context.Context) (*node, error) {
	for _, s := range l.servers {
		if st, err := s.api.Status(ctx); err == nil && st.Server.Role == httpapi.RolePrimary {
			return s, nil
		}
	}
	return nil, fmt.Errorf("no server acts: %w", domain.ErrTransient)
}

// connected waits until the primary reaches every device.
func (l *landscape) connected(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	for {
		away := -1
		if s, err := l.primary(ctx); err == nil {
			if list, err := s.api.Devices(ctx); err == nil {
				away = len(l.definitions)
				for _, d := range list {
					if d.Connected {
						away--
					}
				}
			}
		}
		if away == 0 {
			return nil
		}
		// The list of ten thousand devices is megabytes, which the server is measured with.
		if err := sleep(ctx, 500*time.Millisecond); err != nil {
			return fmt.Errorf("%d devices are not connected: %w", away, domain.ErrTransient)
		}
	}
}

// close ends everything, servers first, and removes the data.
func (l *landscape) close() error {
	var faults []error
	for _, s := range l.servers {
		if s.guard != nil {
			faults = append(faults, s.guard.stop())
		}
		s.api.Close()
	}
	if l.log != nil {
		if !l.embedded {
			faults = append(faults, removeTopics(l.kafka, l.name))
		}
		faults = append(faults, l.log.Close())
	}
	for _, p := range l.processes {
		faults = append(faults, p.stop())
	}
	if l.devices != nil {
		faults = append(faults, l.devices.close())
	}
	if l.hold != nil {
		faults = append(faults, l.hold.Close(), l.line.Close())
	}
	return errors.Join(append(faults, os.RemoveAll(l.dir))...)
}
