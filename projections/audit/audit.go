package audit

import (
	"cmp"
	"container/heap"
	"slices"

	"github.com/understudy-io/understudy/domain"
)

// Options say what is to be judged.
type Options struct {
	Partitions int32 // of the log
	// Original decodes the control record that a copy in elections holds.
	Original func(domain.Copied) domain.Record
	Within   Range
	// Landscape is whose log it is; empty if nobody says.
	Landscape string
	// Keys are the verifier keys that are trusted, Heads the checkpoints that the auditor holds.
	Keys  []string
	Heads []HeldHead
}

// Auditor judges the topics of one landscape. Use New.
type Auditor struct {
	findings
	options   Options
	logs      []*logAudit
	elections *derivation // from the copies
	control   *derivation // from control itself
	copies    copies      // not in order yet
	life      life        // of control, as of the newest copy
	lost      []loss
	folded    int   // the number of the one that is folded
	through   int64 // the highest copy that was folded
	compared  map[int64]uint64
	topics    map[domain.TopicKind]*Topic
	checked   int64 // the highest checkpoint that was taken
	// checkpoints counts those that were taken, and kept those at an interruption.
	checkpoints int64
	kept        kept
	met         findings // of the halves of forwarded commands
	flushed     bool
	trees       trees
	words       []word          // of servers, about revisions
	heard       int64           // the highest of them
	letters     map[int64]int64 // by offset: where a dead letter was decided about, -1 for nowhere
}

// New is an auditor that has seen nothing.
func New(o Options) *Auditor {
	a := &Auditor{
		findings: newFindings(o.Within), met: newFindings(o.Within), options: o, life: life{highest: -1}, through: -1, checked: -1, heard: -1, compared: make(map[int64]uint64),
		letters:   make(map[int64]int64),
		elections: newDerivation(domain.TopicElections, o.Within), control: newDerivation(domain.TopicControl, o.Within),
		topics: make(map[domain.TopicKind]*Topic), trees: newTrees(o),
	}
	a.elections.begins(0)
	for p := range o.Partitions {
		a.logs = append(a.logs, newLogAudit(p, o.Partitions, o.Within))
	}
	return a
}

// Begins says which offset of a partition is the first that is retained. It comes
// before the partition's records.
func (a *Auditor) Begins(kind domain.TopicKind, partition int32, start int64) {
	if start > 0 {
		a.trees.begins(kind, partition)
	}
	switch kind {
	case domain.TopicLog:
		a.logs[partition].begins(start)
		return
	case domain.TopicControl:
		a.control.begins(start)
	case domain.TopicElections:
		if start > 0 {
			a.elections.cut()
			a.undecided(RuleElections, 0, []Place{{kind.String(), partition, start}}, "elections begins at offset %d, so the elections follow from what control holds alone; verify an export without --since", start)
		}
	case domain.TopicDeadLetter, domain.TopicProbe:
	}
	a.topics[kind] = &Topic{Place: Place{kind.String(), partition, start}, Next: start}
	a.looked(RuleRetention, 1)
	if start > 0 {
		a.noted(RuleRetention, 0, []Place{{kind.String(), partition, start}}, "%s begins at offset %d: what stood before was removed", kind, start)
	}
}

func (a *Auditor) saw(kind domain.TopicKind, r *domain.Record) {
	t := a.topics[kind]
	if t == nil {
		t = &Topic{Place: at(kind, domain.Position{})}
		a.topics[kind] = t
	}
	if t.Records == 0 {
		t.First = Moment(r.Appended)
	}
	t.Next, t.Last = r.Position.Offset+1, Moment(r.Appended)
	t.Records++
	a.looked(RuleComplete, 1)
	a.looked(RuleSignatures, 1)
}

// Log judges the next record of a partition of the log.
func (a *Auditor) Log(r *domain.Record) { a.logs[r.Position.Partition].apply(r) }

// Known is how far a partition of the log can be judged with what elections and control
// have told so far.
func (a *Auditor) Known(partition int32) int64 { return a.logs[partition].wanted.known }

