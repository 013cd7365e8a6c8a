package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/understudy-io/understudy/adapters/kafka"
	"github.com/understudy-io/understudy/domain"
)

// Config says where the broker keeps its data and where it listens.
type Config struct {
	// Folder holds the data; it is created if need be.
	Folder string
	// Landscape owns the folder. Its topics are there from the first start.
	Landscape string
	// Listen is the host:port to listen at; port 0 takes a free one.
	Listen string
	// Advertise is the host:port under which clients reach the broker; empty
	// means the address that it listens at. A wildcard (0.0.0.0) reaches
	// nobody, so it needs one.
	Advertise string
	// Partitions of the log topic, fixed at the first start. Default 8.
	Partitions int32
	// Unsynced leaves the writing to disk to the kernel: kill -9 loses
	// nothing, a loss of power the last seconds. For tests.
	Unsynced bool
}

// maxMessage is the largest batch that is taken, as in the topics' settings.
const maxMessage = 2 << 20

// The broker keeps an index entry in memory for each batch, and control gets up
// to a hundred a second; so control is bounded by its size, to hours instead of
// days. Bounded by age it could also become empty while no server runs, and an
// empty topic begins again at offset 0 after a crash.
const (
	controlBytes   = 256 << 20
	controlSegment = 16 << 20
)

// Broker is a running broker.
type Broker struct {
	cluster *kfake.Cluster
	flusher *flusher // nil if unsynced
	folder  *folder
	address string
	closing sync.Once
}

// Start loads what the folder holds and begins to listen. It returns when
// clients can connect. The context bounds the start, not the broker's life.
func Start(ctx context.Context, cfg Config, logger *slog.Logger) (*Broker, error) {
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("start broker: %w", err)
	}
	held, err := takeFolder(cfg.Folder, cfg.Landscape)
	if err != nil {
		return nil, fmt.Errorf("start broker: %w", err)
	}
	b, err := start(ctx, cfg, held, logger)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start broker: %w", err), held.give())
	}
	return b, nil
}

func (c *Config) validate() error {
	var faults []error
	if c.Folder == "" || c.Landscape == "" {
		faults = append(faults, fmt.Errorf("%w: name a folder and a landscape", domain.ErrInvalid))
	}
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil || port == "" {
		faults = append(faults, fmt.Errorf("%w: listen address %q: write it as host:port, for example 127.0.0.1:9092", domain.ErrInvalid, c.Listen))
	} else if ip := net.ParseIP(host); (host == "" || ip != nil && ip.IsUnspecified()) && c.Advertise == "" {
		faults = append(faults, fmt.Errorf("%w: listening at %q, so say under which address clients reach it (advertise)", domain.ErrInvalid, c.Listen))
	}
	if c.Partitions == 0 {
		c.Partitions = 8
	}
	if c.Partitions < 1 || c.Partitions > 1024 {
		faults = append(faults, fmt.Errorf("%w: %d partitions; choose 1 to 1024", domain.ErrInvalid, c.Partitions))
	}
	return errors.Join(faults...)
}

func start(ctx context.Context, cfg Config, held *folder, logger *slog.Logger) (*Broker, error) {
	data := filepath.Join(cfg.Folder, "data")
	var keep *flusher
	if !cfg.Unsynced {
		var err error
		if keep, err = newFlusher(data, logger); err != nil {
			return nil, fmt.Errorf("%w: data folder: %w", domain.ErrInvalid, err)
		}
	}
	var bound net.Listener
	listen := func(network, _ string) (net.Listener, error) {
		l, err := net.Listen(network, cfg.Listen)
		if err != nil {
			return nil, err
		}
		bound = l
		return newListener(l, cfg.Advertise, keep)
	}
	options := []kfake.Opt{
		kfake.NumBrokers(1), // more would be threads of the same process, and safe nothing
		kfake.DataDir(data), // without its SyncWrites: see flusher
		kfake.ListenFn(listen),
		kfake.ClusterID("understudy-" + cfg.Landscape),
		// Seeded topics are on disk before anybody can write to them.
		kfake.SeedTopics(cfg.Partitions, domain.Topic(cfg.Landscape, domain.TopicLog)),
		kfake.SeedTopics(1, domain.Topic(cfg.Landscape, domain.TopicControl),
			domain.Topic(cfg.Landscape, domain.TopicElections), domain.Topic(cfg.Landscape, domain.TopicDeadLetter),
			domain.Topic(cfg.Landscape, domain.TopicProbe)),
		kfake.BrokerConfigs(map[string]string{"message.max.bytes": fmt.Sprint(maxMessage), "log.message.timestamp.type": "LogAppendTime"}),
		kfake.WithLogger(&brokerLogger{logger: logger, folder: cfg.Folder}),
	}
	cluster, err := kfake.NewCluster(options...)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%w: %s is in use by another program; stop it, or let this broker listen elsewhere: %w", domain.ErrConflict, cfg.Listen, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: folder %s, address %s: %w", domain.ErrInvalid, cfg.Folder, cfg.Listen, err)
	}
	stampAppends(cluster, keep)
	b := &Broker{cluster: cluster, flusher: keep, folder: held, address: bound.Addr().String()}
	if err := b.setTopics(ctx, cfg, logger); err != nil {
		cluster.Close()
		return nil, err
	}
	return b, nil
}

// setTopics gives the seeded topics their settings; the broker seeds names and
// partitions only.
func (b *Broker) setTopics(ctx context.Context, cfg Config, logger *slog.Logger) error {
	client := kafka.Config{Brokers: []string{b.address}, ClientID: "embedded-broker"}
	if cfg.Advertise != "" { // it may be reachable from outside only
		client.AddressMap = map[string]string{cfg.Advertise: b.address}
	}
	l, err := kafka.Open(client, logger)
	if err != nil {
		return err
	}
	spec := kafka.TopicSpec{Partitions: cfg.Partitions, MaxMessageBytes: maxMessage,
		ControlRetention: -1, ControlBytes: controlBytes, ControlSegment: controlSegment}
	return errors.Join(
		l.EnsureTopics(ctx, cfg.Landscape, spec), // a folder of an older build may lack one
		l.MendTopics(ctx, cfg.Landscape, spec),
		l.Close())
}

// Address is the host:port at which the broker listens.
func (b *Broker) Address() string { return b.address }

// Close writes what a faster start needs and gives the folder back. Nothing is
// lost without it.
func (b *Broker) Close() error {
	var err error
	b.closing.Do(func() {
		b.cluster.Close()
		err = b.folder.give()
	})
	return err
}
