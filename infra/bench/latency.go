package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/clock"
)

const (
	// alonePause comes before each command that is sent alone, about: a processor
	// that has just been busy answers faster than it does a command that comes
	// out of nothing.
	alonePause = 15 * time.Millisecond
	// aloneSamples of each kind are one block's.
	aloneSamples = 20
	// busyRate is the load at which latency is measured besides.
	busyRate = 1_000
	// inFlight bounds the appends under way at that load.
	inFlight = 64
	// settleFor lets what a block has left behind come to an end.
	settleFor = 300 * time.Millisecond
)

func aboutLatency(o *Options) time.Duration {
	alone := 3 * aloneSamples * (alonePause + 5*time.Millisecond)
	return 5*time.Second + time.Duration(o.Rounds)*(alone+2*(o.Block+settleFor))
}

// measureLatency takes the time from before the append of a command until its
// device has it. Its limit is the bare round trip of a record of 200 bytes on
// the same broker: append with all acknowledgements, and have it back from a
// waiting fetch.
func measureLatency(ctx context.Context, b *bench) error {
	return b.with(ctx, 2, b.Servers, func(l *landscape) error {
		t, err := l.warmTraffic(ctx)
		if err != nil {
			return err
		}
		defer t.close()
		if err := b.latencyAlone(ctx, t); err != nil {
			return err
		}
		return b.latencyBusy(ctx, t)
	})
}

// latencyAlone sends one command at a time, and has one bare round trip beside
// each.
func (b *bench) latencyAlone(ctx context.Context, t *traffic) error {
	var kinds [3][]time.Duration // bare, absolute, one-shot
	var absolute, oneShot pairs  // of each round's medians
	for round := range b.Rounds {
		b.step("one at a time, %d of %d", round+1, b.Rounds)
		var block [3][]time.Duration
		for range aloneSamples {
			for i, take := range []func(context.Context) (time.Duration, error){t.roundTrip, t.route, t.pulse} {
				if err := sleep(ctx, time.Duration((0.5+rand.Float64())*float64(alonePause))); err != nil {
					return err
				}
				took, err := take(ctx)
				if err != nil {
					return err
				}
				block[i] = append(block[i], took)
			}
		}
		absolute.add(quantile(block[1], 0.5), quantile(block[0], 0.5))
		oneShot.add(quantile(block[2], 0.5), quantile(block[0], 0.5))
		for i := range kinds {
			kinds[i] = append(kinds[i], block[i]...)
		}
	}
	q := func(kind int, q float64) float64 { return quantile(kinds[kind], q) }
	b.report(
		figure("latency_p50", q(1, 0.5), "ms").beside(q(0, 0.5)).paired(absolute).ratioAtMost(1.25),
		figure("latency_p99", q(1, 0.99), "ms").beside(q(0, 0.99)).ratioAtMost(2),
		figure("latency_one_shot_p50", q(2, 0.5), "ms").beside(q(0, 0.5)).paired(oneShot).ratioAtMost(2.3),
		figure("latency_one_shot_p99", q(2, 0.99), "ms").beside(q(0, 0.99)),
	)
	return nil
}

// latencyBusy does the same under load, in alternating blocks.
func (b *bench) latencyBusy(ctx context.Context, t *traffic) error {
	var absolute, raw []time.Duration
	var p99 pairs
	p50, err := b.inTurn(ctx, func(ctx context.Context) (float64, error) {
		took, err := t.routes(ctx, busyRate, b.Block)
		absolute = append(absolute, took...)
		p99.value = append(p99.value, quantile(took, 0.99))
		return quantile(took, 0.5), err
	}, func(ctx context.Context) (float64, error) {
		took, err := t.roundTrips(ctx, busyRate, b.Block)
		raw = append(raw, took...)
		p99.limit = append(p99.limit, quantile(took, 0.99))
		return quantile(took, 0.5), err
	})
	if err != nil {
		return err
	}
	b.report(
		figure("latency_1000_p50", quantile(absolute, 0.5), "ms").beside(quantile(raw, 0.5)).paired(p50).ratioAtMost(1.25),
		figure("latency_1000_p99", quantile(absolute, 0.99), "ms").beside(quantile(raw, 0.99)).paired(p99).ratioAtMost(2),
	)
	return nil
}

// traffic sends commands and bare records to a landscape.
type traffic struct {
	*landscape
	run    string
	probe  string
	stop   context.CancelFunc
	reader sync.WaitGroup

	mu    sync.Mutex
	next  int // number of the next command
	turns int // of the router
	seen  uint64
	back  map[string]domain.Mono // bare records that came back
	news  chan struct{}
	err   error
}

