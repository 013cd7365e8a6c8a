package election

import (
	"cmp"
	"flag"
	"fmt"
	"math/rand"
	"slices"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
)

var (
	walks    = flag.Int("walks", 120, "random walks of the explorer")
	walkSeed = flag.Int64("walkseed", 0, "walk this seed alone, and tell the story")
)

// drift is the most that a clock's rate is off in a walk: the margin itself, less
// the rounding of the simulation.
const drift = DefaultMargin - 0.0005

// walk is one random history of two or three servers.
type walk struct {
	*world
	broken   breaks
	launches int
	slow     time.Duration // how long things take at the moment
	loss     float64
	double   float64
	halts    bool // machines are stopped with their clocks, too

	unreached bool // servers miss devices now and then
}

func newWalk(seed int64, broken breaks) *walk {
	w := &walk{world: newWorld(), broken: broken, slow: time.Millisecond, halts: seed%3 == 0, unreached: seed%4 == 1}
	w.rnd = rand.New(rand.NewSource(seed))
	w.fate = w.landings
	w.delay = func(*process) time.Duration { return w.upTo(w.slow) }
	return w
}

func (w *walk) upTo(d time.Duration) time.Duration {
	return time.Duration(w.rnd.Int63n(int64(d))) + time.Microsecond
}

func (w *walk) chance(p float64) bool { return w.rnd.Float64() < p }

// landings loses, doubles and delays appends; a delayed one may land long after.
func (w *walk) landings(*process, Append) (at []time.Duration) {
	if w.chance(w.loss) {
		return nil
	}
	for again := true; again; again = w.chance(w.double) {
		d := w.upTo(w.slow)
		if w.chance(w.double) {
			d += w.upTo(time.Second)
		}
		at = append(at, d)
	}
	return at
}

// launch starts an incarnation of a member.
func (w *walk) launch(name string) {
	w.launches++
	cfg := Config{
		Member: name, Incarnation: fmt.Sprintf("%s%d", name, w.launches), Guarded: true, broken: w.broken,
		UnreachedAfter: 300 * time.Millisecond,
		TTL:            w.someTTL(), Precedence: map[string]int{"a": 20, "b": 10}[name],
	}
	var from []byte
	if len(w.views) > 0 && w.chance(0.7) {
		from = w.views[w.rnd.Intn(len(w.views))]
	}
	rate := []float64{1 - drift, 1 - drift, 1, 1 + drift, 1 + drift}[w.rnd.Intn(5)]
	w.start(cfg, rate, from)
}

// someTTL is far from any other: what is right for close ones hides faults.
func (w *walk) someTTL() time.Duration {
	return millis([]int{0, 60, 60, 180, 600}[w.rnd.Intn(5)])
}

