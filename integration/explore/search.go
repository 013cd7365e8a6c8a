package explore

import (
	"fmt"
	"strings"
	"time"
)

// Bounds say how far an exploration goes.
type Bounds struct {
	Ticks   int // of true time after the landscape is settled
	Faults  int // in one history
	Records int // of the log, with those of the beginning
	States  int // stop after so many; 0 for no such limit
	Healing int // one of so many states at the end of time is healed; 0 for none
}

// Result is what an exploration found.
type Result struct {
	States, Moves int
	Acting        int // states in which somebody acts
	Takeovers     int // states with a later epoch than the beginning's
	Epochs        uint64
	Healed        int
	Whole         bool // the whole space of the bounds was visited
	Took          time.Duration
	Violation     *Violation
}

func (r Result) String() string {
	s := fmt.Sprintf("%d states, %d moves, %d states after a takeover, up to epoch %d, %d healed, in %s",
		r.States, r.Moves, r.Takeovers, r.Epochs, r.Healed, r.Took.Round(time.Millisecond))
	if !r.Whole {
		s += " (not the whole space)"
	}
	return s
}

// Violation is a history that breaks a guarantee.
type Violation struct {
	Faults int
	States int // visited before it was found
	Moves  []Move
	Wrong  string
	Play   []string
}

func (v *Violation) String() string {
	return fmt.Sprintf("%s (with at most %d faults, state %d, %d moves)\n%s",
		v.Wrong, v.Faults, v.States, len(v.Moves), strings.Join(v.Play, "\n"))
}

// search is one exploration, depth first: all that it keeps is the digests of the
// states that it has visited.
type search struct {
	bounds  Bounds
	visited map[digest]int8 // the faults that were left, at most
	began   uint64
	path    []Move
	result  Result
	wrong   string
	healed  bool // it went wrong while the landscape was healed
}

// Explore visits all histories within the bounds, those with fewer faults first,
// and stops at the first violation. The states are those of the last round.
func Explore(land Landscape, bounds Bounds) Result {
	start := time.Now()
	var last Result
	for faults := range bounds.Faults + 1 {
		last = round(&land, bounds, faults)
		if last.Violation != nil || !last.Whole {
			break
		}
	}
	last.Took = time.Since(start)
	return last
}

// round visits all histories with at most so many faults.
func round(land *Landscape, bounds Bounds, faults int) Result {
	first := land.begin()
	first.faults = faults
	bounds.Records += len(first.log)
	s := &search{bounds: bounds, visited: make(map[digest]int8), began: first.fold().Epoch()}
	s.result.Whole = true
	s.wrong = first.wrong
	if s.wrong == "" {
		s.visit(first)
	}
	if s.wrong != "" {
		s.result.Violation = tell(land, faults, s, s.healed)
	}
	return s.result
}

// visit goes on from a state; it is false when the search is over.
func (s *search) visit(st *state) bool {
	if s.bounds.States > 0 && s.result.States >= s.bounds.States {
		s.result.Whole = false
		return false
	}
	key := st.digest()
	left, seen := s.visited[key]
	if seen && int(left) >= st.faults {
		return true
	}
	s.visited[key] = int8(st.faults)
	if !seen {
		s.count(st)
		if st.tick == st.origin+s.bounds.Ticks && s.bounds.Healing > 0 && uint64(key)%uint64(s.bounds.Healing) == 0 {
			s.result.Healed++
			if s.wrong = st.heal(); s.wrong != "" {
				s.healed = true
				return false
			}
		}
	}
	only, dull := st.dull()
	for _, mv := range st.moves(&s.bounds) {
		if dull && mv.Who != only {
			continue
		}
		next := st.after(mv)
		if next == nil {
			continue
		}
		s.result.Moves++
		s.path = append(s.path, mv)
		if s.wrong = next.wrong; s.wrong != "" || !s.visit(next) {
			return false
		}
		s.path = s.path[:len(s.path)-1]
	}
	return true
}

// dull finds a prompt server without a lease whose next record, or the log's answer
// that there is none, makes it neither act nor send. When within a tick it takes that
// makes no difference to anybody else, so the search goes on with its moves alone:
// that it takes it, or that something happens to it before.
func (s *state) dull() (inc string, found bool) {
	for _, p := range s.procs {
		if p.out() || p.slow || p.deaf || p.paused || p.cut || p.draining || p.yielding != nil || p.lease != 0 || s.clock(p) >= p.machine.NextWake() {
			continue
		}
		do := doRead
		if p.read == len(s.log) {
			do = doPoll
		}
		c := s.clone()
		q := c.own(p)
		if c.moveOf(q, do) && len(c.air) == len(s.air) && q.lease == 0 && !q.out() && !q.draining {
			return p.inc, true
		}
	}
	return "", false
}

func (s *search) count(st *state) {
	s.result.States++
	if epoch := st.fold().Epoch(); epoch > s.began {
		s.result.Takeovers++
		s.result.Epochs = max(s.result.Epochs, epoch)
	}
}
