package core

import (
	"math"
	"slices"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// agreement is what is known of whether this server's state is right.
type agreement struct {
	trail            []trail            // by partition
	round, following *round             // checkpoints of the primary: being compared, and the next one
	issued           []issued           // of this server's own
	proven           []domain.StateHash // of each partition the last hash that is known to be right
	agreedAt         int64              // the last checkpoint that all of the state was equal to
	verdict          string             // of the last comparison: ok, differs, or empty
	told, informed   bool               // control has been read to its end once; and what it held was compared
	dispute          *dispute           // nil for none
	wrong            []discredited      // the last that were
	ended            string             // that of the last primary which has ended, of this server's build
	refold           refold
	quarantined      bool
}

// round is one checkpoint, compared partition by partition as this server gets
// there.
type round struct {
	at          int64  // of the checkpoint, in control
	epoch       uint64 // in which it was written
	incarnation string // of the primary that wrote it
	left        []domain.StateHash
	whole       bool // every partition that was compared so far is equal
}

// dispute is a difference with a primary at the same position.
type dispute struct {
	with     string // the primary's incarnation
	epoch    uint64 // in which that said what was looked at last
	found    Notice // where, when it was last looked at
	right    bool   // folded again: the log gives this server's state
	conceded bool   // the other one has found itself to be wrong, or an operator says so
}

// discredited is an incarnation whose checkpoints do not count: it has found itself
// to be wrong, has ended, or is not the one that an operator wants to go on with. In spite
// of that word it may win a later epoch, or stay because the takeover came to nothing, and
// what it says then counts.
type discredited struct {
	incarnation string
	upTo        uint64      // the last epoch
	until       domain.Mono // 0 for ever
}

const (
	everyEpoch     = math.MaxUint64
	maxDiscredited = 8
	// vouchedFor is how long an operator's word holds: far longer than the takeover takes
	// that it is for.
	vouchedFor = 10 * time.Second
)

func (d discredited) is(incarnation string, epoch uint64, now domain.Mono) bool {
	return incarnation == d.incarnation && epoch <= d.upTo && (d.until == 0 || now < d.until)
}

// expect takes the primary's checkpoint. While one is being compared, the newest
// of the others waits.
func (m *Machine) expect(in Expect) {
	if slices.ContainsFunc(m.wrong, func(d discredited) bool { return d.is(in.Incarnation, in.Checkpoint.Epoch, m.now.Mono) }) {
		return
	}
	r := &round{at: in.At, epoch: in.Checkpoint.Epoch, incarnation: in.Incarnation}
	there := make([]bool, len(m.states))
	for _, h := range in.Checkpoint.Hashes {
		if p := h.Position.Partition; p >= 0 && int(p) < len(m.states) && !there[p] {
			there[p] = true
			r.left = append(r.left, h)
		}
	}
	r.whole = len(r.left) == len(m.states)
	if m.round == nil {
		m.round = r
	} else {
		m.following = r
	}
	m.compare()
}

// compare holds this server's state against the checkpoints that wait for it.
func (m *Machine) compare() {
	for m.round != nil {
		r := m.round
		var ahead []domain.StateHash
		for _, want := range r.left {
			if m.states[want.Position.Partition].Next() < want.Position.Offset {
				ahead = append(ahead, want)
			} else {
				m.compareOne(r, want)
			}
		}
		if r.left = ahead; len(ahead) > 0 {
			return
		}
		if r.whole {
			m.agree(r)
		}
		m.round, m.following = m.following, nil
	}
	if m.told && !m.informed {
		m.informed = true
		m.tellHealth()
	}
}

func (m *Machine) compareOne(r *round, want domain.StateHash) {
	have, ok := m.hashAt(want.Position)
	switch {
	case !ok: // too long ago
		r.whole = false
	case have == want.Hash:
		m.prove(want)
	default:
		r.whole = false
		m.differ(r, want, have)
	}
}

// hashAt is the hash that this server's state had at a position.
func (m *Machine) hashAt(at domain.Position) (domain.Hash, bool) {
	if s := m.states[at.Partition]; s.Next() == at.Offset {
		return s.Hash(), true
	}
	if at.Offset <= 0 {
		return domain.Hash{}, false
	}
	return m.trail[at.Partition].at(at.Offset)
}

// agree notes that the whole state was equal to the primary's. That ends a
// dispute with a primary that is none any more.
func (m *Machine) agree(r *round) {
	m.agreedAt = r.at
	if m.quarantined || m.dispute != nil && m.dispute.with == r.incarnation {
		return
	}
	m.dispute, m.verdict = nil, domain.HashOK
}

// differ begins or goes on with a dispute: this server folds again, beside the
// running state, and so does the primary when it hears of it. Whoever differs
// from its own refold is wrong.
func (m *Machine) differ(r *round, want domain.StateHash, have domain.Hash) {
	m.verdict = domain.HashDiffers
	if m.dispute == nil || m.dispute.with != r.incarnation {
		m.dispute = &dispute{with: r.incarnation}
	}
	m.dispute.epoch = r.epoch
	m.dispute.found = Notice{Event: Differs, Incarnation: r.incarnation, Position: want.Position, Have: have, Want: want.Hash}
	if m.refold.underWay || m.quarantined || m.dispute.right {
		return
	}
	m.decide(m.dispute)
}

// decide folds again for a dispute.
func (m *Machine) decide(d *dispute) {
	m.do(d.found)
	m.tellHealth()
	m.foldAgain([]int32{d.found.Position.Partition}, d)
}

// decideNext goes on with a dispute that began while there was a refold for another one.
func (m *Machine) decideNext() {
	if d := m.dispute; d != nil && d != m.refold.dispute && !d.right && !m.quarantined {
		m.decide(d)
	}
}

// concede is called when another server has found itself to be wrong: whoever
// differed from it alone takes part again.
func (m *Machine) concede(incarnation string) {
	m.discredit(discredited{incarnation: incarnation, upTo: everyEpoch})
}

// discredit forgets what does not count, and ends a dispute about it.
func (m *Machine) discredit(d discredited) {
	m.wrong = append(m.wrong[max(0, len(m.wrong)+1-maxDiscredited):], d)
	if r := m.following; r != nil && d.is(r.incarnation, r.epoch, m.now.Mono) {
		m.following = nil
	}
	if r := m.round; r != nil && d.is(r.incarnation, r.epoch, m.now.Mono) {
		m.round, m.following = m.following, nil
	}
	if m.dispute != nil && d.is(m.dispute.with, m.dispute.epoch, m.now.Mono) {
		m.dispute.conceded = true
		m.reconcile()
	}
	m.compare()
}

// outlive is called when a primary has ended that was of this server's build. If the
// two differed and the log gives this server's state, it does not give the other one's:
// one build folds one log in one way.
func (m *Machine) outlive(incarnation string) {
	m.ended = incarnation
	if d := m.dispute; d != nil && d.right && d.with == incarnation {
		m.concede(incarnation)
	}
}

// reconcile ends a dispute in which this server was right and the other one wrong.
func (m *Machine) reconcile() {
	if d := m.dispute; d != nil && d.right && d.conceded && !m.quarantined {
		m.do(Notice{Event: Reconciled, Incarnation: d.with})
		m.dispute, m.verdict = nil, ""
		m.tellHealth()
	}
}

// vouch is an operator's word, on record, for a server whose state differs from
// a primary's although the log gives it: its build is the one to go on with. Should the
// other one win another epoch all the same, or still be the primary after vouchedFor, the
// two are compared again.
func (m *Machine) vouch(user, reason string) {
	if m.dispute == nil || !m.dispute.right || m.quarantined {
		return
	}
	m.do(Publish{domain.Cleared{Incarnation: m.cfg.Incarnation, Reason: user + ": " + reason}})
	m.discredit(discredited{m.dispute.with, m.dispute.epoch, m.now.Mono + vouchedFor})
}

// Informed says whether this server was compared with what the primary has said last.
func (m *Machine) Informed() bool { return m.informed }

// Differs says whether the state was not equal to the primary's at the same
// position, and right that the log gives it all the same.
func (m *Machine) Differs() (differs, right bool) {
	return m.verdict == domain.HashDiffers, m.dispute != nil && m.dispute.right
}

// Doubted says whether it is open whether the state is right: it is not to be saved.
func (m *Machine) Doubted() bool {
	return m.quarantined || m.refold.underWay || m.dispute != nil
}