// Election takes the next record of the elections topic.
func (a *Auditor) Election(r *domain.Record) {
	a.saw(domain.TopicElections, r)
	copied, ok := r.Payload.(domain.Copied)
	here := at(domain.TopicElections, r.Position)
	if !ok || !r.Signed {
		a.noted(RuleSignatures, r.Appended, []Place{here}, "%s of %q in elections is no copy by a server: %s", r.Type, r.Source, r.Defect)
		return
	}
	of := a.options.Original(copied)
	if !of.Signed {
		a.violated(RuleSignatures, r.Appended, []Place{here, controlAt(copied.Control)}, "what the copy holds of control offset %d has no valid MAC", copied.Control)
		return
	}
	a.push(of)
	if len(a.copies) > maxReordered {
		a.release()
	}
}

// push puts a copy in order. Where control was lost and made anew, its offsets begin
// again: what is newer than all before, at an offset that has been, is of another one.
func (a *Auditor) push(r domain.Record) {
	off := r.Position.Offset
	switch l := &a.life; {
	case r.Appended < l.first:
		return // of a control that is gone, copied once more
	case r.Appended > l.last && off <= l.highest && a.compared[off] != fingerprint(&r):
		a.lost = append(a.lost, loss{after: l.last, before: r.Appended})
		*l = life{number: l.number + 1, first: r.Appended, last: r.Appended, highest: off}
	default:
		l.last, l.highest = max(l.last, r.Appended), max(l.highest, off)
	}
	heap.Push(&a.copies, original{r, a.life.number})
}

// life is one control topic, from its making to its loss.
type life struct {
	number      int
	first, last domain.Instant
	highest     int64
}

// loss is the time between the newest record of a control that was lost that was copied,
// and the oldest of the next one: what control had of it nobody has.
type loss struct{ after, before domain.Instant }

// begin goes over to a control that was made anew.
func (a *Auditor) begin(number int, first *domain.Record) {
	a.folded, a.through, a.checked, a.heard, a.trees.newest = number, -1, -1, -1, -1
	clear(a.compared)
	a.elections.end("control was lost", first.Appended)
	a.elections.begins(0)
	a.noted(RuleRetention, first.Appended, []Place{controlAt(first.Position.Offset)}, "control was lost and made anew: its offsets begin again")
}

// remade goes over to a control that was made anew and that no copy is of yet: what it
// begins with is newer than all copies, at an offset that one of them has.
func (a *Auditor) remade(r *domain.Record) {
	off, l := r.Position.Offset, &a.life
	if t := a.topics[domain.TopicControl]; t != nil && t.Records > 0 || off > l.highest || r.Appended <= l.last {
		return
	}
	if f, copied := a.compared[off]; copied && f == fingerprint(r) || !copied && off > 0 {
		return
	}
	a.lost = append(a.lost, loss{after: l.last, before: r.Appended})
	*l = life{number: l.number + 1, first: r.Appended, last: r.Appended, highest: -1}
	a.begin(l.number, r)
}

// release folds the first of the copies. After a takeover some stand there twice.
func (a *Auditor) release() {
	o := heap.Pop(&a.copies).(original)
	if o.life != a.folded {
		a.begin(o.life, &o.Record)
	}
	r := o.Record
	off := r.Position.Offset
	if off <= a.through {
		if f, ok := a.compared[off]; ok && f != fingerprint(&r) {
			a.violated(RuleElections, r.Appended, []Place{controlAt(off)}, "there are two different copies of control offset %d", off)
		}
		return
	}
	a.through = off
	if len(a.compared) < maxCompared {
		a.compared[off] = fingerprint(&r)
	}
	a.elections.apply(r)
	a.checkpoint(&r)
	a.acknowledged(&r)
	a.signed(&r)
}

