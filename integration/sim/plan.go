package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
	"github.com/understudy-io/understudy/infra/guard"
)

// Plan is a history before it is played: the landscape, and all that people and
// fate will do. The same plan gives the same history.
type Plan struct {
	Seed       uint64
	Servers    int
	Partitions int32
	Hubs       int // devices whose actions are absolute
	Gates      int // devices with one-shots, absolute and queryable verbs
	Hosts      []HostPlan
	Latency    Latency // of a way to or from the log
	Codec      bool    // records travel as bytes, through the product's codec
	Oracle     bool    // the fold is held against a slow, plain one
	Audit      bool    // at the end all is folded again, from zero and from snapshots
	SaveEvery  time.Duration
	ViewEvery  time.Duration
	Guard      guard.Limits
	Ends       time.Duration // when all faults are healed
	Faults     []Fault
	Traffic    []Wish

	// A process is frozen between its check of the lease and the write that follows.
	Gap    float64       // before so many of its writes
	GapFor time.Duration // for so long at most

	// Negative controls: what must be found wrong.
	Loses   bool // the log comes back without its last records
	NoLease bool // the lease is not asked
	NoValve bool // the kernel does not check the lease: the process does alone
	Lies    bool // guards report deaths that have not happened
}

// HostPlan is one host.
type HostPlan struct {
	Name     string
	Twin     bool  // a second machine under the name of another one
	Rate     int64 // of its monotonic clock, in millionths
	Wall     time.Duration
	Election election.Config
}

// Latency is the shortest and the longest time of something.
type Latency struct{ Low, High time.Duration }

// Fault is something that goes wrong, or that an operator does.
type Fault struct {
	Do    string
	At    time.Duration
	For   time.Duration
	Host  int    // -1: whoever comes first to the point; for others: who holds the epoch
	Point string // if it has one, it happens there, at the first time after At
	Arg   int
}

// String tells a fault in a line.
func (f Fault) String() string {
	who := "the primary"
	if f.Host >= 0 {
		who = string(rune('A' + f.Host))
	} else if f.Point != "" {
		who = "whoever"
	}
	s := fmt.Sprintf("%s %s", f.Do, who)
	if f.For > 0 {
		s += fmt.Sprintf(" for %s", f.For)
	}
	if f.Point != "" {
		s += " " + f.Point
	}
	return s
}

// Wish is a record that a producer appends.
type Wish struct {
	At      time.Duration
	Device  int // of hubs, then gates
	UID     string
	Kind    string // take, salvo, pulse, level, switch; and what producers do wrong
	Target  int
	Value   int
	Again   time.Duration // it is appended once more, so much later
	Lost    bool          // its acknowledgement is, so it is appended again soon
	Astray  bool          // it lands in a partition that does not own its device
	ValidMs int
}

