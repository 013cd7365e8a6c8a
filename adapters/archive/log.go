package archive

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// Log reads a folder as a log. Its methods may be called from several
// goroutines; one that goes on where its last Fetch ended does not search.
type Log struct {
	dir      string
	manifest Manifest
	form     Form

	mu      sync.Mutex
	cursors map[place]records
}

// Open reads the manifest of a folder of lines. Files are read when they are asked for.
func Open(dir string) (*Log, error) { return OpenAs(dir, Lines()) }

// OpenAs is Open for a folder of any of these forms.
func OpenAs(dir string, forms ...Form) (*Log, error) {
	m, err := readManifest(dir, namesOf(forms)...)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(forms, func(f Form) bool { return f.Name == m.Format })
	return &Log{dir: dir, manifest: m, form: forms[i], cursors: make(map[place]records)}, nil
}

func namesOf(forms []Form) (names []string) {
	for _, f := range forms {
		names = append(names, f.Name)
	}
	return names
}

// Manifest is what the folder says of itself.
func (l *Log) Manifest() Manifest { return l.manifest }

// Close gives the open files back.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var faults []error
	for at, c := range l.cursors {
		faults = append(faults, c.close())
		delete(l.cursors, at)
	}
	return errors.Join(faults...)
}

// Bounds are what the folder holds of each partition of a topic.
func (l *Log) Bounds(_ context.Context, topic string) ([]domain.Bounds, error) {
	return l.bounds(topic)
}

func (l *Log) bounds(topic string) ([]domain.Bounds, error) {
	var out []domain.Bounds
	for _, r := range l.manifest.Parts {
		if r.Topic != topic {
			continue
		}
		if n := int(r.Partition) + 1 - len(out); n > 0 {
			out = append(out, make([]domain.Bounds, n)...)
		}
		out[r.Partition] = domain.Bounds{Start: r.From, End: l.manifest.Done(topic, r.Partition)}
	}
	if out == nil {
		return nil, fmt.Errorf("the export in %s holds no topic %s; it holds %v of landscape %q: %w",
			l.dir, topic, l.manifest.topics(), l.manifest.Landscape, domain.ErrNotFound)
	}
	return out, nil
}

func (m *Manifest) topics() []string {
	var out []string
	for _, r := range m.Parts {
		if !slices.Contains(out, r.Topic) {
			out = append(out, r.Topic)
		}
	}
	return out
}

// Fetch gives records from offsets on. Nothing is waited for: what a folder does
// not hold does not come.
func (l *Log) Fetch(ctx context.Context, from []domain.FetchFrom, _ time.Duration, maxBytes int) ([]domain.Fetched, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]domain.Fetched, 0, len(from))
	var faults []error
	for _, f := range from {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		got := l.fetch(f, maxBytes/len(from))
		if got.Err != nil {
			faults = append(faults, got.Err)
		}
		out = append(out, got)
	}
	if len(faults) > 0 && len(faults) == len(out) {
		return out, errors.Join(faults...)
	}
	return out, nil
}

func (l *Log) fetch(from domain.FetchFrom, maxBytes int) domain.Fetched {
	out := domain.Fetched{Topic: from.Topic, Partition: from.Partition, Next: from.Offset}
	bounds, err := l.bounds(from.Topic)
	if err == nil && int(from.Partition) >= len(bounds) {
		err = fmt.Errorf("the export in %s has %d partitions of %s: %w", l.dir, len(bounds), from.Topic, domain.ErrNotFound)
	}
	if err != nil {
		out.Err = err
		return out
	}
	b := bounds[from.Partition]
	out.LogStart, out.HighWatermark = b.Start, b.End
	if from.Offset < b.Start || from.Offset > b.End {
		out.Err = fmt.Errorf("fetch %s/%d at %d: the export in %s holds %d up to, not including, %d: %w",
			from.Topic, from.Partition, from.Offset, l.dir, b.Start, b.End, domain.ErrNotFound)
		return out
	}
	if from.Offset == b.End {
		return out
	}
	at := place{from.Topic, from.Partition}
	c := l.cursors[at]
	if c == nil || c.position() != from.Offset {
		if c != nil {
			_ = c.close()
		}
		c = l.records(l.manifest.filesOf(at), from.Offset)
		l.cursors[at] = c
	}
	out.Messages, out.Err = c.read(max(maxBytes, 1))
	out.Next = c.position()
	if out.Err != nil {
		_ = c.close()
		delete(l.cursors, at)
	}
	return out
}

func (m *Manifest) filesOf(at place) []File {
	var out []File
	for _, f := range m.Files {
		if f.Topic == at.topic && f.Partition == at.partition {
			out = append(out, f)
		}
	}
	return out
}
