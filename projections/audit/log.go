package audit

import (
	"fmt"
	"strings"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

// logAudit judges one partition of the log.
type logAudit struct {
	findings
	number, partitions int32

	topic      Topic
	read       bool // a record was seen
	state      *partition.State
	blind      bool // retention has taken the beginning: nothing can be folded
	fence      fence
	fates      fates
	wanted     wanted
	gaps       []gap // that no later state hash has explained
	gapsMore   int64 // gaps that were too many to keep
	marks      []mark
	configured map[string]change // by device: how it was configured last
	forwards   halves
	commands   Commands
	latency    Histogram
	doubts     []Doubt
	refused    []Refusal
	lastFact   domain.Instant // log time of the last record of a primary that counts
	openedAt   domain.Instant // log time of the newest mark
	primary    string         // ce_source of who has opened the epoch

	unsigned, signed int64 // records of servers' types, without and with a valid MAC

	missed                                        int64 // state hashes that came behind their place
	seen, facts, outcomes, shots, starts, reports int64 // looked at
}

// mark is an epoch as it was opened in a partition.
type mark struct {
	epoch               uint64
	server, incarnation string
	position            domain.Position
	appended            domain.Instant
}

// change is a device.configured.
type change struct {
	at       int64 // offset
	epoch    uint64
	appended domain.Instant
}

const (
	// clocksApart is how far the clocks of brokers may differ that lead a partition one after the other.
	clocksApart = time.Minute
	// manyUnsigned, and a tenth of the others, is more than somebody's mistake.
	manyUnsigned = 50
)

// gap is a run of offsets that hold no record.
type gap struct {
	from, to int64 // to is the first that holds one
	at       domain.Instant
}

func newLogAudit(number, partitions int32, within Range) *logAudit {
	return &logAudit{
		findings: newFindings(within), number: number, partitions: partitions,
		topic: Topic{Place: Place{Topic: domain.TopicLog.String(), Partition: number}},
		state: partition.New(number, partitions, partition.DefaultLimits()), fates: newFates(),
		wanted: newWanted(), forwards: newHalves(), configured: make(map[string]change),
		commands: Commands{Outcomes: make(map[domain.Outcome]int64), RefusedFor: make(map[domain.Reason]int64)},
	}
}

// begins says where the partition begins. Behind the first offset nothing can be
// folded, since what was before is a part of the state.
func (l *logAudit) begins(start int64) {
	l.topic.Offset, l.topic.Next = start, start
	if start == 0 {
		l.compare()
		return
	}
	l.blind = true
	l.noted(RuleRetention, 0, []Place{{l.topic.Topic, l.number, start}}, "log partition %d begins at offset %d: what stood before was removed", l.number, start)
	for _, r := range []Rule{RuleState, RuleOutcomes, RuleOneEffect, RuleOneShot, RuleOrder, RuleForwards, RuleForeign} {
		l.undecided(r, 0, nil, "log partition %d begins at offset %d; verify an export that holds what came before, or the log of a backup", l.number, start)
	}
}

// apply judges the next record.
func (l *logAudit) apply(r *domain.Record) {
	off := r.Position.Offset
	if l.read && off < l.topic.Next {
		l.violated(RuleComplete, r.Appended, []Place{logAt(r.Position)}, "offset %d of log partition %d comes behind offset %d", off, l.number, l.topic.Next-1)
		return
	}
	if off > l.topic.Next {
		l.gap(gap{l.topic.Next, off, r.Appended})
	}
	l.progress(r)
	was := l.fence
	s := l.fence.judge(r)
	l.signature(r)
	if l.blind {
		l.ofPrimary(r, s, &was)
		return
	}
	ch := l.state.Apply(*r)
	if !s.agrees(&ch) {
		l.violated(RuleFence, r.Appended, []Place{logAt(r.Position)}, "the fold says %s %s of %s in epoch %d, sequence %d, behind epoch %d, sequence %d: by the plain rules that is wrong",
			ch.Verdict, ch.Defect, r.Type, r.Epoch, r.Sequence, was.epoch, was.sequence)
	}
	l.ofPrimary(r, s, &was)
	switch s {
	case counts, opens:
		l.fact(r, &ch)
	case unfenced:
		l.command(r, &ch)
	case repeated, late, wrong, defective:
	}
	l.compare()
}

func (l *logAudit) progress(r *domain.Record) {
	if back := domain.Instant(l.topic.Last).Sub(r.Appended); back > clocksApart {
		l.undecided(RuleComplete, r.Appended, []Place{logAt(r.Position)},
			"append times jump back by %v: the broker's clock was set then, or another log was joined to this one", back)
	}
	if !l.read {
		l.read, l.topic.First = true, Moment(r.Appended)
	}
	l.topic.Next, l.topic.Last = r.Position.Offset+1, Moment(r.Appended)
	l.topic.Records++
	l.seen++
}

func (l *logAudit) signature(r *domain.Record) {
	if r.Signed {
		l.signed++
	}
	switch {
	case r.Defect == domain.DefectUnsigned:
		l.unsigned++
		l.noted(RuleSignatures, r.Appended, []Place{logAt(r.Position)}, "%s of %q has no valid MAC and counts for nobody", r.Type, r.Source)
	case r.Defect != domain.DefectNone:
		l.noted(RuleComplete, r.Appended, []Place{logAt(r.Position)}, "%s of %q could not be understood: %s", r.Type, r.Source, r.Defect)
	}
}

// ofPrimary judges who has written a record of a primary.
func (l *logAudit) ofPrimary(r *domain.Record, s standing, was *fence) {
	if s == unfenced {
		return
	}
	l.facts++
	here := func() []Place { return []Place{logAt(r.Position)} }
	switch s {
	case opens:
		l.openedAt, l.primary = l.now(r), domain.ServerSource(l.fence.server)
		l.marks = append(l.marks, mark{r.Epoch, strings.Clone(l.fence.server), strings.Clone(l.fence.incarnation), r.Position, r.Appended})
		l.looked(RuleEpochs, 1)
		if r.Epoch <= was.epoch {
			l.violated(RuleEpochs, r.Appended, here(), "epoch %d is opened behind epoch %d", r.Epoch, was.epoch)
		}
	case late:
		l.noted(RuleFence, r.Appended, here(), "%s of %q in epoch %d came behind epoch %d and counts for nobody", r.Type, r.Source, r.Epoch, was.epoch)
		l.fencedFate(r)
	case wrong:
		if r.Type == domain.TypeEpochOpened || !l.blind || was.epoch > 0 {
			l.violated(RuleComplete, r.Appended, here(), "%s of %q has epoch %d, sequence %d, where epoch %d, sequence %d comes next: something is missing",
				r.Type, r.Source, r.Epoch, r.Sequence, was.epoch, was.sequence+1)
		}
	case unfenced, counts, repeated, defective:
	}
	if (s == counts || s == opens) && r.Source != l.primary {
		l.violated(RuleOneActor, r.Appended, here(), "%s in epoch %d, which %s has opened, is by %q", r.Type, r.Epoch, l.fence.server, r.Source)
	}
	if s == counts || s == opens {
		l.lastFact = l.now(r)
	}
}

// now is log time.
func (l *logAudit) now(r *domain.Record) domain.Instant {
	if l.blind {
		return r.Appended
	}
	return l.state.LogTime()
}

// gap notes offsets that hold no record. A producer's transactions leave such gaps,
// and so does whoever removes a record: only a later state hash can tell.
func (l *logAudit) gap(g gap) {
	if len(l.gaps) < maxListed {
		l.gaps = append(l.gaps, g)
		return
	}
	l.gapsMore++
}

// compare holds the state against the checkpoints at this place.
func (l *logAudit) compare() {
	due, next := l.wanted.at(l.state.Next()), l.state.Next()
	for _, w := range l.wanted.passed(next) {
		l.violated(RuleComplete, w.appended, []Place{controlAt(w.control), logAt(domain.Position{Partition: l.number, Offset: w.next - 1})},
			"%s has folded a record at %d:%d, and none stands there", w.server, l.number, w.next-1)
	}
	if len(due) == 0 {
		return
	}
	own := l.state.Hash()
	for _, w := range due {
		l.looked(RuleState, 1)
		if own == w.hash {
			l.gaps, l.gapsMore = l.gaps[:0], 0 // nothing that counts was missing
			continue
		}
		l.violated(RuleState, w.appended, []Place{controlAt(w.control), logAt(domain.Position{Partition: l.number, Offset: next - 1})},
			"%s had state %s at %d:%d, the log gives %s", w.server, w.hash, l.number, next, own)
	}
}

// finish judges what is left at the end.
func (l *logAudit) finish() {
	for _, w := range l.wanted.rest() {
		l.violated(RuleComplete, w.appended, []Place{controlAt(w.control)}, "%s has folded log partition %d up to offset %d, and it ends at %d: its end was cut", w.server, l.number, w.next-1, l.topic.Next)
	}
	if l.wanted.dropped > 0 {
		l.undecided(RuleState, 0, nil, "%d state hashes of log partition %d were too many to be held", l.wanted.dropped, l.number)
	}
	for _, g := range l.gaps {
		l.undecided(RuleComplete, g.at, []Place{logAt(domain.Position{Partition: l.number, Offset: g.to})},
			"log partition %d has no records at the offsets %d to %d, and no state hash behind them: a producer's transaction leaves such gaps, and so does a removal", l.number, g.from, g.to-1)
	}
	if l.missed > 0 {
		l.noted(RuleState, 0, nil, "%d state hashes of log partition %d came behind their place and were not compared", l.missed, l.number)
	}
	if l.unsigned >= manyUnsigned && l.unsigned > l.signed/10 {
		l.undecided(RuleSignatures, 0, nil, "in log partition %d %d records of servers' types have no valid MAC, and %d have one: verify with all keys that the landscape ever had; else another log was joined to this one, or somebody writes here who must not",
			l.number, l.unsigned, l.signed)
	}
	l.unfinished()
	l.looked(RuleComplete, l.seen)
	l.looked(RuleSignatures, l.seen)
	l.looked(RuleFence, l.facts)
	l.looked(RuleOneActor, l.facts)
	l.looked(RuleOneEffect, l.outcomes)
	l.looked(RuleOutcomes, l.commands.Accepted+l.commands.Refused)
	l.looked(RuleOneShot, l.shots)
	l.looked(RuleOrder, l.starts)
	l.looked(RuleForeign, l.reports)
	l.looked(RuleRetention, 1)
	if !l.blind {
		h := l.state.Hash()
		l.topic.Hash = &h
	}
}

// unfinished judges the commands that wait at the end.
func (l *logAudit) unfinished() {
	if l.blind {
		return
	}
	l.commands.Waiting = int64(len(l.fates.open))
	for _, w := range l.fates.open {
		here := []Place{logAt(domain.Position{Partition: l.number, Offset: w.at})}
		if late := l.lastFact.Sub(max(w.due, l.openedAt)); late > overdue {
			l.violated(RuleOutcomes, w.appended, here, "%s of %s has no outcome, though its time was up, and a primary has written %v after that", w.uid, w.device, late)
		} else {
			l.noted(RuleOutcomes, w.appended, here, "%s of %s has no outcome yet", w.uid, w.device)
		}
	}
	for off, a := range l.fates.repeats {
		if late := l.lastFact.Sub(max(a.appended, l.openedAt)); a.original >= 0 && late > overdue {
			if _, open := l.fates.open[a.name]; !open {
				l.violated(RuleOneEffect, a.appended, []Place{logAt(domain.Position{Partition: l.number, Offset: off})}, "the repeat at %d:%d has no answer", l.number, off)
			}
		}
	}
	if l.fates.dropped > 0 {
		l.undecided(RuleOutcomes, 0, nil, "%d commands of log partition %d were too many to be followed", l.fates.dropped, l.number)
	}
}

func place(p domain.Position) string { return fmt.Sprintf("%d:%d", p.Partition, p.Offset) }

// want takes a state hash that is to be compared at its place: one of the n-th checkpoint.
func (l *logAudit) want(w want, n int64) {
	switch {
	case l.blind:
	case w.next <= l.wanted.behind && n <= l.wanted.told: // it was, before an interruption
		l.wanted.last, l.wanted.known = w, max(l.wanted.known, w.next)
	case w.next < l.state.Next():
		if w.next != l.wanted.last.next {
			l.missed++
		}
	default:
		if l.wanted.add(w); w.next == l.state.Next() {
			l.compare()
		}
	}
}