func millis(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// alive are the processes that run, paused or not.
func (w *walk) alive() (out []*process) {
	for _, p := range w.procs {
		if !p.dead {
			out = append(out, p)
		}
	}
	return out
}

// disturb does one thing to the world.
func (w *walk) disturb() {
	alive := w.alive()
	p := alive[w.rnd.Intn(len(alive))]
	if holder := w.holder(); holder != nil && w.chance(0.5) {
		p = holder
	}
	if w.unreached && w.chance(0.2) {
		h := p.machine.health
		h.Missing, h.Counted, h.Reaches = int64(w.rnd.Intn(3)), w.rnd.Intn(4) > 0, []string{"hub-1"}[:w.rnd.Intn(2)]
		p.step(h)
		return
	}
	switch w.rnd.Intn(22) {
	case 0, 1, 2:
		w.pause(p)
	case 3, 4:
		w.kill(p)
	case 5:
		w.say("a twin of %s", p.id)
		w.launch(p.id.Name)
	case 6, 7:
		w.say("ask %s for a release", p.id)
		p.step(Release{To: w.someone(), Reason: "walk"})
	case 8, 9:
		p.step(Contest{By: "ops", Reason: "walk", To: w.someone()})
	case 10:
		w.write(p.id.Name, w.upTo(w.slow), domain.Removed{By: "ops"})
		w.after(w.upTo(time.Second), func() { w.launch(p.id.Name) })
	case 11:
		w.isolate(p)
	case 12, 13:
		for _, q := range alive {
			q.machine.pace.fixed = w.someTTL()
		}
	case 14:
		w.slow = millis([]int{1, 1, 5, 30, 150}[w.rnd.Intn(5)])
	case 15:
		w.loss, w.double = w.rnd.Float64()*0.4, w.rnd.Float64()*0.4
	case 16:
		w.rarely(p)
	case 17:
		w.outage(w.upTo(2*time.Second), func() time.Duration { return w.upTo(w.slow) })
	case 18:
		w.ail(p)
	case 19:
		w.write("ops", w.upTo(w.slow), w.somePolicy())
	case 20:
		w.write("ops", w.upTo(w.slow), domain.Paused{On: w.chance(0.5), By: "ops"})
	case 21:
		w.write(p.id.Name, w.upTo(w.slow), domain.Drained{On: w.chance(0.5), By: "ops"})
	}
}

// halt stops a machine with its clock. An outside clock tells of it when it goes on.
func (w *walk) halt(p *process) {
	if p.paused {
		return
	}
	w.say("the machine of %s is stopped", p.id)
	p.halt()
	w.after(w.upTo(time.Second), func() {
		w.say("the machine of %s goes on", p.id)
		p.unhalt()
	})
}

func (w *walk) somePolicy() domain.Policy {
	p := domain.Policy{By: "ops", Order: domain.OrderLongestRunning, FailBack: domain.FailBackAuto, HoldDown: w.upTo(300 * time.Millisecond)}
	switch w.rnd.Intn(3) {
	case 0:
		p.Order, p.Members = domain.OrderDesignated, []string{"b", "a"}
	case 1:
		p.Order = domain.OrderPrecedence
	}
	if w.chance(0.3) {
		p.FailBack = domain.FailBackNever
	}
	return p
}

// rarely does what happens once in a while.
func (w *walk) rarely(p *process) {
	switch w.rnd.Intn(3) {
	case 0:
		w.write(p.id.Name, w.upTo(w.slow), domain.Quarantined{Incarnation: p.id.Incarnation, Reason: "walk"})
		w.after(w.upTo(time.Second), func() { w.kill(p) })
	case 1:
		p.step(Leave{})
		w.after(w.upTo(300*time.Millisecond), func() { w.kill(p) })
	case 2:
		w.write("ops", w.upTo(w.slow), domain.Floor{Epoch: w.oracle.Epoch() + uint64(w.rnd.Intn(4))})
	}
}

func (w *walk) someone() string { return []string{"", "a", "b", "c"}[w.rnd.Intn(4)] }

func (w *walk) holder() *process {
	_, inc, _ := w.oracle.Holder()
	for _, p := range w.procs {
		if p.id.Incarnation == inc && !p.dead {
			return p
		}
	}
	return nil
}

func (w *walk) pause(p *process) {
	if w.halts && w.chance(0.5) {
		w.halt(p)
		return
	}
	w.say("%s is paused", p.id)
	p.paused = true
	w.after(w.upTo(time.Second), func() {
		w.say("%s is continued", p.id)
		p.resume()
	})
}

// kill ends a process; its guard may say so, sooner or later, and starts it anew.
func (w *walk) kill(p *process) {
	if p.dead {
		return
	}
	w.say("%s is killed", p.id)
	p.dead = true
	if w.chance(0.7) {
		late := w.upTo(w.slow)
		if w.chance(0.3) {
			late += w.upTo(2 * time.Second)
		}
		w.write(p.id.Name, late, domain.Died{Incarnation: p.id.Incarnation, Exit: "killed"})
	}
	w.after(w.upTo(500*time.Millisecond), func() { w.launch(p.id.Name) })
}

// isolate takes the log away from a process, or one half of it.
func (w *walk) isolate(p *process) {
	which := w.rnd.Intn(3)
	p.deaf, p.mute = which != 0, which != 1
	w.say("%s is cut off: deaf %t, mute %t", p.id, p.deaf, p.mute)
	noticed := w.chance(0.7)
	if noticed {
		p.step(LogLost{})
	}
	w.after(w.upTo(time.Second), func() { w.reconnect(p, noticed) })
}

// outage takes the log away from everybody in silence; what waits for it is done
// when it is back.
func (w *walk) outage(d time.Duration, delay func() time.Duration) {
	if w.hung {
		return
	}
	w.hang()
	w.after(d, func() { w.thaw(delay) })
}

// ail takes some of the log from a process for a while, though it goes on to hear and to speak.
func (w *walk) ail(p *process) {
	w.say("%s has lost some of the log", p.id)
	p.step(Health{Ready: false, Lag: domain.LagUnknown, Hash: domain.HashOK})
	w.after(w.upTo(4*time.Second), func() {
		w.say("%s has it again", p.id)
		p.step(Health{Ready: true, Hash: domain.HashOK})
	})
}

func (w *walk) reconnect(p *process, noticed bool) {
	w.say("%s has the log again", p.id)
	p.deaf, p.mute = false, false
	if noticed {
		p.step(LogBack{})
	}
	p.poll(w.upTo(w.slow))
}

// wander disturbs the world for a while.
func (w *walk) wander(steps int) error {
	for _, name := range []string{"a", "b", "c"}[:2+w.rnd.Intn(2)] {
		w.launch(name)
		w.run(w.upTo(100 * time.Millisecond))
	}
	w.run(1500 * time.Millisecond)
	for range steps {
		if w.err != nil || len(w.alive()) == 0 {
			break
		}
		w.disturb()
		w.run(w.upTo(300 * time.Millisecond))
	}
	return w.err
}

// heal ends all trouble and expects one primary that stays.
func (w *walk) heal() error {
	w.slow, w.loss, w.double = 2*time.Millisecond, 0, 0
	w.after(2*time.Second, func() { // when what was decided before has landed
		w.write("ops", w.slow, domain.Paused{By: "ops"})
		w.write("ops", w.slow, domain.Policy{By: "ops", Order: domain.OrderPrecedence, FailBack: domain.FailBackNever})
		for _, name := range []string{"a", "b", "c"} {
			w.write(name, w.slow, domain.Drained{By: "ops"})
		}
	})
	w.run(2500 * time.Millisecond) // what was under way lands, what was paused goes on
	if !slices.ContainsFunc(w.alive(), func(p *process) bool { return p.machine.Role() != Departed }) {
		w.launch("a") // a removal that hung has met all that were started after it
	}
	w.run(6 * time.Second)
	epoch := w.oracle.Epoch()
	for range 20 {
		w.run(100 * time.Millisecond)
		acting := 0
		for _, p := range w.procs {
			if p.acts() {
				acting++
			}
		}
		if w.err == nil && (acting != 1 || w.oracle.Epoch() != epoch) {
			w.failf("all is well again, but %d servers act and epoch %d follows on %d", acting, w.oracle.Epoch(), epoch)
		}
	}
	return w.err
}

func TestNoWalkFindsTwoServersThatMayAct(t *testing.T) {
	if *walkSeed != 0 {
		w := newWalk(*walkSeed, 0)
		w.say = func(format string, args ...any) { t.Logf("%10s  %s", w.now, fmt.Sprintf(format, args...)) }
		if err := cmp.Or(w.wander(25), w.heal()); err != nil {
			t.Fatal(err)
		}
		return
	}
	var records, epochs int
	for seed := int64(1); seed <= int64(*walks); seed++ {
		w := newWalk(seed, 0)
		if err := cmp.Or(w.wander(25), w.heal()); err != nil {
			t.Fatalf("%v (tell the story: go test -run TestNoWalk -walkseed %d -v)", err, seed)
		}
		records, epochs = records+len(w.log), epochs+int(w.oracle.Epoch())
	}
	t.Logf("%d walks, %d records, %d epochs", *walks, records, epochs)
}

// A walk that finds nothing where a rule is missing would prove nothing where
// all are kept.
func TestTheWalkFindsEachRuleThatIsTakenAway(t *testing.T) {
	names := map[rule]string{
		ruleSeen: "seen", ruleNextEpoch: "next epoch", ruleOrder: "order", ruleIncarnation: "incarnation",
		ruleJoin: "join", ruleRemoval: "removal", ruleMargin: "margin", ruleReadBack: "read-back",
		ruleSendTime: "send time", ruleShrink: "shrink", ruleRecordTTL: "record's TTL", ruleFullWait: "full wait",
		ruleStop: "stop before release", ruleSilence: "silence after release", ruleJump: "jump",
	}
	for r := rule(1); r <= lastRule; r <<= 1 {
		t.Run(names[r], func(t *testing.T) {
			for seed := int64(1); seed <= 3000; seed++ {
				if err := newWalk(seed, breaks(r)).wander(25); err != nil {
					t.Logf("seed %d: %v", seed, err)
					return
				}
			}
			t.Error("nothing was found")
		})
	}
}