// warmTraffic is traffic with all devices connected, and warm.
func (l *landscape) warmTraffic(ctx context.Context) (*traffic, error) {
	if err := l.connected(ctx); err != nil {
		return nil, err
	}
	t, err := l.newTraffic(ctx)
	if err != nil {
		return nil, err
	}
	if err := t.warm(ctx); err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

// newTraffic begins to read the probe topic from its end.
func (l *landscape) newTraffic(ctx context.Context) (*traffic, error) {
	t := &traffic{
		landscape: l, run: uuid.NewString()[:13], probe: domain.Topic(l.name, domain.TopicProbe),
		back: make(map[string]domain.Mono), news: make(chan struct{}),
	}
	bounds, err := l.log.Bounds(ctx, t.probe)
	if err != nil {
		return nil, fmt.Errorf("find the end of the probe topic: %w", err)
	}
	reading, stop := context.WithCancel(ctx)
	t.stop = stop
	t.reader.Go(func() { t.readProbe(reading, bounds[0].End) })
	return t, nil
}

func (t *traffic) close() {
	t.stop()
	t.reader.Wait()
}

// readProbe waits for bare records with one fetch after the other.
func (t *traffic) readProbe(ctx context.Context, next int64) {
	for ctx.Err() == nil {
		answers, err := t.log.Fetch(ctx, []domain.FetchFrom{{Topic: t.probe, Offset: next}}, 500*time.Millisecond, 1<<20)
		at := clock.Boot()
		t.mu.Lock()
		for _, a := range answers {
			next = max(next, a.Next)
			for _, m := range a.Messages {
				t.back[string(m.Key)] = at
			}
		}
		if err != nil && ctx.Err() == nil {
			t.err = err
		}
		close(t.news)
		t.news = make(chan struct{})
		t.mu.Unlock()
		if err != nil && sleep(ctx, lookPace) != nil {
			return
		}
	}
}

// warm lets connections be made and caches be filled.
func (t *traffic) warm(ctx context.Context) error {
	for range 10 {
		for _, take := range []func(context.Context) (time.Duration, error){t.roundTrip, t.route, t.pulse} {
			if _, err := take(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// rawBytes is the size of a bare record's value.
const rawBytes = 200

// roundTrip is one bare round trip.
func (t *traffic) roundTrip(ctx context.Context) (time.Duration, error) {
	id := uuid.NewString()
	began, err := t.appendRaw(ctx, id)
	if err != nil {
		return 0, err
	}
	at, err := t.cameBack(ctx, id)
	return at - began, err
}

func (t *traffic) appendRaw(ctx context.Context, id string) (domain.Mono, error) {
	began := clock.Boot()
	_, err := t.log.Append(ctx, []domain.Batch{{Topic: t.probe, Messages: []domain.Message{{Key: []byte(id), Value: make([]byte, rawBytes)}}}})
	if err != nil {
		return began, fmt.Errorf("bare round trip: %w", err)
	}
	return began, nil
}

func (t *traffic) cameBack(ctx context.Context, id string) (domain.Mono, error) {
	ctx, cancel := context.WithTimeout(ctx, lostDevice)
	defer cancel()
	for {
		t.mu.Lock()
		at, ok := t.back[id]
		delete(t.back, id)
		news, err := t.news, t.err
		t.mu.Unlock()
		if ok {
			return at, nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return 0, fmt.Errorf("a bare record has not come back within %s (%v): %w", lostDevice, err, domain.ErrTransient) //nolint:errorlint // the last fault of the reader is for people
		}
	}
}

// send appends a command, and says when that was begun.
func (t *traffic) send(ctx context.Context, device, uid string, p domain.Payload) (domain.Mono, error) {
	at := domain.Partition(device, partitions)
	m, err := t.codec.Encode(domain.TopicLog, at, domain.Record{
		Type: p.Type(), UID: uid, Source: "/understudy/bench", Subject: device, Created: now(), Payload: p,
	})
	if err != nil {
		return 0, err
	}
	began := clock.Boot()
	_, err = t.log.Append(ctx, []domain.Batch{{Topic: domain.Topic(t.name, domain.TopicLog), Partition: at, Messages: []domain.Message{m}}})
	if err != nil {
		return began, fmt.Errorf("send a command: %w", err)
	}
	return began, nil
}

func (t *traffic) uid() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.next++
	return t.run + "-" + strconv.Itoa(t.next)
}

// pulse sends a one-shot and waits until its device has it.
func (t *traffic) pulse(ctx context.Context) (time.Duration, error) {
	uid := t.uid()
	began, err := t.send(ctx, httpDevice(0), uid, domain.Invoke{Verb: verbPulse})
	if err != nil {
		return 0, err
	}
	a, err := t.devices.await(ctx, uid)
	return a.at - began, err
}

// turn is the next route: they go round the destinations, and each destination
// gets another source each time round.
func (t *traffic) turn() domain.Take {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.turns
	t.turns++
	return domain.Take{Destination: n%hubSize + 1, Source: (n/hubSize+n)%hubSize + 1}
}

// route sends a route and waits until the router has it.
func (t *traffic) route(ctx context.Context) (time.Duration, error) {
	take := t.turn()
	began, err := t.send(ctx, hubDevice, t.uid(), take)
	if err != nil {
		return 0, err
	}
	for until := began + lostDevice; clock.Boot() < until; {
		if at, ok := t.routed()[take]; ok {
			return at - began, nil
		}
		if err := sleep(ctx, time.Millisecond); err != nil {
			return 0, err
		}
	}
	return 0, fmt.Errorf("a route has not reached the router within %s: %w", lostDevice, domain.ErrTransient)
}

// routed are the routes that the router has received since the last call.
func (t *traffic) routed() map[domain.Take]domain.Mono {
	out := make(map[domain.Take]domain.Mono)
	for _, w := range t.devices.hub.Writes(t.seen, hubMemory) {
		t.seen = w.Sequence
		for _, c := range w.Changes {
			out[domain.Take{Destination: c.Destination, Source: c.Source}] = w.At
		}
	}
	return out
}

// load calls send at a rate for a while, with no more than inFlight at a time.
func load(ctx context.Context, perSecond float64, during time.Duration, send func(context.Context) error) error {
	return loadUntil(ctx, perSecond, func(due time.Duration) bool { return due > during }, send)
}

// loadUntil does so until it is over, as asked with the time at which the next one is due.
func loadUntil(ctx context.Context, perSecond float64, over func(due time.Duration) bool, send func(context.Context) error) error {
	slots := make(chan struct{}, inFlight)
	var under sync.WaitGroup
	var failed error
	var once sync.Once
	began := time.Now()
	for n := 0; ; n++ {
		due := time.Duration((float64(n) + rand.Float64()) / perSecond * float64(time.Second))
		if over(due) || ctx.Err() != nil {
			break
		}
		if wait := time.Until(began.Add(due)); wait > 0 {
			time.Sleep(wait)
		}
		slots <- struct{}{}
		under.Go(func() {
			defer func() { <-slots }()
			if err := send(ctx); err != nil {
				once.Do(func() { failed = err })
			}
		})
	}
	under.Wait()
	if failed == nil {
		failed = context.Cause(ctx)
	}
	return failed
}

// routes sends routes at a rate, and gives how long each took to the router.
func (t *traffic) routes(ctx context.Context, rate float64, during time.Duration) ([]time.Duration, error) {
	return t.routesUntil(ctx, rate, lostRoutes, func(due time.Duration) bool { return due > during })
}

// lostRoutes is the share of routes that may be superseded before a figure says nothing.
const lostRoutes = 0.1

// routesUntil does so until it is over, and bears that such a share is lost.
func (t *traffic) routesUntil(ctx context.Context, rate, bears float64, over func(due time.Duration) bool) ([]time.Duration, error) {
	t.routed()
	sent := make(map[domain.Take]domain.Mono)
	var mu sync.Mutex
	err := loadUntil(ctx, rate, over, func(ctx context.Context) error {
		take := t.turn()
		began, err := t.send(ctx, hubDevice, t.uid(), take)
		mu.Lock()
		sent[take] = began
		mu.Unlock()
		return err
	})
	if err == nil {
		err = sleep(ctx, settleFor)
	}
	if err != nil {
		return nil, err
	}
	var out []time.Duration
	for take, at := range t.routed() {
		if began, ok := sent[take]; ok {
			out = append(out, at-began)
		}
	}
	if missing := len(sent) - len(out); float64(missing) > bears*float64(len(sent)) {
		return nil, fmt.Errorf("%d of %d routes have not reached the router: %w", missing, len(sent), domain.ErrTransient)
	}
	return out, nil
}

// roundTrips appends bare records at a rate, and gives how long each took.
func (t *traffic) roundTrips(ctx context.Context, rate float64, during time.Duration) ([]time.Duration, error) {
	var mu sync.Mutex
	var out []time.Duration
	err := load(ctx, rate, during, func(ctx context.Context) error {
		took, err := t.roundTrip(ctx)
		mu.Lock()
		out = append(out, took)
		mu.Unlock()
		return err
	})
	if err == nil {
		err = sleep(ctx, settleFor)
	}
	return out, err
}
