package main

import (
	"context"
	"crypto/rand"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/history"
	"github.com/understudy-io/understudy/projections/merkle"
)

// plainLog has one partition of log and one of elections, of nine records each.
type plainLog struct{ begins int64 }

func plainRecords(n int64) (out []domain.Stored) {
	for i := range n {
		out = append(out, domain.Stored{Message: domain.Message{Key: []byte{byte(i)}}, Offset: i, Appended: domain.Millis(1_790_000_000_000 + i)})
	}
	return out
}

func (l plainLog) Bounds(context.Context, string) ([]domain.Bounds, error) {
	return []domain.Bounds{{Start: l.begins, End: 9}}, nil
}

func (l plainLog) Fetch(_ context.Context, from []domain.FetchFrom, _ time.Duration, _ int) ([]domain.Fetched, error) {
	return []domain.Fetched{{Topic: from[0].Topic, Messages: plainRecords(9)[from[0].Offset:], Next: 9}}, nil
}

func (l plainLog) OffsetsAt(context.Context, string, domain.Instant) ([]int64, error) {
	return []int64{0}, nil
}

// checkpointed is such a log with a control that holds one checkpoint.
type checkpointed struct {
	history.Source
	checkpoint domain.Stored
}

func (c checkpointed) Bounds(ctx context.Context, topic string) ([]domain.Bounds, error) {
	if topic == domain.Topic("main", domain.TopicControl) {
		return []domain.Bounds{{End: 1}}, nil
	}
	return c.Source.Bounds(ctx, topic)
}

func (c checkpointed) Fetch(ctx context.Context, from []domain.FetchFrom, wait time.Duration, most int) ([]domain.Fetched, error) {
	if from[0].Topic == domain.Topic("main", domain.TopicControl) {
		return []domain.Fetched{{Topic: from[0].Topic, Messages: []domain.Stored{c.checkpoint}, Next: 1}}, nil
	}
	return c.Source.Fetch(ctx, from, wait, most)
}

func keysNamed(t *testing.T, name string) *merkle.Keys {
	t.Helper()
	private, verifier, err := merkle.GenerateKey(rand.Reader, name)
	if err != nil {
		t.Fatal(err)
	}
	k, err := merkle.ParseKeys([]byte(merkle.KeyLine(private, verifier)))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// witnessing is a witness with what it has seen before, if anything, at a log that holds
// one checkpoint.
func witnessing(t *testing.T, owner *merkle.Keys, head merkle.Head, source history.Source, seen *merkle.Head) (string, error) {
	t.Helper()
	witness, file := keysNamed(t, "example.com/audit"), filepath.Join(t.TempDir(), "main.note")
	if seen != nil {
		note, err := owner.Sign(*seen)
		try(t, err)
		try(t, os.WriteFile(file, note, 0o600))
	}
	note, err := owner.Sign(head)
	try(t, err)
	c := codec.New("main", codec.Generate())
	m, err := c.Encode(domain.TopicControl, 0, domain.Record{
		UID: "signed-1", Source: domain.ServerSource("C"), Subject: "C", Payload: domain.Signed{Epoch: 3, Note: note},
	})
	try(t, err)
	p := &past{landscape: "main", source: checkpointed{source, domain.Stored{Message: m, Appended: domain.Millis(1_790_000_000_000)}}, codec: c}
	err = p.witness(t.Context(), &screen{out: io.Discard, form: formTable}, owner.Verifiers(), witness, file)
	signed, _ := os.ReadFile(file)
	return string(signed), err
}

// TestAWitnessSignsOnlyWhatItCouldCompare: its signature says that the log was as the
// checkpoint has it.
func TestAWitnessSignsOnlyWhatItCouldCompare(t *testing.T) {
	owner := keysNamed(t, "understudy.main")
	head := func(log, elections int64) merkle.Head {
		h := merkle.Head{Landscape: "main", Time: time.Now(), Epoch: 3}
		for i, kind := range []domain.TopicKind{domain.TopicLog, domain.TopicElections} {
			var tree merkle.Tree
			for _, m := range plainRecords([]int64{log, elections}[i]) {
				tree.Add(&m)
			}
			h.Roots = append(h.Roots, merkle.RootOf(kind, 0, &tree))
		}
		return h
	}
	smaller, now := head(5, 5), head(9, 9)
	short := head(9, 9)
	short.Roots = short.Roots[:1]
	for _, x := range []struct {
		name   string
		newest merkle.Head
		seen   *merkle.Head
		begins int64
		code   int
	}{
		{"all is there", now, nil, 0, exitOK},
		{"all is there, and more than before", now, &smaller, 0, exitOK},
		{"the same once more", now, &now, 0, exitOK},
		{"the first records are gone", now, nil, 1, exitRefused},
		{"the newest covers less than the one before", smaller, &now, 0, exitRefused},
		{"the newest leaves a partition out", short, &now, 0, exitRefused},
		{"no root at all", merkle.Head{Landscape: "main", Time: time.Now()}, nil, 0, exitRefused},
		{"more than is there", head(9, 10), nil, 0, exitViolated},
	} {
		t.Run(x.name, func(t *testing.T) {
			signed, err := witnessing(t, owner, x.newest, plainLog{begins: x.begins}, x.seen)
			if code := exitCode(err); code != x.code {
				t.Errorf("exit code %d, want %d: %v", code, x.code, err)
			}
			if is, want := strings.Contains(signed, "— example.com/audit"), x.code == exitOK; is != want {
				t.Errorf("the witness has signed: %v", is)
			}
		})
	}
}
