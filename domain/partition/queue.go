package partition

import (
	"slices"
	"sort"
)

// queue is a sorted list in runs of bounded length: what comes in order, as
// nearly everything does, is appended, and what comes late moves no more than
// a run.
type queue struct {
	runs  [][]uint32 // none is empty
	count int
}

const runLength = 512

func (q *queue) first() uint32 { return q.runs[0][0] }

func (q *queue) push(n uint32, before func(a, b uint32) bool) {
	q.count++
	last := len(q.runs) - 1
	if last < 0 || !before(n, q.runs[last][len(q.runs[last])-1]) {
		if last < 0 || len(q.runs[last]) == cap(q.runs[last]) {
			q.runs = append(q.runs, make([]uint32, 0, runLength))
			last++
		}
		q.runs[last] = append(q.runs[last], n)
		return
	}
	at := sort.Search(last, func(i int) bool { return before(n, q.runs[i][len(q.runs[i])-1]) })
	run := q.runs[at]
	i := sort.Search(len(run), func(i int) bool { return before(n, run[i]) })
	if len(run) < cap(run) {
		q.runs[at] = slices.Insert(run, i, n)
		return
	}
	half := len(run) / 2
	behind := append(make([]uint32, 0, runLength), run[half:]...)
	run = run[:half]
	if i <= half {
		run = slices.Insert(run, i, n)
	} else {
		behind = slices.Insert(behind, i-half, n)
	}
	q.runs[at] = run
	q.runs = slices.Insert(q.runs, at+1, behind)
}

// pop drops the first.
func (q *queue) pop() {
	q.count--
	if q.runs[0] = q.runs[0][1:]; len(q.runs[0]) == 0 {
		q.runs[0] = nil
		q.runs = q.runs[1:]
	}
}

// list is a copy in order.
func (q *queue) list() []uint32 { return slices.Concat(q.runs...) }