// faults by name, with their weight and their longest time.
var faultKinds = []struct {
	do     string
	weight int
	short  time.Duration
	long   time.Duration
}{
	{"kill", 10, 0, 0},
	{"kill host", 3, 200 * time.Millisecond, 2 * time.Second},
	{"kill guard", 2, 300 * time.Millisecond, 2 * time.Second},
	{"freeze", 8, 5 * time.Millisecond, 1500 * time.Millisecond},
	{"freeze guard", 1, 50 * time.Millisecond, time.Second},
	{"freeze host", 3, 20 * time.Millisecond, time.Second},
	{"cut log", 4, 20 * time.Millisecond, 2500 * time.Millisecond},
	{"deaf log", 3, 20 * time.Millisecond, 2500 * time.Millisecond},
	{"mute log", 3, 20 * time.Millisecond, 2500 * time.Millisecond},
	{"broker down", 1, 20 * time.Millisecond, 1500 * time.Millisecond},
	{"broker hangs", 1, 20 * time.Millisecond, 1500 * time.Millisecond},
	{"partition away", 1, 20 * time.Millisecond, 2 * time.Second},
	{"retention", 3, 0, 0},
	{"slow log", 4, 100 * time.Millisecond, 2 * time.Second},
	{"slow fetch", 2, 100 * time.Millisecond, 2 * time.Second},
	{"uncertain appends", 6, 50 * time.Millisecond, 1500 * time.Millisecond},
	{"cut devices", 3, 20 * time.Millisecond, 1500 * time.Millisecond},
	{"cut device", 3, 20 * time.Millisecond, 1500 * time.Millisecond},
	{"device restarts", 2, 20 * time.Millisecond, 500 * time.Millisecond},
	{"device hangs up", 2, time.Millisecond, 200 * time.Millisecond},
	{"device is silent", 2, 20 * time.Millisecond, 800 * time.Millisecond},
	{"device is deaf", 2, 20 * time.Millisecond, 800 * time.Millisecond},
	{"device does nothing", 2, 20 * time.Millisecond, 800 * time.Millisecond},
	{"device refuses", 2, 20 * time.Millisecond, 500 * time.Millisecond},
	{"device is slow", 3, 50 * time.Millisecond, time.Second},
	{"by hand", 3, 0, 0},
	{"snapshot torn", 3, 0, 0},
	{"disk image", 2, 0, 0},
	{"disk of old", 2, 20 * time.Millisecond, time.Second},
	{"disk full", 1, 500 * time.Millisecond, 2 * time.Second},
	{"wall step", 2, 0, 0},
	{"starve", 3, 50 * time.Millisecond, time.Second},
	{"switchover", 5, 0, 0},
	{"takeover", 5, 0, 0},
	{"leave", 3, 50 * time.Millisecond, time.Second},
	{"remove", 1, 0, 0},
	{"policy", 3, 0, 0},
	{"pause failover", 2, 100 * time.Millisecond, 2 * time.Second},
	{"drain", 3, 100 * time.Millisecond, 2 * time.Second},
	{"remove for good", 1, 50 * time.Millisecond, time.Second},
	{"resolve", 6, 0, 0},
	{"at point", 60, 20 * time.Millisecond, 1200 * time.Millisecond},
}

// atPoints is what can happen at a point.
var atPoints = []string{"kill", "kill", "kill", "freeze", "freeze", "kill host", "cut log"}

// NewPlan makes the plan of a seed.
func NewPlan(seed uint64) *Plan {
	g := &generator{rand.New(rand.NewPCG(seed, 0x91a7))}
	p := &Plan{
		Seed: seed, Servers: pick(g, 1, 2, 2, 3, 3, 3, 3, 3, 4, 5, 6), Partitions: pick(g, int32(1), 1, 2, 2, 3, 4, 8),
		Hubs: g.IntN(4), Gates: g.IntN(4),
		Codec: g.IntN(12) == 0, Oracle: g.IntN(12) == 0, Audit: g.IntN(6) == 0,
		Ends: g.span(6*time.Second, 30*time.Second),
	}
	if g.IntN(25) == 0 {
		p.Hubs, p.Gates = 1+g.IntN(10), 1+g.IntN(10)
	}
	if p.Hubs+p.Gates == 0 {
		p.Hubs, p.Gates = 1, 1
	}
	if g.IntN(2) == 0 {
		p.SaveEvery = g.span(200*time.Millisecond, 4*time.Second)
	}
	if g.IntN(4) > 0 {
		p.ViewEvery = g.span(50*time.Millisecond, 3*time.Second)
	}
	low := g.span(80*time.Microsecond, 800*time.Microsecond)
	p.Latency = Latency{low, low * time.Duration(2+g.IntN(6))}
	p.Guard = guard.DefaultLimits()
	p.Guard.RestartMin = g.span(5*time.Millisecond, 100*time.Millisecond)
	p.Guard.RestartMax = g.span(100*time.Millisecond, time.Second)
	t := g.theme()
	if t != nil && t.do == "misread" {
		p.Servers, p.Hubs = max(p.Servers, 2), max(p.Hubs, 1)
	}
	p.hosts(g)
	p.faults(g)
	p.traffic(g)
	if t != nil {
		p.follow(g, t)
	}
	if g.IntN(2) == 0 {
		p.Gap, p.GapFor = pick(g, 0.001, 0.01, 0.05), g.span(10*time.Millisecond, 2*time.Second)
	}
	if seed%8 == 5 {
		p.outOfReach(&generator{rand.New(rand.NewPCG(seed, 0x5e7))})
	}
	return p
}

