package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/adapters/kafka"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/config"
)

// witness writes the deaths that a guard sees to the control topic.
type witness struct {
	log       *kafka.Log
	codec     *codec.Codec
	landscape string
	member    string
}

func newWitness(cfg config.Config, logger *slog.Logger) (*witness, error) {
	c, err := openCodec(cfg)
	if err != nil {
		return nil, err
	}
	log, err := openLog(cfg, "guard", logger)
	if err != nil {
		return nil, err
	}
	return &witness{log: log, codec: c, landscape: cfg.Landscape, member: cfg.Server.Name}, nil
}

func (w *witness) died(ctx context.Context, incarnation, exit string) error {
	m, err := w.codec.Encode(domain.TopicControl, 0, domain.Record{
		Type: domain.TypeDied, UID: domain.DerivedUID(incarnation, "died"),
		Source: "/guard/" + w.member, Subject: w.member, Created: domain.InstantOf(time.Now()),
		Payload: domain.Died{Incarnation: incarnation, Exit: exit},
	})
	if err != nil {
		return fmt.Errorf("write the death of %s: %w", incarnation, err)
	}
	_, err = w.log.Append(ctx, []domain.Batch{{Topic: w.topic(), Messages: []domain.Message{m}}})
	return err
}

func (w *witness) warm(ctx context.Context) error { return w.log.Warm(ctx, w.topic()) }

func (w *witness) close() error { return w.log.Close() }

func (w *witness) topic() string { return domain.Topic(w.landscape, domain.TopicControl) }

// maxKeysFile bounds what is read of a file with keys.
const maxKeysFile = 64 << 10

// openCodec reads the landscape's keys.
func openCodec(cfg config.Config) (*codec.Codec, error) {
	b, err := readSmall(cfg.KeysFile, maxKeysFile)
	if err != nil {
		return nil, fmt.Errorf("keys_file: %w", err)
	}
	keys, err := codec.ParseKeyFile(b)
	if err != nil {
		return nil, fmt.Errorf("keys_file %s: %w", cfg.KeysFile, err)
	}
	return codec.New(cfg.Landscape, keys), nil
}

// readSmall reads a file that the configuration names.
func readSmall(path string, limit int64) ([]byte, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", domain.ErrInvalid, err)
	}
	if st.Size() > limit {
		return nil, fmt.Errorf("%s has %d bytes, more than %d: %w", path, st.Size(), limit, domain.ErrInvalid)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", domain.ErrInvalid, err)
	}
	return b, nil
}
