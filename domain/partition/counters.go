package partition

import (
	"slices"
	"strings"

	"github.com/understudy-io/understudy/domain"
)

// Counters count what the fold decided since the first record of the log. They
// are part of the state and of its hash.
type Counters struct {
	Records    uint64
	Accepted   uint64
	Duplicates uint64
	Conflicts  uint64
	Refused    uint64
	Misplaced  uint64
	Applied    uint64
	Repeated   uint64
	Fenced     uint64
	Dead       uint64

	Outcomes   uint64 // commands that ended, refusals not included
	Foreign    uint64 // reported values that nobody asked for through the log
	Evicted    uint64 // UIDs that were forgotten
	ClockJumps uint64 // append times that log time did not follow
	Unanswered uint64 // outcomes and answers that were not owed because too much was owed already
	Unlettered uint64 // dead letters, likewise
	Unkept     uint64 // reported values and actions in doubt that were over a limit

	Reasons Tallies // of the refusals, by domain.Reason
	Defects Tallies // of the dead, by domain.Defect
}

// Tallies are named counters, by name: the state is hashed after many a record,
// and must not sort them each time.
type Tallies []Tally

// Tally is one of them.
type Tally struct {
	Name string `msgpack:"name" json:"name"`
	N    uint64 `msgpack:"n" json:"n"`
}

// Of is the counter of a name; 0 if nothing was counted.
func (t Tallies) Of(name string) uint64 {
	if i, ok := t.search(name); ok {
		return t[i].N
	}
	return 0
}

func (t Tallies) search(name string) (int, bool) {
	return slices.BinarySearchFunc(t, name, func(x Tally, name string) int { return strings.Compare(x.Name, name) })
}

func (t *Tallies) add(name string, n uint64) {
	i, ok := t.search(name)
	if !ok {
		*t = slices.Insert(*t, i, Tally{Name: name})
	}
	(*t)[i].N += n
}

func (t Tallies) clone() Tallies { return append(make(Tallies, 0, len(t)), t...) }

func (t Tallies) appendTo(b []byte) []byte {
	b = count(b, uint64(len(t)))
	for _, x := range t {
		b = count(text(b, x.Name), x.N)
	}
	return b
}

// plain lists the counters that are numbers, in the order in which they are hashed.
func (c *Counters) plain() [17]*uint64 {
	return [17]*uint64{
		&c.Records, &c.Accepted, &c.Duplicates, &c.Conflicts, &c.Refused, &c.Misplaced, &c.Applied,
		&c.Repeated, &c.Fenced, &c.Dead, &c.Outcomes, &c.Foreign, &c.Evicted, &c.ClockJumps,
		&c.Unanswered, &c.Unlettered, &c.Unkept,
	}
}

func (c *Counters) verdict(v Verdict) {
	switch v {
	case Accepted:
		c.Accepted++
	case Duplicate:
		c.Duplicates++
	case Conflict:
		c.Conflicts++
	case Refused:
		c.Refused++
	case Misplaced:
		c.Misplaced++
	case Applied:
		c.Applied++
	case Repeated:
		c.Repeated++
	case Fenced:
		c.Fenced++
	case Dead:
		c.Dead++
	}
}

func (c *Counters) clone() Counters {
	out := *c
	out.Reasons, out.Defects = c.Reasons.clone(), c.Defects.clone()
	return out
}

func (c *Counters) appendTo(b []byte) []byte {
	for _, n := range c.plain() {
		b = count(b, *n)
	}
	return c.Defects.appendTo(c.Reasons.appendTo(b))
}

// known is the defect itself if decoding or the fold may find it; the counters
// must not grow with names that somebody else thought of.
func known(d domain.Defect) domain.Defect {
	switch d {
	case domain.DefectHeaders, domain.DefectUID, domain.DefectSubject, domain.DefectType,
		domain.DefectContentType, domain.DefectPayload, domain.DefectTooLarge, domain.DefectUnsigned,
		domain.DefectWrongTopic, domain.DefectEpoch, domain.DefectSequence, domain.DefectState:
		return d
	}
	return domain.DefectHeaders
}