type generator struct{ *rand.Rand }

func pick[T any](g *generator, of ...T) T { return of[g.IntN(len(of))] }

// span is a duration between two, any order of magnitude as likely as another.
func (g *generator) span(low, high time.Duration) time.Duration {
	if high <= low {
		return low
	}
	f := g.Float64()
	return low + time.Duration(float64(high-low)*f*f)
}

// Clocks differ by as much as the margin allows, in either direction.
const rateOff = int64(election.DefaultMargin * millionth)

func (p *Plan) hosts(g *generator) {
	policy := g.IntN(3)
	order := []string{"A", "B", "C", "D", "E", "F"}
	g.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	ttl, minTTL := time.Duration(0), time.Duration(0)
	mixed := g.IntN(4) == 0
	draw := func() {
		ttl = pick(g, 0, 0, 0, 40*time.Millisecond, 100*time.Millisecond, 300*time.Millisecond)
		minTTL = pick(g, 0, 15*time.Millisecond, 30*time.Millisecond)
	}
	draw()
	unreached := []time.Duration{0, 300 * time.Millisecond, time.Second, 2 * time.Second}[p.Seed/4%4]
	stall := pick(g, 0, 0, 500*time.Millisecond, 2*time.Second)
	for i := range p.Servers {
		if mixed {
			draw()
		}
		h := HostPlan{Name: string(rune('A' + i)), Rate: millionth, Election: election.Config{
			Address: fmt.Sprintf("127.0.0.1:%d", 9000+i), Build: "sim", TTL: ttl, MinTTL: minTTL, StallAfter: stall, UnreachedAfter: unreached,
			Precedence: i + 1,
		}}
		switch policy {
		case 1:
			h.Election.Policy = election.Precedence
		case 2:
			h.Election.Policy = election.Designated(order...)
		}
		switch g.IntN(4) {
		case 0:
			h.Rate += rateOff
		case 1:
			h.Rate -= rateOff
		case 2:
			h.Rate += g.Int64N(2*rateOff+1) - rateOff
		}
		if g.IntN(4) == 0 {
			h.Wall = time.Duration(g.Int64N(int64(10*time.Minute))) - 5*time.Minute
		}
		p.Hosts = append(p.Hosts, h)
	}
}

// faults draws the faults: of a few kinds only in one history, or of all.
func (p *Plan) faults(g *generator) {
	allowed := make([]bool, len(faultKinds))
	few := g.IntN(4)
	for i := range allowed {
		allowed[i] = few == 0 || g.IntN(2+2*few) == 0
	}
	total := 0
	for i, k := range faultKinds {
		if allowed[i] {
			total += k.weight
		}
	}
	if total == 0 {
		allowed[0], total = true, faultKinds[0].weight
	}
	points := Points()
	gap := g.span(60*time.Millisecond, 800*time.Millisecond)
	storm := g.IntN(3) > 0 // of what ends a term, and little else
	if storm {
		gap = g.span(30*time.Millisecond, 200*time.Millisecond)
	}
	for at := g.span(500*time.Millisecond, 3*time.Second); at < p.Ends; at += time.Duration(g.ExpFloat64() * float64(gap)) {
		if storm && g.IntN(4) > 0 {
			f := Fault{Do: pick(g, "kill", "kill", "kill", "kill", "switchover", "takeover", "kill host"), At: at, Host: -1, Arg: g.IntN(1 << 20)}
			if f.Do == "kill host" {
				f.For = g.span(20*time.Millisecond, 500*time.Millisecond)
			}
			if g.IntN(3) == 0 {
				f.Do, f.Point, f.For = pick(g, atPoints...), pick(g, points...), g.span(20*time.Millisecond, 500*time.Millisecond)
			}
			p.Faults = append(p.Faults, f)
			continue
		}
		n := g.IntN(total)
		for i, k := range faultKinds {
			if !allowed[i] {
				continue
			}
			if n -= k.weight; n >= 0 {
				continue
			}
			f := Fault{Do: k.do, At: at, For: g.span(k.short, k.long), Host: -1, Arg: g.IntN(1 << 20)}
			if g.IntN(2) == 0 {
				f.Host = g.IntN(p.Servers)
			}
			if k.do == "at point" {
				f.Do, f.Point = pick(g, atPoints...), pick(g, points...)
				if g.IntN(4) > 0 {
					f.Host = -1
				}
			}
			p.Faults = append(p.Faults, f)
			break
		}
	}
}

