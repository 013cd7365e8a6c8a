package rehearse

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/projections/sendings"
)

// spareLink takes everything, and notes when.
type spareLink struct {
	domain.Link
	sink    domain.Sink
	began   time.Time
	at      []time.Duration
	address string
}

func (l *spareLink) Open(def domain.Definition, sink domain.Sink) (domain.Link, error) {
	l.address, l.sink, l.began = def.Address, sink, time.Now()
	sink.Up("")
	return l, nil
}

func (l *spareLink) Emit(_ context.Context, a domain.Action, gate domain.Gate) error {
	if a.UID == "bad" {
		return domain.ErrNotSent
	}
	l.at = append(l.at, time.Since(l.began))
	l.sink.Answered(domain.Answered{Ref: a.Ref, Verdict: domain.Acknowledged})
	return gate()
}

func (l *spareLink) Close() error { return nil }

func TestARehearsalKeepsTheRhythm(t *testing.T) {
	start := domain.InstantOf(time.Unix(1_790_000_000, 0))
	var list []sendings.Sending
	for i, after := range []time.Duration{0, 3 * time.Second, 3500 * time.Millisecond, 10 * time.Second} {
		list = append(list, sendings.Sending{UID: []string{"a", "b", "bad", "d"}[i], At: start.Add(after)})
	}
	for speed, want := range map[float64][]time.Duration{
		1:  {0, 3 * time.Second, 10 * time.Second},
		10: {0, 300 * time.Millisecond, time.Second},
		0:  {0, 0, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			link := &spareLink{}
			noted := 0
			r, err := Play(t.Context(), link, domain.Definition{Device: "hub", Address: "the device's own"}, &Spare{address: "spare:1"}, list, speed, func() { noted++ })
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(link.at, want) || r.Original != 10*time.Second || r.Sent != 3 || r.NotSent != 1 || r.Acknowledged != 3 || noted != 4 {
				t.Errorf("at %vx: %v, %+v", speed, link.at, r)
			}
			if link.address != "spare:1" {
				t.Errorf("it opened %s", link.address)
			}
		})
	}
}
