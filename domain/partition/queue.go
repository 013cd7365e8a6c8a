package partition

import (
	"slices"
	"sort"
)

// queue is a sorted list in runs of bounded length: what comes in order, as
// nearly everything does, is appended, and what comes late moves no more than
// a run.
type queue struct {
	runs  []run // none is empty
	count int
}

type run struct {
	list   []uint32
	shared bool // a frozen list has it too: it may only be appended to, or lose its first
}

const runLength = 512

func (q *queue) first() uint32 { return q.runs[0].list[0] }

func (q *queue) push(n uint32, before func(a, b uint32) bool) {
	q.count++
	end := len(q.runs) - 1
	if end < 0 || !before(n, q.runs[end].last()) {
		if end < 0 || q.runs[end].full() {
			q.runs = append(q.runs, newRun(nil))
			end++
		}
		r := &q.runs[end]
		r.list = append(r.list, n)
		return
	}
	at := sort.Search(end, func(i int) bool { return before(n, q.runs[i].last()) })
	switch r := q.runs[at]; {
	case r.full():
		half := len(r.list) / 2
		q.runs[at] = newRun(r.list[:half])
		q.runs = slices.Insert(q.runs, at+1, newRun(r.list[half:]))
		if !before(n, r.list[half]) {
			at++
		}
	case r.shared:
		q.runs[at] = newRun(r.list)
	}
	r := &q.runs[at]
	i := sort.Search(len(r.list), func(i int) bool { return before(n, r.list[i]) })
	r.list = slices.Insert(r.list, i, n)
}

func newRun(list []uint32) run { return run{list: append(make([]uint32, 0, runLength), list...)} }

func (r *run) last() uint32 { return r.list[len(r.list)-1] }

func (r *run) full() bool { return len(r.list) == cap(r.list) }

// pop drops the first.
func (q *queue) pop() {
	q.count--
	r := &q.runs[0]
	if r.list = r.list[1:]; len(r.list) == 0 {
		*r = run{}
		q.runs = q.runs[1:]
	}
}

// freeze gives the list as it is now, in parts.
func (q *queue) freeze() [][]uint32 {
	lists := make([][]uint32, len(q.runs))
	for i := range q.runs {
		q.runs[i].shared = true
		lists[i] = q.runs[i].list
	}
	return lists
}