func (p *Plan) traffic(g *generator) {
	gap := g.span(20*time.Millisecond, 400*time.Millisecond)
	if g.IntN(8) == 0 {
		gap = 5 * time.Millisecond
	}
	naughty := g.IntN(3) == 0
	devices := p.Hubs + p.Gates
	for at := 100 * time.Millisecond; at < p.Ends; at += time.Duration(g.ExpFloat64() * float64(gap)) {
		w := Wish{At: at, Device: g.IntN(devices), UID: fmt.Sprintf("c%d", len(p.Traffic)), Target: g.IntN(4), Value: 1 + g.IntN(4)}
		if w.Device < p.Hubs {
			w.Kind = pick(g, "take", "take", "take", "salvo")
		} else {
			w.Kind = pick(g, "pulse", "pulse", "level", "switch")
		}
		switch g.IntN(20) {
		case 0:
			w.Again = g.span(time.Millisecond, 3*time.Second)
		case 1:
			w.Lost = true
		case 2:
			w.Astray = p.Partitions > 1
		case 3:
			w.ValidMs = 1 + g.IntN(300)
		}
		if naughty && g.IntN(12) == 0 {
			w.Kind = pick(g, "malformed", "unsigned", "out of range", "unknown device", "no time", "future", "conflict", "forged epoch")
		}
		p.Traffic = append(p.Traffic, w)
	}
}

// definitions are the devices of the landscape.
func (p *Plan) definitions() []domain.Definition {
	var out []domain.Definition
	for i := range p.Hubs {
		out = append(out, domain.Definition{
			Device: fmt.Sprintf("hub-%d", i+1), Driver: domain.DriverVideohub, Address: "sim", Inputs: 4, Outputs: 4,
			ConfirmWithin: 300 * time.Millisecond, ValidAbsolute: 3 * time.Second, ValidOneShot: 2 * time.Second,
			StandbyPolling: i%3 != 2, OnReconnect: []domain.ReconnectRule{domain.Adopt, domain.Restore}[i%2],
		})
	}
	for i := range p.Gates {
		out = append(out, domain.Definition{
			Device: fmt.Sprintf("gate-%d", i+1), Driver: domain.DriverHTTP, Address: "sim",
			Verbs: []domain.Verb{
				{Name: "pulse", Effect: domain.OneShot, Method: "POST", URL: "/pulse"},
				{Name: "level", Effect: domain.Absolute, Method: "PUT", URL: "/level", Args: []string{"value"}, Target: "level", Value: "value"},
				{Name: "switch", Effect: domain.Queryable, Method: "PUT", URL: "/switch", Args: []string{"value"}, Target: "switch", Value: "value"},
			},
			ConfirmWithin: 300 * time.Millisecond, ValidAbsolute: 3 * time.Second, ValidOneShot: 2 * time.Second,
			StandbyPolling: i%3 != 2, PollEvery: 200 * time.Millisecond, OnReconnect: []domain.ReconnectRule{domain.Adopt, domain.Restore}[i%2],
		})
	}
	return out
}

// clone is a copy that can be made smaller.
func (p *Plan) clone() *Plan {
	c := *p
	c.Faults, c.Traffic = slices.Clone(p.Faults), slices.Clone(p.Traffic)
	return &c
}
