package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestAnInterruptedImportSaysHowToGoOn: soon, also at brokers that do not answer.
func TestAnInterruptedImportSaysHowToGoOn(t *testing.T) {
	past := newPast(t)
	dir := filepath.Join(t.TempDir(), "export")
	past.past(t, "export", "--to", dir)
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	try(t, err)
	defer func() { _ = mute.Close() }()
	ctx, enough := context.WithTimeout(t.Context(), 30*time.Second)
	defer enough()
	go func() {
		if c, err := mute.Accept(); err == nil {
			defer func() { _ = c.Close() }()
			enough()
		}
	}()
	var errOut bytes.Buffer
	code := run(ctx, []string{"import", "--from", dir, "--kafka", mute.Addr().String()}, nil, &bytes.Buffer{}, &errOut)
	if !errors.Is(ctx.Err(), context.Canceled) || code != exitError || !strings.HasPrefix(errOut.String(), "understudy: the import was interrupted; what was written is kept, and the same command goes on there") {
		t.Errorf("exit %d: %s", code, errOut.String())
	}
}

// TestAnInterruptedSealProvesNothing: and what it says is no word against the folder.
func TestAnInterruptedSealProvesNothing(t *testing.T) {
	log := newPast(t)
	dir := filepath.Join(t.TempDir(), "export")
	log.past(t, "export", "--to", dir)
	ctx, enough := context.WithCancel(t.Context())
	enough()
	p := &past{landscape: "main", source: log.log, codec: log.codec}
	_, err := p.proven(ctx, dir)
	if _, says := errors.AsType[resumableError](err); !says || strings.Contains(err.Error(), "is not what the log is") || !strings.Contains(err.Error(), "the same command goes on") {
		t.Errorf("it says %v", err)
	}
}
