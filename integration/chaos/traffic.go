package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/clock"
	"github.com/understudy-io/understudy/infra/up"
	"github.com/understudy-io/understudy/integration/cluster"
)

// traffic is what producers and operators do while faults happen.
type traffic struct {
	w   *world
	run string // makes the UIDs of a round its own

	mu     sync.Mutex
	calls  []Call
	cancel context.CancelFunc
	wg     sync.WaitGroup
	hurry  chan int // so many routes by Kafka, at once
}

// The pace of the traffic, per second. The source of a destination comes again after
// longer than a command is valid (a minute), so that what the router receives tells
// which command it is of: with bursts 1.25 × routesByKafka/destinations takes of one destination in a
// second, of sources that go round; likewise by API.
const (
	destinations  = 40
	sources       = 20 // of each of the two kinds of producers
	routesByKafka = 5
	pulsesByKafka = 3
	routesByAPI   = 6
	pulsesByAPI   = 2
	levelsByAPI   = 2
	oddByKafka    = 1
	byCLI         = 0.2
	lookForDoubts = 0.5
	salvoEvery    = 10
	burstEvery    = 40 // commands of a stream, about; then so many follow at once
	burst         = 10
	flood         = 110 // more than may be with a router unanswered
	floods        = 11  // the stream of routes by Kafka
	floodFor      = 300 * time.Millisecond
)

// Bounds of one call.
const (
	appendWithin = 2 * time.Second
	appendTries  = 4
	answerWithin = 5 * time.Second
	callers      = 40 // that wait for the API at once
)

func startTraffic(ctx context.Context, w *world, seed uint64) *traffic {
	ctx, cancel := context.WithCancel(ctx)
	t := &traffic{w: w, run: fmt.Sprintf("c%x", seed), cancel: cancel, hurry: make(chan int)}
	kafka := w.NewProducer()
	stream := func(n uint64, rate float64, waits bool, do func(ctx context.Context, r *rand.Rand, n int)) {
		r := rand.New(rand.NewPCG(seed, n))
		var hurry chan int
		if n == floods {
			hurry = t.hurry
		}
		t.wg.Go(func() { t.stream(ctx, r, rate, waits, hurry, do) })
	}
	stream(floods, routesByKafka, false, func(ctx context.Context, r *rand.Rand, n int) {
		dest, source := n%destinations+1, n/destinations%sources+1
		t.byKafka(ctx, kafka, r, t.take("k", n, dest, source), takeJSON(dest, source))
	})
	stream(12, pulsesByKafka, false, func(ctx context.Context, r *rand.Rand, n int) {
		t.byKafka(ctx, kafka, r, Call{Device: up.GateID, UID: t.uid("p", n), Kind: "pulse"}, `{"verb":"pulse"}`)
	})
	stream(13, routesByAPI, true, func(ctx context.Context, r *rand.Rand, n int) {
		c, p := t.route(n)
		if p != nil {
			t.byAPI(ctx, t.server(r), c, p, time.Now())
		}
	})
	stream(14, pulsesByAPI, true, func(ctx context.Context, r *rand.Rand, n int) {
		t.twice(ctx, r, Call{Device: up.GateID, UID: t.uid("t", n), Kind: "pulse twice"})
	})
	stream(15, levelsByAPI, true, func(ctx context.Context, r *rand.Rand, n int) {
		t.byAPI(ctx, t.server(r), Call{Device: up.GateID, UID: t.uid("l", n), Kind: "level"},
			domain.Invoke{Verb: "set-level", Args: map[string]string{"level": fmt.Sprint(n)}}, time.Now())
	})
	stream(16, oddByKafka, false, func(ctx context.Context, r *rand.Rand, n int) { t.odd(ctx, kafka, r, n) })
	stream(17, byCLI, true, func(ctx context.Context, r *rand.Rand, n int) { t.byCLI(ctx, r, n) })
	stream(18, lookForDoubts, false, func(ctx context.Context, r *rand.Rand, _ int) { t.resolve(ctx, r) })
	return t
}

// stop ends it and gives all calls.
func (t *traffic) stop() []Call {
	t.cancel()
	t.wg.Wait()
	return t.calls
}

// flood gives routes to all destinations at once, so that with a router that is late
// some wait for others to be answered.
func (t *traffic) flood(ctx context.Context) {
	select {
	case t.hurry <- flood:
		pause(ctx, floodFor)
	case <-time.After(aimWithin):
	}
}

