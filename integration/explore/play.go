package explore

import (
	"fmt"
	"time"
)

// tell shortens a history that broke a guarantee and plays it again, aloud.
func tell(land *Landscape, faults int, s *search, healed bool) *Violation {
	v := &Violation{Faults: faults, States: s.result.States, Wrong: s.wrong, Moves: append([]Move(nil), s.path...)}
	for shorter := true; shorter; {
		shorter = false
		for n := max(1, len(v.Moves)/2); n >= 1; n /= 2 {
			for i := 0; i+n <= len(v.Moves); {
				without := append(append([]Move(nil), v.Moves[:i]...), v.Moves[i+n:]...)
				if wrong, made := replay(land, faults, without, healed, nil); wrong != "" && len(made) < len(v.Moves) {
					v.Moves, v.Wrong, shorter = made, wrong, true
				} else {
					i += n
				}
			}
		}
	}
	say := func(now time.Duration, format string, args ...any) {
		v.Play = append(v.Play, fmt.Sprintf("%8s  %s", "+"+now.String(), fmt.Sprintf(format, args...)))
	}
	replay(land, faults, v.Moves, healed, say)
	v.Play = append(v.Play, "WRONG: "+v.Wrong)
	return v
}

// replay makes moves again, leaves out those that cannot be made, and gives those
// that were and what is wrong in the end, or when all trouble has ended then.
func replay(land *Landscape, faults int, moves []Move, healed bool, say func(time.Duration, string, ...any)) (wrong string, made []Move) {
	s := land.begin()
	s.faults = faults
	if say != nil {
		_, holder, _ := s.fold().Holder()
		say(0, "a settled landscape: %s is the primary of epoch %d", holder, s.fold().Epoch())
	}
	for _, mv := range moves {
		if mv.Do == doTick && s.hurried() {
			continue
		}
		next := s.clone()
		if say != nil {
			next.say = func(format string, args ...any) { say(next.now()-time.Duration(next.origin)*unit, format, args...) }
		}
		if !next.move(mv) {
			continue
		}
		next.checkAll()
		made = append(made, mv)
		if next.wrong != "" {
			return next.wrong, made
		}
		s = next
	}
	if healed {
		return s.heal(), made
	}
	return "", made
}

// hurried reports whether something is due before time may go on.
func (s *state) hurried() bool {
	for _, mv := range s.moves(&Bounds{Ticks: s.tick - s.origin + 1, Records: maxSettle}) {
		if mv.Do == doTick {
			return false
		}
	}
	return true
}
