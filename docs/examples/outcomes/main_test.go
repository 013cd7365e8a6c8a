package main

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/adapters/kafka"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/broker"
)

// TestTheHandlerReadsOutcomes: those that a server signed, and no others.
func TestTheHandlerReadsOutcomes(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	b, err := broker.Start(t.Context(), broker.Config{Folder: t.TempDir(), Landscape: "studio", Listen: "127.0.0.1:0", Unsynced: true}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	log, err := kafka.Open(kafka.Config{Brokers: []string{b.Address()}}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	keys := codec.Generate()
	for i, with := range []codec.Keyring{codec.Generate(), keys} {
		m, err := codec.New("studio", with).Encode(domain.TopicLog, 2, domain.Record{
			Type: domain.TypeOutcome, UID: "o", Source: "/server/A", Subject: "videohub-1", Epoch: 1, Sequence: uint64(i + 1),
			Payload: domain.Ended{UID: "u-1", Outcome: domain.Confirmed},
		})
		if err != nil {
			t.Fatal(err)
		}
		batch := domain.Batch{Topic: domain.Topic("studio", domain.TopicLog), Partition: 2, Messages: []domain.Message{m}}
		if _, err := log.Append(t.Context(), []domain.Batch{batch}); err != nil {
			t.Fatal(err)
		}
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	in, out := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, []string{b.Address()}, "studio", keys, out)
		_ = out.CloseWithError(err)
		ended <- err
	}()
	lines := bufio.NewScanner(in)
	if !lines.Scan() || lines.Text() != "2:1 videohub-1 u-1 confirmed" {
		t.Errorf("the handler says %q", lines.Text())
	}
	stop()
	_ = in.Close()
	if err := <-ended; err != nil {
		t.Errorf("it ends with %v", err)
	}
}