func (t *traffic) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.calls)
}

func (t *traffic) uid(kind string, n int) string { return fmt.Sprintf("%s-%s%d", t.run, kind, n) }

func (t *traffic) take(kind string, n, dest, source int) Call {
	return Call{Device: up.VideohubID, UID: t.uid(kind, n), Kind: "take", Destination: dest, Source: source}
}

// route is the n-th wish of the API's producers. Of ten of them the first three are
// one salvo; the second and third then have nothing left to do.
func (t *traffic) route(n int) (Call, domain.Payload) {
	at := func(n int) domain.Take {
		return domain.Take{Destination: n%destinations + 1, Source: n/destinations%sources + 1 + sources}
	}
	one := at(n)
	switch n % salvoEvery {
	case 0:
		return Call{Device: up.VideohubID, UID: t.uid("s", n), Kind: "salvo"}, domain.Salvo{Takes: []domain.Take{one, at(n + 1), at(n + 2)}}
	case 1, 2:
		return Call{}, nil
	}
	return t.take("a", n, one.Destination, one.Source), one
}

func takeJSON(dest, source int) string {
	return fmt.Sprintf(`{"destination":%d,"source":%d}`, dest, source)
}

func (t *traffic) server(r *rand.Rand) string {
	return t.w.Run.Servers[r.IntN(len(t.w.Run.Servers))].Name
}

func (t *traffic) add(c Call) {
	c.Returned = clock.Boot()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls = append(t.calls, c)
}

// stream does something at a rate, now and then in a burst, so that faults find much
// that waits. What waits for its answer gets a goroutine of its
// own, so that one that hangs holds up no other.
func (t *traffic) stream(ctx context.Context, r *rand.Rand, rate float64, waits bool, hurry <-chan int, do func(context.Context, *rand.Rand, int)) {
	room := make(chan struct{}, callers)
	rush, all := 0, false
	for n := 0; ; n++ {
		if rush > 0 {
			rush--
		} else {
			all = false
			select {
			case <-ctx.Done():
				return
			case rush = <-hurry:
				all = true
			case <-time.After(time.Duration((0.5 + r.Float64()) * float64(time.Second) / rate)):
			}
		}
		if rush == 0 && rate > 1 && r.IntN(burstEvery) == 0 {
			rush = burst
		}
		if !waits && !all {
			do(context.WithoutCancel(ctx), r, n)
			continue
		}
		own := rand.New(rand.NewPCG(r.Uint64(), uint64(n)))
		room <- struct{}{}
		t.wg.Go(func() {
			do(context.WithoutCancel(ctx), own, n)
			<-room
		})
	}
}

// byKafka gives a command by a bare Kafka client, again under the same UID and time as
// long as it does not know whether it is in the log, and now and then once more, or in
// the wrong partition, or first with another wish under its UID.
func (t *traffic) byKafka(ctx context.Context, p *cluster.Producer, r *rand.Rand, c Call, value string) {
	c.Via = "kafka"
	h := cluster.CommandHeaders(c.Device, c.UID, kindOf(c))
	partition := t.w.PartitionOf(c.Device)
	odd := r.IntN(100)
	if odd < 3 {
		partition = (partition + 1 + r.Int32N(t.w.Run.Partitions()-1)) % t.w.Run.Partitions()
	}
	landed := false
	for range appendTries {
		if landed = t.produce(ctx, p, c, partition, h, value); landed {
			break
		}
	}
	switch {
	case !landed:
	case odd >= 3 && odd < 10: // the same once more
		t.produce(ctx, p, c, partition, h, value)
	case odd >= 10 && odd < 12: // another wish under the same UID
		c.Destination, c.Source = 0, 0
		other := `{"verb":"set-level","args":{"level":"-1"}}`
		if c.Kind == "take" {
			other = takeJSON(1, 40)
		}
		t.produce(ctx, p, c, partition, h, other)
	}
}

func kindOf(c Call) string {
	if c.Device == up.VideohubID {
		return string(domain.TypeTake)
	}
	return string(domain.TypeInvoke)
}

func (t *traffic) produce(ctx context.Context, p *cluster.Producer, c Call, partition int32, h cluster.Headers, value string) bool {
	ctx, cancel := context.WithTimeout(ctx, appendWithin)
	defer cancel()
	c.Called = clock.Boot()
	at, err := p.Send(ctx, t.w.LogTopic(), partition, c.Device, h, []byte(value))
	if err != nil {
		c.Error = firstLine(err.Error())
	} else {
		c.Acked, c.Position = true, at
	}
	t.add(c)
	return err == nil
}

