package explain

import (
	"cmp"
	"fmt"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
)

// Mark is a record of the control topic.
type Mark struct {
	Offset int64     `json:"offset"`
	Time   time.Time `json:"time"`
}

func markOf(r *domain.Record) Mark { return Mark{r.Position.Offset, r.Appended.Time()} }

// Election is how an epoch came about.
type Election struct {
	Epoch   uint64      `json:"epoch"`
	Before  *Term       `json:"before,omitempty"` // the term before; nil if there was none
	Members []Candidate `json:"members"`          // as they were at the claim that counts, or else at the last one
	Claims  []Claim     `json:"claims"`           // for this epoch, all of them
	Winner  string      `json:"winner,omitempty"`
	Won     *Mark       `json:"won,omitempty"`   // the claim that counts
	After   *Ending     `json:"after,omitempty"` // how this epoch ended; nil: not yet
	Copied  bool        `json:"copied"`          // derived from the elections topic, which has no heartbeats of standbys

	state  *election.State
	last   *Mark         // the last record of the holder that counts
	ttl    time.Duration // that it carries
	ending *Ending       // of the present holder's term
}

// Term is a term of primacy, up to its end.
type Term struct {
	Epoch       uint64        `json:"epoch"`
	Holder      string        `json:"holder"`
	Incarnation string        `json:"incarnation"`
	Last        *Mark         `json:"last,omitempty"` // its last record that counts
	TTL         time.Duration `json:"ttl"`            // that this one carries
	Ending      *Ending       `json:"ending,omitempty"`
}

// Ending is what ended a term before somebody else claimed the next one.
type Ending struct {
	Mark
	Type domain.Type `json:"type"`
	Text string      `json:"text"`
}

// Candidate is a member at the moment of the claim.
type Candidate struct {
	Name       string `json:"name"`
	Seniority  int64  `json:"seniority"` // offset of its join, lowest first
	Precedence int    `json:"precedence"`
	Ready      bool   `json:"ready"` // as its last heartbeat said
	May        bool   `json:"may"`   // a claim of its would count
	Why        string `json:"why"`
}

// Claim is a claim for the epoch.
type Claim struct {
	Mark
	Member string        `json:"member"`
	Cause  string        `json:"cause"`
	Seen   int64         `json:"seen"`
	TTL    time.Duration `json:"ttl"`
	Counts bool          `json:"counts"`
	Void   string        `json:"void,omitempty"` // why not
}

// NewElection begins to derive an epoch.
func NewElection(epoch uint64) *Election { return &Election{Epoch: epoch, state: election.NewState()} }

// Apply folds the next control record. copied says that it is of the elections
// topic.
func (e *Election) Apply(r *domain.Record, copied bool) {
	s := e.state
	claim, isClaim := r.Payload.(domain.Claim)
	ours := isClaim && claim.Epoch == e.Epoch && r.Defect == domain.DefectNone
	if ours && e.Won == nil { // the term before went on after a void claim
		e.Copied = copied
		e.before(s)
	}
	held := s.Epoch()
	holder, _, isHeld := s.Holder()
	ruling := s.Apply(*r)
	if ours {
		e.Claims = append(e.Claims, Claim{markOf(r), r.Subject, claim.Cause, claim.Seen, claim.TTL, ruling.Counts, ruling.Void})
	}
	if s.Epoch() != held {
		if e.Won != nil && e.After == nil {
			e.After = e.next(r)
		}
		if s.Epoch() == e.Epoch && ours && ruling.Counts {
			mark := markOf(r)
			e.Winner, e.Won = r.Subject, &mark
		}
		e.ending = nil
	}
	if s.Heard() == r.Position.Offset {
		mark := markOf(r)
		e.last, e.ttl = &mark, s.TTL()
	}
	if text := ended(r, holder); text != "" && ruling.Counts && isHeld && e.ending == nil {
		if h, _, ok := s.Holder(); !ok || h != holder || s.Contested() {
			e.ending = &Ending{markOf(r), r.Type, text}
		}
	}
	if e.Won != nil && e.After == nil && e.ending != nil && s.Epoch() == e.Epoch {
		e.After = e.ending
	}
}

func (e *Election) next(r *domain.Record) *Ending {
	if e.ending != nil {
		return e.ending
	}
	return &Ending{markOf(r), r.Type, fmt.Sprintf("%s claimed epoch %d: its lease had run out", r.Subject, e.state.Epoch())}
}

// Over says that nothing more is to be learnt.
func (e *Election) Over() bool { return e.After != nil && e.state.Epoch() > e.Epoch+1 }

// ended tells of a record that may end the term of a holder.
func ended(r *domain.Record, holder string) string {
	switch p := r.Payload.(type) {
	case domain.Release:
		text := r.Subject + " gave it up"
		if p.To != "" {
			text += ", to " + p.To
		}
		return text + because(p.Reason)
	case domain.Contest:
		return "contested by " + p.By + because(p.Reason)
	case domain.Died:
		return ifHolder(r, holder, "its process ended: "+p.Exit)
	case domain.Left:
		return ifHolder(r, holder, "it left")
	case domain.Removed:
		return ifHolder(r, holder, "removed by "+p.By+because(p.Reason))
	case domain.Joined:
		return ""
	}
	return ""
}

func ifHolder(r *domain.Record, holder, text string) string {
	if r.Subject != holder {
		return ""
	}
	return text
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

// before notes how things were when a claim came.
func (e *Election) before(s *election.State) {
	e.Before, e.Members = nil, nil
	holder, incarnation, held := s.Holder()
	if s.Epoch() > 0 && e.last != nil {
		e.Before = &Term{Epoch: s.Epoch(), Holder: holder, Incarnation: incarnation, Last: e.last, TTL: e.ttl, Ending: e.ending}
	}
	for _, m := range s.Members() {
		c := Candidate{Name: m.Name, Seniority: m.Joined, Precedence: m.Precedence, Ready: m.Ready, May: true, Why: "may claim"}
		for _, no := range []struct {
			is   bool
			text string
		}{
			{m.Removed, "removed"}, {m.Died, "its process has ended"}, {m.Quarantined, "quarantined"},
			{held && m.Name == holder && m.Incarnation == incarnation, "holds the epoch before"},
		} {
			if no.is {
				c.May, c.Why = false, no.text
				break
			}
		}
		if c.May && !m.Ready && !e.Copied {
			c.Why = "may claim, but is not ready"
		}
		e.Members = append(e.Members, c)
	}
}

// Gap is how long nobody could act between the two terms, at least and at most, as
// the append times tell.
type Gap struct {
	From  time.Time     `json:"from"` // nobody of the term before acted later
	To    time.Time     `json:"to"`   // the new primary could act
	Took  time.Duration `json:"took"`
	Since string        `json:"since"` // what From is
}

// Gap tells how long nobody acted, from the end of the term before to when the
// epoch was opened.
func (e *Election) Gap(opened time.Time) (Gap, bool) {
	if e.Before == nil || e.Before.Last == nil || opened.IsZero() {
		return Gap{}, false
	}
	g := Gap{To: opened}
	switch b := e.Before; {
	case b.Ending != nil:
		g.From, g.Since = b.Ending.Time, b.Ending.Text
	default:
		g.From, g.Since = b.Last.Time.Add(b.TTL), "the lease of its last record that counts had run out at the latest"
	}
	g.Took = g.To.Sub(g.From)
	return g, true
}

// Holder is who held the term before; it may have been given up.
func (t *Term) String() string {
	return fmt.Sprintf("epoch %d, held by %s", t.Epoch, cmp.Or(t.Holder, "nobody any more"))
}
