package letters

import (
	"time"

	"github.com/understudy-io/understudy/domain"
)

// Max bounds the letters that are remembered; the newest are.
const Max = 100_000

// Letter is a record that could not be understood, and what was decided about it.
type Letter struct {
	Offset   int64             `json:"offset"` // in the dead-letter topic: its number
	Buried   time.Time         `json:"buried"` // when it came there
	Letter   domain.DeadLetter `json:"letter"`
	Decision *Decision         `json:"decision,omitempty"` // nil: it is open
}

// Decision is an operator's.
type Decision struct {
	As     domain.LetterVerdict `json:"as"`
	By     string               `json:"by"`
	Reason string               `json:"reason"`
	Offset int64                `json:"offset"`
	Time   time.Time            `json:"time"`
}

// Letters are the dead letters of a landscape, or one of them.
type Letters struct {
	Forgotten int64 // letters that were too many to be remembered

	only int64     // the letter that is kept; -1 for all
	list []*Letter // by offset
	at   map[int64]*Letter
}

// New begins with none, and keeps all without the values of their records.
func New() *Letters { return Only(-1) }

// Only keeps the letter at an offset, with the value of its record, and no other one.
func Only(offset int64) *Letters { return &Letters{only: offset, at: make(map[int64]*Letter)} }

// Apply folds the next record of the dead-letter topic. What no server has signed, and a
// decision about a letter that is decided or that is not there or not kept, changes nothing.
func (l *Letters) Apply(r *domain.Record) (counts bool) {
	if !r.Signed {
		return false
	}
	switch p := r.Payload.(type) {
	case domain.DeadLetter:
		if l.only >= 0 && l.only != r.Position.Offset {
			return false
		}
		l.add(&Letter{Offset: r.Position.Offset, Buried: r.Appended.Time(), Letter: p})
		return true
	case domain.LetterDecided:
		letter := l.at[p.Letter]
		if letter == nil || letter.Decision != nil || r.User == "" || p.As != domain.Requeued && p.As != domain.Discarded {
			return false
		}
		letter.Decision = &Decision{As: p.As, By: r.User, Reason: p.Reason, Offset: r.Position.Offset, Time: r.Appended.Time()}
		return true
	}
	return false
}

func (l *Letters) add(letter *Letter) {
	if l.only < 0 {
		letter.Letter.Value = nil
	}
	if len(l.list) == Max {
		delete(l.at, l.list[0].Offset)
		l.list = l.list[1:]
		l.Forgotten++
	}
	l.list = append(l.list, letter)
	l.at[letter.Offset] = letter
}

// All are the letters in the order of the topic. They are read, not changed.
func (l *Letters) All() []*Letter { return l.list }

// Find gives the letter at an offset; nil for none.
func (l *Letters) Find(offset int64) *Letter { return l.at[offset] }
