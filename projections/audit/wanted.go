package audit

import (
	"cmp"
	"slices"

	"github.com/understudy-io/understudy/domain"
)

// want is a state hash that a checkpoint names.
type want struct {
	next     int64 // all below it is folded
	hash     domain.Hash
	control  int64 // offset of the checkpoint
	server   string
	appended domain.Instant
}

// wanted are those of a partition that were not compared yet, by next.
type wanted struct {
	list    []want
	last    want
	known   int64 // the highest that was ever asked for
	dropped int64
	// behind and told are set where a verification goes on: up to there, all that the
	// first so many checkpoints name was compared.
	behind, told int64
}

func newWanted() wanted { return wanted{last: want{next: -1}, behind: -1} }

func (w *wanted) add(x want) {
	if x.next == w.last.next && x.hash == w.last.hash {
		return // nothing has happened in this partition
	}
	w.last, w.known = x, max(w.known, x.next)
	if len(w.list) >= maxWanted {
		w.dropped++
		return
	}
	i := len(w.list)
	if i > 0 && w.list[i-1].next > x.next {
		i, _ = slices.BinarySearchFunc(w.list, x.next+1, func(e want, n int64) int { return cmp.Compare(e.next, n) })
	}
	w.list = slices.Insert(w.list, i, x)
}

// passed takes out those that lie before a place.
func (w *wanted) passed(next int64) []want {
	if len(w.list) == 0 || w.list[0].next >= next {
		return nil
	}
	return w.take(func(e *want) bool { return e.next < next })
}

// at takes out those of a place, which come behind all that were passed.
func (w *wanted) at(next int64) []want {
	if len(w.list) == 0 || w.list[0].next > next {
		return nil
	}
	lower, _ := slices.BinarySearchFunc(w.list, next, func(e want, n int64) int { return cmp.Compare(e.next, n) })
	upper := lower
	for upper < len(w.list) && w.list[upper].next == next {
		upper++
	}
	out := slices.Clone(w.list[lower:upper])
	w.list = slices.Delete(w.list, lower, upper)
	return out
}

func (w *wanted) take(is func(*want) bool) []want {
	n := 0
	for n < len(w.list) && is(&w.list[n]) {
		n++
	}
	out := w.list[:n:n]
	w.list = w.list[n:]
	return out
}

func (w *wanted) rest() []want { return w.take(func(*want) bool { return true }) }
