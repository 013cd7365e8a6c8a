package sim

import (
	"fmt"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

// Stats are what histories have been through, summed up.
type Stats struct {
	Histories, Takeovers, Events  int
	Simulated                     time.Duration
	reached, fired                []int // by point
	roles                         map[[2]string]int
	verdicts                      map[verdictKey]int
	outcomes                      map[string]int
	faults                        map[string]int
	causes                        map[string]int // of claims that count
	fates                         [fates]int
	writes, fenced, gaps, valved  int
	claims, void, again           int
	saved, loaded, refusedFiles   int
	audits, compared, views       int
	revisions                     int // active at the end
	acknowledged, unable          int // by servers
	undone, cuts                  int
	Outreached                    int // contests because of devices
	misread, quarantined, decided int
	slowest                       time.Duration // until somebody acted after a healing
}

type verdictKey struct {
	kind    domain.Type
	verdict partition.Verdict
}

// NewStats are those of no history.
func NewStats() *Stats {
	return &Stats{
		reached: make([]int, len(points)), fired: make([]int, len(points)),
		roles: make(map[[2]string]int), verdicts: make(map[verdictKey]int), outcomes: make(map[string]int), faults: make(map[string]int), causes: make(map[string]int),
	}
}

// Add sums up.
func (s *Stats) Add(o *Stats) {
	s.Histories += o.Histories
	s.Takeovers += o.Takeovers
	s.Events += o.Events
	s.Simulated += o.Simulated
	for i := range s.reached {
		s.reached[i] += o.reached[i]
		s.fired[i] += o.fired[i]
	}
	add(s.roles, o.roles)
	add(s.verdicts, o.verdicts)
	add(s.outcomes, o.outcomes)
	add(s.faults, o.faults)
	add(s.causes, o.causes)
	for i := range s.fates {
		s.fates[i] += o.fates[i]
	}
	s.writes, s.fenced = s.writes+o.writes, s.fenced+o.fenced
	s.gaps, s.valved = s.gaps+o.gaps, s.valved+o.valved
	s.claims, s.void, s.again = s.claims+o.claims, s.void+o.void, s.again+o.again
	s.saved, s.loaded, s.refusedFiles = s.saved+o.saved, s.loaded+o.loaded, s.refusedFiles+o.refusedFiles
	s.audits, s.compared = s.audits+o.audits, s.compared+o.compared
	s.views += o.views
	s.revisions += o.revisions
	s.acknowledged += o.acknowledged
	s.unable += o.unable
	s.Outreached += o.Outreached
	s.misread, s.quarantined, s.decided = s.misread+o.misread, s.quarantined+o.quarantined, s.decided+o.decided
	s.undone, s.cuts = s.undone+o.undone, s.cuts+o.cuts
	s.slowest = max(s.slowest, o.slowest)
}

func add[K comparable](to, from map[K]int) {
	for k, n := range from {
		to[k] += n
	}
}

// play plays a plan, and gives the world as it is then.
func play(plan *Plan, stats *Stats, say func(at time.Duration, line string)) (w *world, wrong error) {
	w = newWorld(plan, stats)
	w.say = say
	defer func() {
		if r := recover(); r != nil {
			wrong = fmt.Errorf("at %s: panic: %v", w.now, r)
			if say != nil {
				panic(r)
			}
		}
		stats.Histories++
		stats.Events += w.events
		stats.Simulated += w.now
	}()
	w.begin()
	w.run(plan.Ends)
	if w.wrong == nil {
		w.checks.finish()
	}
	return w, w.wrong
}

// shrinkWithin bounds the search for a smaller plan.
const shrinkWithin = 30 * time.Second

// Shrink looks for a smaller plan that is wrong too, for so many tries.
func Shrink(plan *Plan, tries int) (*Plan, error) {
	stats := NewStats()
	best := plan.clone()
	wrong := Run(best, stats, nil)
	if wrong == nil {
		return plan, nil
	}
	began := time.Now()
	attempt := func(p *Plan) bool {
		if tries <= 0 || time.Since(began) > shrinkWithin {
			return false
		}
		tries--
		err := Run(p, stats, nil)
		if err != nil {
			best, wrong = p, err
		}
		return err != nil
	}
	for _, ends := range []time.Duration{best.Ends / 4, best.Ends / 2, best.Ends * 3 / 4} {
		p := best.clone()
		p.Ends = ends
		if attempt(p) {
			break
		}
	}
	for again := true; again && tries > 0; {
		again = shorten(&best, func(p *Plan) *[]Fault { return &p.Faults }, attempt)
		again = shorten(&best, func(p *Plan) *[]Wish { return &p.Traffic }, attempt) || again
	}
	return best, wrong
}

// shorten leaves out parts of one list, ever smaller ones.
func shorten[T any](best **Plan, list func(*Plan) *[]T, attempt func(*Plan) bool) (shorter bool) {
	for n := len(*list(*best)); n >= 1; n /= 2 {
		for i := 0; i < len(*list(*best)); {
			p := (*best).clone()
			l := list(p)
			*l = append((*l)[:i:i], (*l)[min(i+n, len(*l)):]...)
			if attempt(p) {
				shorter = true
			} else {
				i += n
			}
		}
	}
	return shorter
}
