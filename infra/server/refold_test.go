package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/understudy-io/understudy/adapters/snapshotfile"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
	"github.com/understudy-io/understudy/domain/server/core"
)

// shelf is a log with one partition that holds records as they are, and notes
// from where it was read. It is its own codec.
type shelf struct {
	Log
	Codec
	records []domain.Record
	read    []int64
}

func (s *shelf) Fetch(_ context.Context, from []domain.FetchFrom, _ time.Duration, _ int) ([]domain.Fetched, error) {
	at := from[0].Offset
	s.read = append(s.read, at)
	out := domain.Fetched{HighWatermark: int64(len(s.records)), Next: min(at+7, int64(len(s.records)))}
	for ; at < out.Next; at++ {
		out.Messages = append(out.Messages, domain.Stored{Offset: at})
	}
	return []domain.Fetched{out}, nil
}

func (s *shelf) DecodeAll(dst []domain.Record, _ domain.TopicKind, _ int32, messages []domain.Stored) []domain.Record {
	for _, m := range messages {
		dst = append(dst, s.records[m.Offset])
	}
	return dst
}

// labels is a log of n wishes for one router.
func labels(n int) *shelf {
	s := &shelf{}
	now := domain.Instant(1_700_000_000_000_000_000)
	add := func(r domain.Record) {
		now = now.Add(time.Millisecond)
		r.Position.Offset, r.Appended, r.Type = int64(len(s.records)), now, r.Payload.Type()
		s.records = append(s.records, r)
	}
	add(domain.Record{Signed: true, Epoch: 1, Sequence: 1, Payload: domain.EpochOpened{Server: "A", Incarnation: "a1", Time: now}})
	add(domain.Record{Signed: true, Epoch: 1, Sequence: 2, Subject: "router", Payload: domain.Configured{Definition: domain.Definition{
		Device: "router", Driver: domain.DriverVideohub, Inputs: 40, Outputs: 40, OnReconnect: domain.Adopt, ConfirmWithin: time.Second,
	}}})
	for i := range n {
		add(domain.Record{UID: fmt.Sprint("u", i), Source: "/test", Subject: "router", Created: now, Payload: domain.SetLabel{
			Port: domain.PortInput, Number: 1 + i%40, Text: fmt.Sprint("Cam ", i),
		}})
	}
	return s
}

