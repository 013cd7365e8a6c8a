package sim

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/domain"
)

// landscape is the name of the simulated landscape.
const landscape = "sim"

// morning is the wall clock's time at the beginning of each history.
const morning = domain.Instant(1_700_000_000_000_000_000)

// maxEvents bounds the events of one history for each second of it: more means that something
// spins.
const maxEvents = 400_000

// world is one history.
type world struct {
	plan         *Plan
	rnd          *rand.Rand
	now          time.Duration // true time
	queue        queue
	order        uint64
	events       int
	uids         int
	broker       *broker
	hosts        []*host
	devices      []*station
	checks       *checks
	stats        *Stats
	armed        []*armed // faults that wait for their point
	codec        *codec.Codec
	defs         []domain.Definition
	healed       bool
	trouble      time.Duration   // until when what goes wrong may keep all from acting
	acted        time.Duration   // when somebody was seen to act last
	reconfigured bool            // some definition has changed
	without      map[string]bool // devices that are taken out of the configuration
	tookOut      bool            // some device was
	editions     map[string]edition
	decisions    []message       // of operators, that control has not taken yet
	tainted      map[string]bool // commands that a server has read otherwise than they are
	wrong        error
	say          func(at time.Duration, line string) // nil: nobody listens
}

func newWorld(plan *Plan, stats *Stats) *world {
	w := &world{plan: plan, stats: stats, tainted: make(map[string]bool), rnd: rand.New(rand.NewPCG(plan.Seed, 0x5eed))}
	if plan.Codec {
		keys, err := codec.NewKeyring("k", map[string][]byte{"k": []byte("0123456789abcdef0123456789abcdef")})
		if err != nil {
			panic(err)
		}
		w.codec = codec.New(landscape, keys)
	}
	w.defs = plan.definitions()
	w.broker = newBroker(w, plan.Partitions)
	w.checks = newChecks(w)
	for _, def := range w.defs {
		w.devices = append(w.devices, newStation(w, def))
	}
	for i := range plan.Hosts {
		w.hosts = append(w.hosts, newHost(w, i))
	}
	return w
}

// at has something happen at a true time.
func (w *world) at(t time.Duration, do func()) { w.put(t, nil, do) }

func (w *world) after(d time.Duration, do func()) { w.put(w.now+d, nil, do) }

func (w *world) put(t time.Duration, of *program, do func()) {
	w.order++
	w.queue.push(event{max(t, w.now), w.order, of, do})
}

// run lets time go by until a true time, or until something is wrong.
func (w *world) run(until time.Duration) {
	for w.wrong == nil && len(w.queue) > 0 && w.queue[0].at <= until {
		e := w.queue.pop()
		w.now = e.at
		w.events++
		if e.of == nil {
			e.do()
		} else {
			e.of.run(e.do)
		}
		if w.events > maxEvents*int(1+w.now/time.Second) {
			w.failf("the history spins: %d events", w.events)
		}
	}
	if w.wrong == nil {
		w.now = max(w.now, until)
	}
}

// failf ends the history: it is wrong.
func (w *world) failf(format string, args ...any) {
	if w.wrong == nil {
		w.wrong = fmt.Errorf("at %s: %s", w.now, fmt.Sprintf(format, args...))
		w.tell("WRONG: %s", fmt.Sprintf(format, args...))
	}
}

// tell adds a line to the play. Ask telling first where the line is dear.
func (w *world) tell(format string, args ...any) {
	if w.say != nil {
		w.say(w.now, fmt.Sprintf(format, args...))
	}
}

func (w *world) telling() bool { return w.say != nil }

func (w *world) uid() string {
	w.uids++
	return "u" + strconv.Itoa(w.uids)
}

// between is a random duration, most often near the lower end.
func (w *world) between(low, high time.Duration) time.Duration {
	f := w.rnd.Float64()
	return low + time.Duration(float64(high-low)*f*f)
}

func (w *world) chance(p float64) bool { return w.rnd.Float64() < p }

// wall is the true wall clock's time, which the broker has.
func (w *world) wall() domain.Instant { return morning.Add(w.now) }
