package main

import (
	"context"
	"fmt"
	"log/slog"
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

// openCodec reads the landscape's keys.
func openCodec(cfg config.Config) (*codec.Codec, error) {
	keys, err := readKeyFile(cfg.KeysFile)
	if err != nil {
		return nil, fmt.Errorf("keys_file: %w", err)
	}
	return codec.New(cfg.Landscape, keys), nil
}
