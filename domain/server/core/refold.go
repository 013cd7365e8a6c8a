package core

import (
	"errors"
	"fmt"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
	"github.com/understudy-io/understudy/domain/partition"
)

// A server that has folded again because of another one, and was right, does so for the
// same one after verifyFirst at the earliest: it may have gone wrong since. The pause
// doubles each time, up to verifyEvery, because the other one may be of another build.
const (
	verifyFirst = 5 * time.Second
	verifyEvery = time.Minute
)

// decideEvery is the pause after a refold that could not be brought to its end.
const decideEvery = 5 * time.Second

var (
	// ErrWrong says that the running state is not what the log gives.
	ErrWrong = fmt.Errorf("the running state is not what the log gives: %w", domain.ErrCorrupt)
	// ErrBase says that a snapshot does not lead to what was proven later.
	ErrBase = fmt.Errorf("the snapshot does not lead to the state that was agreed: %w", domain.ErrCorrupt)
)

// refold is what is known of folding again.
type refold struct {
	underWay    bool
	statements  []Testimony
	dispute     *dispute      // that it is to decide; nil on the primary
	at          domain.Mono   // when the last one began
	againAt     domain.Mono   // it decided nothing; zero if it did
	complainant string        // on the primary: the incarnation that it folded again for
	pause       time.Duration // until it does so for that one again
}

// verify folds everything again on the primary, because another server found
// another state; if the running state is wrong, primacy is released.
func (m *Machine) verify(incarnation string) {
	same := m.refold.complainant == incarnation
	if m.term == nil || m.refold.underWay || m.quarantined || same && m.now.Mono-m.refold.at < m.refold.pause {
		return
	}
	if m.refold.pause = min(2*m.refold.pause, verifyEvery); !same {
		m.refold.pause = verifyFirst
	}
	m.refold.complainant = incarnation
	all := make([]int32, len(m.states))
	for p := range all {
		all[p] = int32(p)
	}
	m.do(Notice{Event: Disputed, Incarnation: incarnation})
	m.foldAgain(all, nil)
}

// contented lets the next complaint of a server count at once: it is about something else.
func (m *Machine) contented(incarnation string) {
	if m.refold.complainant == incarnation && !m.refold.underWay {
		m.refold.complainant = ""
	}
}

// foldAgain folds partitions again, beside the running state, from where they
// were last proven.
func (m *Machine) foldAgain(partitions []int32, d *dispute) {
	statements := make([]Testimony, len(partitions))
	for i, p := range partitions {
		statements[i] = m.testify(p)
	}
	m.refold.underWay, m.refold.at, m.refold.againAt = true, m.now.Mono, 0
	m.refold.dispute, m.refold.statements = d, statements
	m.do(Refold{Statements: statements})
}

// refolded draws the conclusion. If the log gives what this server had, that is
// proven too; otherwise this server is out.
func (m *Machine) refolded(err error) {
	if !m.refold.underWay {
		return
	}
	m.refold.underWay = false
	switch {
	case err == nil:
		for _, t := range m.refold.statements {
			m.prove(domain.StateHash{
				Position: domain.Position{Partition: t.Partition, Offset: t.end().Next}, Hash: t.end().Hash,
			})
		}
		m.vindicated()
	case errors.Is(err, ErrWrong):
		m.quarantine(err)
	default:
		m.refold.againAt = m.now.Mono + decideEvery
		m.do(Notice{Event: Undecided, Cause: err})
		return
	}
	m.refold.statements = nil
	m.decideNext()
}

// decideAgain folds again what could not be decided, because the log was away: there
// may be nobody left who would ask for that, and until it is known who was wrong
// this server is out. A standby does so as long as it is in that dispute, a primary as
// long as it is one.
func (m *Machine) decideAgain() {
	f := &m.refold
	if f.againAt == 0 || m.now.Mono < f.againAt {
		return
	}
	f.againAt = 0
	if m.quarantined || f.dispute != m.dispute || f.dispute == nil && m.term == nil {
		f.statements = nil
		m.decideNext()
		return
	}
	partitions := make([]int32, len(f.statements))
	for i, t := range f.statements {
		partitions[i] = t.Partition
	}
	m.foldAgain(partitions, f.dispute)
}