// Control takes the next record of the control topic. It comes behind all of elections.
func (a *Auditor) Control(r *domain.Record) {
	a.flush()
	a.remade(r)
	a.saw(domain.TopicControl, r)
	off := r.Position.Offset
	if f, ok := a.compared[off]; ok {
		delete(a.compared, off)
		if f != fingerprint(r) {
			a.violated(RuleElections, r.Appended, []Place{controlAt(off)}, "the record at control offset %d is not the one that was copied to elections", off)
		}
	}
	if r.Defect != domain.DefectNone {
		a.noted(RuleSignatures, r.Appended, []Place{controlAt(off)}, "%s of %q in control counts for nobody: %s", r.Type, r.Source, r.Defect)
	}
	a.control.apply(*r)
	a.checkpoint(r)
	a.acknowledged(r)
	a.signed(r)
}

func (a *Auditor) flush() {
	if a.flushed {
		return
	}
	a.flushed = true
	for len(a.copies) > 0 {
		a.release()
	}
}

// checkpoint has the state hashes compared that a primary has published.
func (a *Auditor) checkpoint(r *domain.Record) {
	v, ok := r.Payload.(domain.Checkpoint)
	if !ok || !r.Signed || r.Defect != domain.DefectNone || r.Position.Offset <= a.checked {
		return
	}
	a.checked = r.Position.Offset
	a.checkpoints++
	for _, h := range v.Hashes {
		if p := h.Position.Partition; p >= 0 && int(p) < len(a.logs) {
			a.logs[p].want(want{h.Position.Offset, h.Hash, r.Position.Offset, r.Subject, r.Appended}, a.checkpoints)
		}
	}
}

// Finish judges what is left at the end of all topics, and gives the report.
func (a *Auditor) Finish() *Report {
	a.flush()
	a.Meet()
	a.partings()
	a.compareTrees()
	a.lostCopies()
	terms := a.mergeTerms()
	terms = a.marks(terms)
	report := &Report{Range: a.options.Within, Commands: Commands{Outcomes: make(map[domain.Outcome]int64), RefusedFor: make(map[domain.Reason]int64)}}
	for _, kind := range []domain.TopicKind{domain.TopicControl, domain.TopicElections} {
		if t := a.topics[kind]; t != nil {
			report.Topics = append(report.Topics, *t)
		}
	}
	for _, l := range a.logs {
		l.finish()
		a.take(&l.findings)
		report.add(l)
	}
	a.revisions()
	a.take(&a.met)
	a.take(&a.elections.findings)
	a.take(&a.control.findings)
	report.Verdicts, report.Terms = a.verdicts(), terms
	return report
}

func (r *Report) add(l *logAudit) {
	r.Topics = append(r.Topics, l.topic)
	c, from := &r.Commands, &l.commands
	c.Accepted += from.Accepted
	c.Refused += from.Refused
	c.Repeats += from.Repeats
	c.Conflicts += from.Conflicts
	c.Waiting += from.Waiting
	for k, n := range from.Outcomes {
		c.Outcomes[k] += n
	}
	for k, n := range from.RefusedFor {
		c.RefusedFor[k] += n
	}
	r.Latency.merge(&l.latency)
	r.Doubts = append(r.Doubts, l.doubts...)
	r.Refused = append(r.Refused, l.refused...)
	slices.SortStableFunc(r.Doubts, func(a, b Doubt) int { return cmp.Compare(a.Since, b.Since) })
	slices.SortStableFunc(r.Refused, func(a, b Refusal) int { return cmp.Compare(a.At, b.At) })
	r.Doubts, r.Refused = r.Doubts[:min(len(r.Doubts), maxListed)], r.Refused[:min(len(r.Refused), maxListed)]
}

// original is a control record that was copied.
type original struct {
	domain.Record
	life int
}

// copies are control records by their offset, of one control after the other.
type copies []original

func (c copies) Len() int { return len(c) }
func (c copies) Less(i, j int) bool {
	return c[i].life < c[j].life || c[i].life == c[j].life && c[i].Position.Offset < c[j].Position.Offset
}
func (c copies) Swap(i, j int) { c[i], c[j] = c[j], c[i] }
func (c *copies) Push(x any)   { *c = append(*c, x.(original)) }
func (c *copies) Pop() any {
	n := len(*c) - 1
	x := (*c)[n]
	*c = (*c)[:n]
	return x
}