// keeper is a core with one partition that folds a shelf, and keeps snapshots.
func keeper(t *testing.T, s *shelf) *coreLoop {
	t.Helper()
	store, err := snapshotfile.Open(t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return &coreLoop{
		landscape: "test", partitions: 1, log: s, codec: s, logger: slog.New(slog.DiscardHandler),
		saves: saves{store: store}, last: make([]domain.Fingerprint, 1),
		machine: core.New(core.Config{}, []*partition.State{partition.New(0, 1, partition.DefaultLimits())}),
	}
}

// foldTo folds on; the record at the offset wrong is misread.
func (c *coreLoop) foldTo(s *shelf, next int64, wrong int64) {
	for at := c.machine.States()[0].Next(); at < next; at++ {
		r := s.records[at]
		if label, ok := r.Payload.(domain.SetLabel); ok && at == wrong {
			label.Text += "?"
			r.Payload = label
		}
		c.machine.Step(domain.Now{}, core.Read{Records: []domain.Record{r}, High: int64(len(s.records))})
		c.last[0] = domain.FingerprintOf(domain.Stored{Offset: at})
	}
}

func (c *coreLoop) here() domain.StateHash {
	s := c.machine.States()[0]
	return domain.StateHash{Position: domain.Position{Offset: s.Next()}, Hash: s.Hash()}
}

// hear gives the machine a checkpoint of a primary.
func (c *coreLoop) hear(h domain.StateHash) []core.Effect {
	return c.machine.Step(domain.Now{}, core.Expect{
		Checkpoint: domain.Checkpoint{Hashes: []domain.StateHash{h}}, At: h.Position.Offset, Incarnation: "a1",
	})
}

// doubt has the machine meet a primary with another state where it is, and gives
// what it says of its own.
func (c *coreLoop) doubt(t *testing.T) core.Testimony {
	t.Helper()
	other := c.here()
	other.Hash[0]++
	for _, e := range c.hear(other) {
		if r, ok := e.(core.Refold); ok {
			return r.Statements[0]
		}
	}
	t.Fatal("it does not fold again")
	return core.Testimony{}
}

const nowhere = -1

// G5: the base of a refold.
func TestARefoldBeginsWhereTheStateWasLastAgreedAndJudgesAsOneFromTheBeginning(t *testing.T) {
	for _, c := range []struct {
		name  string
		wrong int64 // the record that the running state has misread
		lapse int64 // the position at which alone it was wrong
		saved []int64
		agree int64 // where another server agreed; 0 for nowhere
		spoil bool  // what was saved is not what led to the agreed state
		from  int64 // where the refold is to begin
		again bool  // and then once more from the beginning
	}{
		{name: "a sound state, agreed and saved", wrong: nowhere, saved: []int64{50}, agree: 60, from: 50},
		{name: "a snapshot at the very place that was agreed", wrong: nowhere, saved: []int64{60}, agree: 60, from: 60},
		{name: "a sound state, saved and not agreed", wrong: nowhere, saved: []int64{50}, from: 0},
		{name: "a sound state, agreed and not saved", wrong: nowhere, agree: 60, from: 0},
		{name: "a wrong state", wrong: 70, saved: []int64{50}, agree: 60, from: 50},
		{name: "a wrong state that was saved as well", wrong: 70, saved: []int64{50, 80, 90}, agree: 60, from: 50},
		{name: "a wrong state that was saved and never agreed", wrong: 40, saved: []int64{50, 80, 90}, from: 0},
		{name: "a state that was wrong for a while and is right again", wrong: nowhere, lapse: 75, saved: []int64{50, 104}, agree: 60, from: 50},
		{name: "a sound state, and a snapshot that does not lead to what was agreed", wrong: nowhere, saved: []int64{50}, agree: 60, spoil: true, from: 50, again: true},
		{name: "a wrong state, and a snapshot that does not lead to what was agreed", wrong: 70, saved: []int64{50}, agree: 60, spoil: true, from: 50, again: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := labels(110)
			k := keeper(t, s)
			save := func(from *coreLoop) {
				here := func(f func()) error { f(); return nil }
				if err := k.saves.store.Save(from.source(here), k.machine.Proven()); err != nil {
					t.Fatal(err)
				}
			}
			for next := int64(1); next <= int64(len(s.records)); next++ {
				k.foldTo(s, next, c.wrong)
				for _, at := range c.saved {
					if at != next {
						continue
					}
					if !c.spoil {
						save(k)
						continue
					}
					other := keeper(t, s)
					other.foldTo(s, next, 45)
					save(other)
				}
				if next == c.agree {
					k.hear(k.here())
				}
			}
			statement := k.doubt(t)
			for i := range statement.Steps {
				if f := &statement.Steps[i]; c.lapse > 0 && f.Next == c.lapse {
					f.Hash = domain.Hash{}
				}
			}
			err := k.examine(t.Context(), []core.Testimony{statement})
			if len(s.read) == 0 || s.read[0] != c.from {
				t.Errorf("the refold read from %v, want it to begin at %d", s.read, c.from)
			}
			beginnings := 0
			for _, at := range s.read {
				if at == 0 {
					beginnings++
				}
			}
			if c.again != (c.from > 0 && beginnings == 1) {
				t.Errorf("the refold read from %v, want it once more from the beginning: %v", s.read, c.again)
			}
			plain := k.foldAgain(t.Context(), 0, core.Examine(statement, nil, 1))
			if errors.Is(plain, core.ErrWrong) != errors.Is(err, core.ErrWrong) || (plain == nil) != (err == nil) {
				t.Errorf("from its base: %v; from the beginning: %v", err, plain)
			}
			if want := c.wrong != nowhere || c.lapse > 0; errors.Is(err, core.ErrWrong) != want || (err != nil) != want {
				t.Errorf("judged %v, want it to be found wrong: %v", err, want)
			}
		})
	}
}

func TestAStateInDoubtIsNotSaved(t *testing.T) {
	conclude := func(err error) func(*coreLoop) {
		return func(k *coreLoop) {
			k.doubt(t)
			k.machine.Step(domain.Now{}, core.Refolded{Err: err})
		}
	}
	for _, c := range []struct {
		name  string
		doubt func(*coreLoop)
		saved bool
	}{
		{"nobody doubts it", func(*coreLoop) {}, true},
		{"a refold is under way", func(k *coreLoop) { k.doubt(t) }, false},
		{"it is in quarantine", conclude(core.ErrWrong), false},
		{"a primary has another state", conclude(domain.ErrTransient), false},
		{"so it has, and this one is right", conclude(nil), false},
	} {
		s := labels(1)
		k := keeper(t, s)
		k.foldTo(s, 3, nowhere)
		k.saves.since = 1
		c.doubt(k)
		if k.worthSaving() != c.saved {
			t.Errorf("%s: saved %v", c.name, !c.saved)
		}
		// Also not what was begun before the doubt.
		_, _, err := k.source(func(f func()) error { f(); return nil }).Part(0)
		if (err == nil) != c.saved || err != nil && !errors.Is(err, errDoubted) {
			t.Errorf("%s: a partition is saved with error %v", c.name, err)
		}
		if k.saves.since, k.saves.underWay = 0, true; k.worthSaving() != c.saved {
			t.Errorf("%s: a save that was cut short is made up for at the end: %v", c.name, !c.saved)
		}
	}
}
