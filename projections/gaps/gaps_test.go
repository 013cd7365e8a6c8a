package gaps_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/projections/gaps"
)

const began = domain.Instant(1_700_000_000_000_000_000)

type written struct {
	ms      int
	subject string
	epoch   uint64
	on      int32
	payload domain.Payload
}

func beat(ms int, who string, epoch uint64) written {
	return written{ms, who, 0, 0, domain.Heartbeat{Incarnation: who + "1", Epoch: epoch, TTL: 100 * time.Millisecond}}
}

func opened(ms int, who string, epoch uint64, on int32) written {
	return written{ms, who, epoch, on, domain.EpochOpened{Server: who}}
}

func connection(ms int, epoch uint64, up bool) written {
	return written{ms, "hub-1", epoch, 1, domain.Connection{Up: up, Detail: "refused"}}
}

// P2: from when to when a device was not watched.
func TestEachTimeInWhichADeviceWasNotWatchedIsTold(t *testing.T) {
	takeover := []written{
		{0, "A", 0, 0, domain.Claim{Epoch: 1}}, opened(2, "A", 1, 0), opened(3, "A", 1, 1), beat(10, "A", 1), beat(60, "A", 1), beat(0, "B", 0),
		{180, "B", 0, 0, domain.Claim{Epoch: 2}}, opened(185, "B", 2, 0), opened(190, "B", 2, 1),
	}
	for name, test := range map[string]struct {
		device  string
		records []written
		want    string
	}{
		"the first epoch follows on nothing":   {"", takeover[:6], ""},
		"a takeover, up to its last partition": {"", takeover, "all 60-190 primacy moved to B, epoch 2"},
		"a device is back while it goes on": {"", append(append(takeover[:3:3], beat(10, "A", 1), connection(60, 1, false)), takeover[6], takeover[7], connection(186, 1, true), takeover[8]),
			"all 60-190 primacy moved to B, epoch 2; hub-1 60-186 not connected: refused"},
		"of one device, up to its own":                {"hub-1", takeover, "hub-1 60-190 primacy moved to B, epoch 2"},
		"of one of the other partition":               {"hub-0", takeover, "hub-0 60-185 primacy moved to B, epoch 2"},
		"the log was away":                            {"", []written{beat(0, "A", 1), beat(90, "A", 1), beat(300, "A", 1)}, "all 90-300 the primary, A, has written nothing for longer than its lease"},
		"a device was away":                           {"", []written{connection(5, 1, true), connection(10, 1, false), connection(20, 1, false), connection(50, 1, true)}, "hub-1 10-50 not connected: refused"},
		"it still is":                                 {"", []written{connection(10, 1, false)}, "hub-1 10- not connected: refused"},
		"it is another one":                           {"hub-0", []written{connection(10, 1, false), connection(50, 1, true)}, ""},
		"what an old primary still writes is nothing": {"", append(takeover[:9:9], connection(200, 1, false)), "all 60-190 primacy moved to B, epoch 2"},
		"it is configured no more":                    {"", []written{connection(10, 1, false), {20, "hub-1", 1, 1, domain.Configured{Removed: true}}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			partition := int32(1)
			if test.device == "hub-0" {
				partition = 0
			}
			g := gaps.New(test.device, partition)
			control := int64(0)
			for _, w := range test.records {
				r := domain.Record{Subject: w.subject, Type: w.payload.Type(), Payload: w.payload, Signed: true, Epoch: w.epoch, Appended: began.Add(time.Duration(w.ms) * time.Millisecond)}
				r.Position.Partition = w.on
				if domain.ClassOf(r.Type) == domain.ClassControl {
					r.Position.Offset = control
					control++
				}
				g.Apply(&r)
				r.Signed, r.Payload = false, domain.Connection{} // what nobody vouches for
				g.Apply(&r)
			}
			var got []string
			for _, gap := range g.Gaps() {
				who := gap.Device
				if who == "" {
					who = "all"
				}
				to := ""
				if gap.To != 0 {
					to = fmt.Sprint(gap.To.Sub(began).Milliseconds())
				}
				got = append(got, fmt.Sprintf("%s %d-%s %s", who, gap.From.Sub(began).Milliseconds(), to, gap.Cause))
			}
			if text := strings.Join(got, "; "); text != test.want {
				t.Errorf("it tells %q, want %q", text, test.want)
			}
		})
	}
}

// TestATakeoverBeginsWithTheLastSignThatCounts: neither a claim that is void nor what a
// primary that was superseded still writes makes a gap shorter than it was.
func TestATakeoverBeginsWithTheLastSignThatCounts(t *testing.T) {
	of := func(ms int, who string, p domain.Payload) written { return written{ms, who, 0, 0, p} }
	claim := func(ms int, who string, epoch uint64, seen int64) written {
		return of(ms, who, domain.Claim{Incarnation: who + "1", Epoch: epoch, Seen: seen, N: 1, TTL: 100 * time.Millisecond})
	}
	sign := func(ms int, who string, epoch, n uint64) written {
		return of(ms, who, domain.Heartbeat{Incarnation: who + "1", Epoch: epoch, N: n, TTL: 100 * time.Millisecond})
	}
	first := []written{
		of(0, "A", domain.Joined{Incarnation: "A1"}), of(0, "B", domain.Joined{Incarnation: "B1"}), // 0, 1
		claim(1, "A", 1, -1), opened(2, "A", 1, 0), sign(60, "A", 1, 2), // 2, 3
	}
	for name, test := range map[string]struct {
		records []written
		want    string
	}{
		"a late heartbeat of the old primary": {append(first[:5:5], claim(180, "B", 2, 3), sign(184, "A", 1, 3), opened(190, "B", 2, 0)), "60-190 primacy moved to B, epoch 2"},
		"a void claim while the log was away": {append(first[:5:5], claim(280, "B", 2, 2), sign(300, "A", 1, 3)), "60-300 the primary, A, has written nothing for longer than its lease"},
	} {
		g := gaps.New("", 0)
		control := int64(0)
		for _, w := range test.records {
			r := domain.Record{Subject: w.subject, UID: "r", Type: w.payload.Type(), Payload: w.payload, Signed: true, Epoch: w.epoch, Appended: began.Add(time.Duration(w.ms) * time.Millisecond)}
			if domain.ClassOf(r.Type) == domain.ClassControl {
				r.Position.Offset = control
				control++
			}
			g.Apply(&r)
		}
		var got []string
		for _, gap := range g.Gaps() {
			got = append(got, fmt.Sprintf("%d-%d %s", gap.From.Sub(began).Milliseconds(), gap.To.Sub(began).Milliseconds(), gap.Cause))
		}
		if text := strings.Join(got, "; "); text != test.want {
			t.Errorf("%s: it tells %q, want %q", name, text, test.want)
		}
	}
}

// A part of control that was not seen is no time without heartbeats.
func TestWhatWasNotSeenIsNoGap(t *testing.T) {
	g := gaps.New("", 0)
	for i, offset := range []int64{0, 900} {
		w := beat(5000*i, "A", 1)
		g.Apply(&domain.Record{
			Subject: "A", Type: w.payload.Type(), Payload: w.payload, Signed: true, Position: domain.Position{Offset: offset},
			Appended: began.Add(time.Duration(w.ms) * time.Millisecond),
		})
	}
	if got := g.Gaps(); len(got) > 0 {
		t.Errorf("it tells %v", got)
	}
}
