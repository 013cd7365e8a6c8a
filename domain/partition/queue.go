package partition

import "github.com/understudy-io/understudy/domain"

// queue orders entries by their time, and by their offset where that is equal:
// a heap with four branches, which for entries that come almost in order costs
// next to nothing to fill.
type queue []queued

type queued struct {
	indexed domain.Instant
	command int64
	entry   *entry
}

const branches = 4

func (a *queued) before(b *queued) bool {
	return a.indexed < b.indexed || a.indexed == b.indexed && a.command < b.command
}

func (q *queue) push(e *entry) {
	h := append(*q, queued{e.indexed, e.command, e})
	i := len(h) - 1
	for i > 0 {
		up := (i - 1) / branches
		if !h[i].before(&h[up]) {
			break
		}
		h[i], h[up] = h[up], h[i]
		i = up
	}
	*q = h
}

// pop drops the first.
func (q *queue) pop() {
	h := *q
	last := len(h) - 1
	h[0], h[last] = h[last], queued{}
	h = h[:last]
	for i := 0; ; {
		least := i
		for c := i*branches + 1; c <= i*branches+branches && c < len(h); c++ {
			if h[c].before(&h[least]) {
				least = c
			}
		}
		if least == i {
			break
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
	*q = h
}
