package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
)

// derivation folds control once: from its own topic, or from the copies.
type derivation struct {
	findings
	topic  domain.TopicKind // where the records stand that are judged
	state  *election.State  // nil until the first record, or a view, is there
	ballot *ballot
	terms  []Term
	since  int             // the first of them that is of this control
	start  int64           // the first offset that is retained
	before []domain.Record // what came while there was no view
	lost   bool            // there is no beginning
	misses misses          // of devices, by server
	claims int64
}

func newDerivation(topic domain.TopicKind, within Range) *derivation {
	return &derivation{findings: newFindings(within), topic: topic, misses: make(misses)}
}

func (d *derivation) begins(start int64) {
	d.start, d.since = start, len(d.terms)
	if start == 0 {
		d.state, d.ballot = election.NewState(), newBallot()
	}
}

// apply judges the next record of control.
func (d *derivation) apply(r domain.Record) {
	if d.state == nil {
		d.await(r)
		return
	}
	heardAt, held, holder := d.ballot.heardAt, d.ballot.held, d.ballot.holder
	ruling := d.state.Apply(r)
	call := d.ballot.take(&r)
	if call.ended != "" {
		d.end(call.ended, r.Appended)
	}
	switch v := r.Payload.(type) {
	case domain.Heartbeat:
		if ruling.Void == "" {
			d.misses.note(&r, &v)
		}
	case domain.Contest:
		if ruling.Counts && held {
			d.borneOut(&r, &v, holder)
		}
	}
	claim, ok := r.Payload.(domain.Claim)
	if !ok || !r.Signed || r.Defect != domain.DefectNone {
		return
	}
	d.claims++
	here := []Place{controlAt(r.Position.Offset)}
	switch {
	case ruling.Counts != call.valid:
		d.violated(RuleElections, r.Appended, here, "the fold says of the claim of %s for epoch %d: valid %v %s; by the plain rules: valid %v",
			r.Subject, claim.Epoch, ruling.Counts, ruling.Void, call.valid)
	case !ruling.Counts:
		d.noted(RuleElections, r.Appended, here, "the claim of %s for epoch %d is void: %s", r.Subject, claim.Epoch, ruling.Void)
		return
	}
	if !ruling.Counts {
		return
	}
	if held {
		d.end("its heartbeats ceased to come", heardAt)
	}
	if call.early > 0 {
		d.undecided(RuleElections, r.Appended, here, "by the broker's clock the claim of %s for epoch %d came %v before the end of the lease: was that clock set then?", r.Subject, claim.Epoch, call.early)
	}
	d.looked(RuleEpochs, 1)
	if n := len(d.terms); n > d.since && d.terms[n-1].Epoch >= claim.Epoch {
		d.violated(RuleEpochs, r.Appended, here, "epoch %d is claimed behind epoch %d", claim.Epoch, d.terms[n-1].Epoch)
	}
	where := controlAt(r.Position.Offset)
	d.terms = append(d.terms, Term{
		Epoch: claim.Epoch, Server: r.Subject, Incarnation: claim.Incarnation, Cause: claim.Cause,
		Claim: &where, Claimed: Moment(r.Appended),
	})
}

// end notes what has ended the newest term, and when: the first reason is the cause.
func (d *derivation) end(why string, at domain.Instant) {
	if n := len(d.terms); n > 0 && d.terms[n-1].End == "" { // without a term it began before the view
		d.terms[n-1].End, d.terms[n-1].Ended = why, Moment(at)
	}
}

// await looks for a view to begin with, where retention has taken the beginning.
func (d *derivation) await(r domain.Record) {
	if d.lost {
		return
	}
	d.before = append(d.before, r)
	if len(d.before) > maxBuffered {
		d.lost, d.before = true, nil
		return
	}
	if !r.Signed {
		return
	}
	state, ok := election.FromView(r, d.start)
	if !ok {
		return
	}
	d.state, d.ballot = state, ballotFrom(state)
	before := d.before
	d.before = nil
	for _, x := range before {
		if x.Position.Offset >= state.Next() {
			d.apply(x)
		}
	}
}

// cut says that the beginning is missing, and no view of it can help.
func (d *derivation) cut() { d.state, d.ballot, d.lost = nil, nil, true }

// term finds the one of an epoch in the present control.
func (d *derivation) term(epoch uint64) *Term {
	for i := len(d.terms) - 1; i >= d.since; i-- {
		if d.terms[i].Epoch == epoch {
			return &d.terms[i]
		}
	}
	return nil
}

// fingerprint tells two control records apart.
func fingerprint(r *domain.Record) uint64 {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q %d %v", r.Type, r.UID, r.Source, r.Subject, r.Appended, r.Signed))
	return binary.BigEndian.Uint64(sum[:])
}
