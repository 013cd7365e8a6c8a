// Package history tells what became of every epoch: who held it, why, on whose word
// or what evidence, and how it ended.
//
//	h := history.New()
//	for _, r := range control { h.Apply(r) } // of control, or the originals of elections
//	for _, term := range h.Terms() { … }
//
// It folds the control topic with the election's own rules, so it calls nothing an
// epoch that the servers did not. The same records give the same history, for ever.
// Heartbeats may be missing, as they are in the elections topic; then a term has
// lasted up to the last record that is known of it.
package history

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
)

// Term is one epoch.
type Term struct {
	Epoch       uint64
	Server      string
	Incarnation string
	Cause       string
	By          string // who asked for it, or found the holder before wanting
	Evidence    string // what was on record about the end of the holder before
	Began       domain.Instant
	Position    int64         // of the claim, in control
	Gap         time.Duration // since the last sign of the holder before; 0 for the first
	Lasted      time.Duration // up to the last sign of it
	Ended       string        // empty while it is held
}

// History is the fold.
type History struct {
	state *election.State
	terms []Term
	last  domain.Instant // the last sign of the holder
	sign  sign           // what the next epoch will be because of
	end   int64          // of the epoch before: the record in control that ended it
}

// sign is what stands on record about the end of an epoch.
type sign struct{ by, evidence string }

// New is the history before the first record.
func New() *History { return &History{state: election.NewState()} }

// Terms are all epochs, the oldest first.
func (h *History) Terms() []Term { return h.terms }

// State is the fold of control as of the last record.
func (h *History) State() *election.State { return h.state }

// Apply folds one record. One that is folded already changes nothing.
func (h *History) Apply(r domain.Record) {
	before, was, held := h.state.Holder()
	ttl := h.state.TTL()
	ruling := h.state.Apply(r)
	if !ruling.Counts {
		return
	}
	open := h.open()
	defer func() {
		if open && !h.open() {
			h.end = r.Position.Offset
		}
	}()
	switch p := r.Payload.(type) {
	case domain.Heartbeat:
		h.last = r.Appended
	case domain.Claim:
		h.began(&r, p, before, held, ttl)
	case domain.Release:
		h.last = r.Appended
		h.sign = sign{cmp.Or(h.sign.by, h.asked(r.Subject, p.Reason)), join(h.sign.evidence, r.Subject+" released: "+p.Reason)}
		h.ended("released: " + p.Reason)
	case domain.Contest:
		h.sign = sign{p.By, join(h.sign.evidence, "contested: "+p.Reason)}
		h.ended("contested by " + p.By + ": " + p.Reason)
	case domain.Died:
		if held && p.Incarnation == was {
			h.sign = sign{"the guard of " + r.Subject, r.Subject + " ended: " + p.Exit}
			h.ended("its process ended: " + p.Exit)
		}
	case domain.Left:
		if held && p.Incarnation == was {
			h.sign.evidence = r.Subject + " left in order"
			h.ended("left in order")
		}
	case domain.Removed:
		if held && r.Subject == before {
			h.sign = sign{p.By, r.Subject + " was removed" + because(p.Reason)}
			h.ended("removed by " + p.By)
		}
	case domain.Dissolved:
		h.ended("dissolved by " + p.By)
	}
}

// began begins a term.
func (h *History) began(r *domain.Record, c domain.Claim, before string, held bool, ttl time.Duration) {
	t := Term{
		Epoch: c.Epoch, Server: r.Subject, Incarnation: c.Incarnation, Cause: c.Cause,
		By: h.sign.by, Evidence: h.sign.evidence, Began: r.Appended, Position: r.Position.Offset,
	}
	if len(h.terms) > 0 {
		t.Gap = max(0, r.Appended.Sub(h.last))
	}
	if m, _ := h.state.Member(r.Subject); !held && len(h.terms) > 0 && m.Joined > h.end {
		t.Cause, t.Evidence = "start", join(t.Evidence, r.Subject+" was started after that")
	}
	if held && t.Evidence == "" {
		t.Evidence = fmt.Sprintf("nothing was heard of %s for longer than its lease of %s", before, ttl)
	}
	if held {
		h.ended(fmt.Sprintf("%s claimed epoch %d", r.Subject, c.Epoch))
	}
	h.terms = append(h.terms, t)
	h.last, h.sign = r.Appended, sign{}
}

// asked is the operator on whose word a holder has released; empty if it was nobody's.
func (h *History) asked(holder, reason string) string {
	if by, is := strings.CutPrefix(reason, domain.AskedFor); is {
		return by
	}
	if m, _ := h.state.Member(holder); reason == election.ReasonDrained {
		by, _, _ := strings.Cut(m.DrainedBy, ": ")
		return by
	}
	return ""
}

// open tells whether the last term goes on, as far as is known.
func (h *History) open() bool {
	return len(h.terms) > 0 && h.terms[len(h.terms)-1].Ended == ""
}

// ended notes how the term ended: the first word counts.
func (h *History) ended(how string) {
	if !h.open() {
		return
	}
	t := &h.terms[len(h.terms)-1]
	t.Ended, t.Lasted = how, max(0, h.last.Sub(t.Began))
}

// Close says up to when the term that is held has lasted.
func (h *History) Close() []Term {
	if h.open() {
		t := &h.terms[len(h.terms)-1]
		t.Lasted = max(0, h.last.Sub(t.Began))
	}
	return h.terms
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}
