package server

import (
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

// waiters are the callers that wait for the outcome of a command. They are
// owned by the core loop.
type waiters struct {
	waiting map[waitKey][]*waiter
}

type waitKey struct{ device, uid string }

// waiter receives one notice: the command has its outcome, or was refused.
type waiter struct {
	key  waitKey
	done chan partition.Change // buffered by one
}

func (w *waiters) add(device, uid string) *waiter {
	if w.waiting == nil {
		w.waiting = make(map[waitKey][]*waiter)
	}
	k := waitKey{device, uid}
	one := &waiter{key: k, done: make(chan partition.Change, 1)}
	w.waiting[k] = append(w.waiting[k], one)
	return one
}

func (w *waiters) drop(one *waiter) {
	list := w.waiting[one.key]
	for i, x := range list {
		if x == one {
			list = append(list[:i], list[i+1:]...)
			break
		}
	}
	if len(list) == 0 {
		delete(w.waiting, one.key)
	} else {
		w.waiting[one.key] = list
	}
}

// notify tells those who wait for the command that a record is about.
func (w *waiters) notify(s *partition.State, r *domain.Record, change partition.Change) {
	if len(w.waiting) == 0 || change.UID == "" {
		return
	}
	k := waitKey{change.Device, change.UID}
	list, ok := w.waiting[k]
	if !ok {
		return
	}
	e, found := s.Lookup(change.Device, change.UID)
	switch {
	case domain.ClassOf(r.Type) == domain.ClassRevision: // counted or not, that is all
	case change.Verdict == partition.Refused && !found: // not indexed: this is all there will be
	case change.Verdict == partition.Dead && domain.ClassOf(r.Type) <= domain.ClassOperator:
	default:
		if !found || !e.Done {
			return
		}
	}
	for _, one := range list {
		one.done <- change
	}
	delete(w.waiting, k)
}
