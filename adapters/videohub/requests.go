package videohub

import (
	"fmt"
	"slices"

	"github.com/understudy-io/understudy/domain"
)

// maxWaiting bounds the requests of one connection that wait for their answers.
const maxWaiting = 1024

// request is what was written and not yet answered.
type request struct {
	what     string // for people
	action   bool
	refresh  bool // the last of a Refresh
	ref      uint64
	deadline domain.Mono
	written  bool // its bytes are with the kernel
	settled  bool // its answer came
}

// await puts a request at the end of those that wait: answers come in the order
// of requests, and may come before the write returns. It refuses when the
// connection has ended, or too many wait.
func (s *session) await(r *request) bool {
	now := s.link.opts.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || len(s.waiting) == maxWaiting {
		return false
	}
	r.deadline = now + s.link.opts.AnswerTimeout
	s.lastSent = now
	s.waiting = append(s.waiting, r)
	return true
}

// hasLeft marks a request as written. False means that the connection ended
// meanwhile, and no answer will be given to it.
func (s *session) hasLeft(r *request) bool {
	now := s.link.opts.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	r.written = true
	if r.settled {
		return true
	}
	if s.ended {
		s.drop(r)
		return false
	}
	s.wakeBy(now, r.deadline)
	return true
}

// forget takes back a request of which nothing was written.
func (s *session) forget(r *request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(r)
}

func (s *session) drop(r *request) {
	if i := slices.Index(s.waiting, r); i >= 0 {
		s.waiting = slices.Delete(s.waiting, i, i+1)
	}
}

// answered matches an ACK or NAK to the oldest request.
func (s *session) answered(ack bool) {
	s.mu.Lock()
	var r *request
	if len(s.waiting) > 0 {
		r = s.waiting[0]
		r.settled = true
		s.waiting = slices.Delete(s.waiting, 0, 1)
	}
	s.mu.Unlock()
	switch {
	case r == nil:
		s.link.log.Debug("answer_without_request", "ack", ack)
	case r.refresh && ack:
		s.link.answer(domain.Answered{Ref: r.ref, Verdict: domain.Fresh})
	case !r.action:
	case ack:
		s.link.answer(domain.Answered{Ref: r.ref, Verdict: domain.Acknowledged})
	default:
		s.link.answer(domain.Answered{Ref: r.ref, Verdict: domain.Rejected, Reason: domain.ReasonNak, Detail: "the router answered NAK"})
	}
}

// late finds the oldest request unanswered beyond its time. With it the order of
// answers is lost, so the connection ends.
func (s *session) late(now domain.Mono) (cause string) {
	s.mu.Lock()
	var r *request
	if len(s.waiting) > 0 && s.waiting[0].written && now >= s.waiting[0].deadline {
		r = s.waiting[0]
		r.settled = true
		s.waiting = slices.Delete(s.waiting, 0, 1)
	}
	s.mu.Unlock()
	if r == nil {
		return ""
	}
	cause = fmt.Sprintf("no answer to %s within %s", r.what, s.link.opts.AnswerTimeout)
	if r.action {
		s.link.ready.CompareAndSwap(s, nil)
		s.link.answer(domain.Answered{Ref: r.ref, Verdict: domain.NoAnswer, Reason: domain.ReasonNoAnswer, Detail: cause})
	}
	return cause
}

// unanswered empties the queue and gives the actions in it. One whose write is
// still under way stays: its Emit tells what became of it.
func (s *session) unanswered() []uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var refs []uint64
	for _, r := range s.waiting {
		if r.action && r.written {
			refs = append(refs, r.ref)
		}
	}
	s.waiting = slices.DeleteFunc(s.waiting, func(r *request) bool { return r.written })
	return refs
}