// byAPI gives a command to one server and waits for what becomes of it.
func (t *traffic) byAPI(ctx context.Context, server string, c Call, p domain.Payload, created time.Time) {
	client := t.w.client(server)
	defer client.Close()
	c.Via, c.Called = server, clock.Boot()
	res, err := client.Submit(ctx, httpapi.Command{Device: c.Device, Payload: p, UID: c.UID, Created: created, Source: "chaos"}, answerWithin)
	if err != nil {
		c.Error = firstLine(err.Error())
	} else {
		c.Outcome, c.Reason = res.Outcome, res.Reason
	}
	t.add(c)
}

// twice gives the same one-shot through two servers at once, and sometimes once more
// later.
func (t *traffic) twice(ctx context.Context, r *rand.Rand, c Call) {
	created := time.Now()
	pulse := domain.Invoke{Verb: "pulse"}
	var both sync.WaitGroup
	for range 2 {
		server := t.server(r)
		both.Go(func() { t.byAPI(ctx, server, c, pulse, created) })
	}
	both.Wait()
	if r.IntN(3) == 0 {
		pause(ctx, time.Duration(r.IntN(4000))*time.Millisecond)
		t.byAPI(ctx, t.server(r), c, pulse, created)
	}
}

// odd writes what no sound producer would.
func (t *traffic) odd(ctx context.Context, p *cluster.Producer, r *rand.Rand, n int) {
	c := Call{Via: "kafka", Device: up.GateID, UID: t.uid("x", n), Malformed: true}
	h := cluster.CommandHeaders(c.Device, c.UID, string(domain.TypeInvoke))
	value := `{"verb":"pulse"}`
	switch r.IntN(7) {
	case 0:
		c.Kind, value = "broken JSON", `{"verb":`
	case 1:
		c.Kind, c.Malformed, value = "unknown verb", false, `{"verb":"explode"}`
	case 2:
		c.Kind, h = "no UID", h.With("ce_id", "")
	case 3:
		c.Kind, h = "unknown type", h.With("ce_type", "gate.melt.v9")
	case 4: // an outcome of a command that may be under way
		c.Kind, h = "forged outcome", h.With("ce_type", string(domain.TypeOutcome))
		value = fmt.Sprintf(`{"uid":%q,"outcome":"confirmed"}`, t.uid("p", n*pulsesByKafka/oddByKafka))
	case 5:
		c.Kind, h = "forged epoch", h.With("ce_type", string(domain.TypeEpochOpened))
		value = `{"server":"Z","incarnation":"z"}`
	case 6:
		c.Kind, c.Malformed, h = "from the future", false, h.With("ce_time", time.Now().Add(time.Hour).UTC().Format(time.RFC3339Nano))
	}
	t.produce(ctx, p, c, t.w.PartitionOf(c.Device), h, value)
}

// byCLI gives a command as a person would.
func (t *traffic) byCLI(ctx context.Context, r *rand.Rand, n int) {
	c := Call{Via: "cli", Device: up.GateID, UID: t.uid("cli", n), Kind: "pulse by cli", Called: clock.Boot()}
	said := t.w.CLI(ctx, "command", "send", c.Device, "pulse", "--uid", c.UID, "--server", t.server(r), "--timeout", answerWithin.String(), "-o", "json")
	var res httpapi.Result
	if err := json.Unmarshal([]byte(said.Out), &res); err == nil {
		c.Outcome, c.Reason = res.Outcome, res.Reason
	} else {
		c.Error = firstLine(said.Err)
	}
	t.add(c)
}

// resolve ends doubts as an operator would, who looked at the device or did not.
func (t *traffic) resolve(ctx context.Context, r *rand.Rand) {
	client := t.w.client(t.server(r))
	defer client.Close()
	doubts, err := client.Doubts(ctx)
	if err != nil || len(doubts) == 0 {
		return
	}
	d := doubts[r.IntN(len(doubts))]
	if strings.Count(d.UID, "again") > 2 { // enough of it
		return
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	_, _ = client.Resolve(ctx, httpapi.Resolution{
		UID: d.UID, Device: d.Device, As: []domain.Resolution{domain.ResolvedDone, domain.ResolvedNotDone, domain.ResolvedAgain}[r.IntN(3)], Reason: "chaos",
	})
}
