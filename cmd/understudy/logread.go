package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/adapters/kafka"
	"github.com/understudy-io/understudy/domain"
)

const (
	tailWait  = 500 * time.Millisecond
	tailBytes = 4 << 20
	// tailBack is how far back, in each partition, the newest records of one
	// device are looked for.
	tailBack = 20_000
	// tailRetries bounds how often in a row the brokers may fail to answer.
	tailRetries = 10
	tailPause   = 200 * time.Millisecond
)

// tail reads a topic and shows its records.
type tail struct {
	tailing
	*screen
	notes   io.Writer // for people, beside what is shown
	log     *kafka.Log
	brokers []string
	devices []string // of the landscape, as far as folder or configuration tell
	codec   *codec.Codec
	kind    domain.TopicKind
	topic   string
	next    []int64 // by partition
	shown   int
}

func (t *tail) run(ctx context.Context) error {
	bounds, err := t.log.Bounds(ctx, t.topic)
	if err != nil {
		return fmt.Errorf("read %s at %v: is the broker up, and the landscape's name right? %w", t.topic, t.brokers, err)
	}
	ends := make([]int64, len(bounds))
	t.next = make([]int64, len(bounds))
	for p, b := range bounds {
		t.next[p], ends[p] = b.Start, b.End
		if t.from == "end" {
			t.next[p] = max(b.Start, b.End-t.back())
		}
		if !t.concerns(int32(p), len(bounds)) {
			t.next[p], ends[p] = b.End, b.End
		}
	}
	if t.from == "start" {
		err = t.read(ctx, ends, t.print)
	} else {
		err = t.newest(ctx, ends)
	}
	if err == nil && t.shown == 0 {
		err = t.nothing()
	}
	if err != nil || !t.follow {
		return err
	}
	return t.read(ctx, nil, t.print)
}

// nothing says that there is no record of the device that was asked for: nobody
// must take a slip of the pen for silence.
func (t *tail) nothing() error {
	if t.device == "" || t.lines == 0 && t.from == "end" {
		return nil
	}
	text := fmt.Sprintf("%s has no record of %q", t.topic, t.device)
	if t.from == "end" {
		text += fmt.Sprintf(" among the newest %d of its partition", tailBack)
	}
	known := slices.Contains(t.devices, t.device)
	if t.kind == domain.TopicLog && len(t.devices) > 0 && !known {
		text += fmt.Sprintf(", and the landscape no such device; its devices are %s", strings.Join(t.devices, ", "))
	}
	if t.follow || known || t.kind != domain.TopicLog {
		_, err := fmt.Fprintf(t.notes, "understudy: %s\n", text)
		return err
	}
	return fmt.Errorf("%s: %w", text, domain.ErrNotFound)
}

func (t *tail) back() int64 {
	if t.device != "" {
		return tailBack
	}
	return int64(t.lines)
}

// concerns says whether records of the device asked for can be in a partition.
func (t *tail) concerns(p int32, partitions int) bool {
	return t.device == "" || t.kind != domain.TopicLog || domain.Partition(t.device, int32(partitions)) == p
}

// newest shows the last records before the ends, in the order of time.
func (t *tail) newest(ctx context.Context, ends []int64) error {
	var held []domain.Record
	trim := func() {
		slices.SortStableFunc(held, func(a, b domain.Record) int {
			return cmp.Or(cmp.Compare(a.Appended, b.Appended), cmp.Compare(a.Position.Partition, b.Position.Partition),
				cmp.Compare(a.Position.Offset, b.Position.Offset))
		})
		held = slices.Delete(held, 0, max(0, len(held)-t.lines))
	}
	err := t.read(ctx, ends, func(r *domain.Record) error {
		if held = append(held, *r); len(held) > 2*t.lines+1000 {
			trim()
		}
		return nil
	})
	trim()
	for i := range held {
		if err := t.print(&held[i]); err != nil {
			return err
		}
	}
	return err
}

// read hands on what is asked for, up to the ends, or for ever without them.
func (t *tail) read(ctx context.Context, ends []int64, each func(*domain.Record) error) error {
	failures := 0
	for {
		var from []domain.FetchFrom
		for p, next := range t.next {
			if ends == nil && t.concerns(int32(p), len(t.next)) || ends != nil && next < ends[p] {
				from = append(from, domain.FetchFrom{Topic: t.topic, Partition: int32(p), Offset: next})
			}
		}
		if len(from) == 0 {
			return nil
		}
		fetched, err := t.log.Fetch(ctx, from, tailWait, tailBytes)
		for _, f := range fetched {
			if err = errors.Join(err, f.Err); f.Err != nil {
				continue
			}
			if err := t.take(f, ends, each); err != nil {
				return err
			}
		}
		if failures++; err == nil {
			failures = 0
		}
		if failures > tailRetries || ctx.Err() != nil {
			return errors.Join(ctx.Err(), err)
		}
		if err != nil {
			if err := pause(ctx, tailPause); err != nil {
				return err
			}
		}
	}
}

func (t *tail) take(f domain.Fetched, ends []int64, each func(*domain.Record) error) error {
	for _, m := range f.Messages {
		if ends != nil && m.Offset >= ends[f.Partition] {
			break
		}
		r := t.codec.Decode(t.kind, f.Partition, m)
		if !t.matches(&r) {
			continue
		}
		if err := each(&r); err != nil {
			return err
		}
	}
	t.next[f.Partition] = max(t.next[f.Partition], f.Next)
	if ends != nil {
		t.next[f.Partition] = min(t.next[f.Partition], ends[f.Partition])
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