// vindicated is called when the log gives this server's state: the other one is
// wrong, or the builds differ.
func (m *Machine) vindicated() {
	d := m.refold.dispute
	if d == nil {
		m.verdict = domain.HashRight
		m.tellHealth()
		m.do(Notice{Event: Right, Incarnation: m.refold.complainant})
		return
	}
	m.do(Notice{Event: Right, Incarnation: d.with})
	d.right = true
	if d.with == m.ended {
		m.concede(d.with)
		return
	}
	m.reconcile()
}

// quarantine takes this server out, on record, and ends it: its guard starts it
// anew, and it folds from the beginning, not from its snapshots. A primary
// stops first, and lets the answers to what it has sent be logged.
func (m *Machine) quarantine(cause error) {
	m.do(Notice{Event: InQuarantine, Cause: cause})
	m.verdict, m.quarantined = domain.HashDiffers, true
	m.tellHealth()
	m.suspend(false)
	m.drain([]Effect{
		Control{election.Release{Reason: cause.Error()}}, // whatever it holds by then
		Publish{domain.Quarantined{Incarnation: m.cfg.Incarnation, Reason: cause.Error()}},
		Quit{Cause: cause},
	})
}

// Testimony is what a server had made of one partition until now.
type Testimony struct {
	Partition int32
	Proven    domain.StateHash // the last one that was proven
	Steps     []Footprint      // since then, oldest first; the last one is the running state
}

func (m *Machine) testify(p int32) Testimony {
	t := Testimony{Partition: p, Proven: m.proven[p], Steps: m.trail[p].since(m.proven[p].Position.Offset)}
	s := m.states[p]
	t.Steps = append(t.Steps, Footprint{s.Next(), s.Hash()}) // the trail may be without it
	return t
}

// end is where the running state is.
func (t *Testimony) end() Footprint { return t.Steps[len(t.Steps)-1] }

// Examination compares what a server had made of one partition with what the log
// gives: feed it the records from Next on until Done.
type Examination struct {
	testimony Testimony
	state     *partition.State
	based     bool // on a state that has not led to what was proven yet
	steps     []Footprint
}

// Examine begins with a base that goes no further than what was proven, and is
// believed only if it leads there. Without one it begins with the first record.
func Examine(t Testimony, base *partition.State, partitions int32) *Examination {
	e := &Examination{testimony: t, state: base, based: base != nil, steps: t.Steps}
	if base == nil {
		e.state = partition.New(t.Partition, partitions, partition.DefaultLimits())
	}
	return e
}

// Next is the offset of the record that is wanted next.
func (e *Examination) Next() int64 { return e.state.Next() }

// Done says that the running state has been reached: the log gives it.
func (e *Examination) Done() bool { return e.state.Next() >= e.testimony.end().Next }

// Apply folds one record and judges. The error wraps ErrWrong or ErrBase.
func (e *Examination) Apply(r domain.Record) error {
	e.state.Apply(r)
	return e.Judge()
}

// Judge compares the state as it is; it is the first call.
func (e *Examination) Judge() error {
	next, at := e.state.Next(), e.testimony.Proven.Position.Offset
	if e.based {
		if next < at {
			return nil
		}
		if next > at || e.state.Hash() != e.testimony.Proven.Hash {
			return fmt.Errorf("partition %d at %d: %w", e.testimony.Partition, next, ErrBase)
		}
		e.based = false
	}
	for len(e.steps) > 0 && e.steps[0].Next < next {
		e.steps = e.steps[1:]
	}
	if len(e.steps) > 0 && e.steps[0].Next == next && e.steps[0].Hash != e.state.Hash() {
		return fmt.Errorf("partition %d at %d: %w", e.testimony.Partition, next, ErrWrong)
	}
	return nil
}
