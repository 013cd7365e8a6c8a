package audit

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/projections/merkle"
)

// HeldHead is a checkpoint that the auditor holds, and trusts.
type HeldHead struct {
	From string // where it comes from, for people
	Head merkle.Head
}

// trees hold the records against signed checkpoints.
type trees struct {
	keys      []string // that are trusted
	believed  string   // the key of the first checkpoint, where none was given
	log       []*merkle.Watch
	elections *merkle.Watch
	blind     map[Place]*dropped // partitions whose beginning is gone
	missing   map[Place]*dropped // that checkpoints cover, and that are not there
	heads     int64
	newest    int64 // the highest checkpoint in control that was taken
}

// dropped are claims that nothing can be compared with.
type dropped struct {
	claims int64
	first  merkle.Claim
}

func (d *dropped) add(c merkle.Claim) {
	if d.claims == 0 {
		d.first = c
	}
	d.claims++
}

func newTrees(o Options) trees {
	t := trees{keys: slices.Clone(o.Keys), elections: &merkle.Watch{}, blind: make(map[Place]*dropped), missing: make(map[Place]*dropped), newest: -1}
	t.elections.Keep()
	for range o.Partitions {
		t.log = append(t.log, &merkle.Watch{})
	}
	for _, h := range o.Heads {
		t.expect(h.Head, h.From, -1, 0)
	}
	return t
}

// expect takes what a checkpoint says, the n-th in the log or, as the 0th, one from elsewhere.
func (t *trees) expect(h merkle.Head, by string, control, n int64) {
	for _, r := range h.Roots {
		c := merkle.Claim{Root: r, By: by, Control: control, Number: n}
		of := Place{Topic: r.Topic.String(), Partition: r.Partition}
		w := t.watch(r.Topic, r.Partition)
		switch blind := t.blind[of]; {
		case w == nil:
			if t.missing[of] == nil {
				t.missing[of] = &dropped{}
			}
			t.missing[of].add(c)
		case blind != nil:
			blind.add(c)
		default:
			w.Expect(c)
		}
	}
}

// watch is that of a partition; nil if there is no such partition.
func (t *trees) watch(kind domain.TopicKind, partition int32) *merkle.Watch {
	switch {
	case kind == domain.TopicElections && partition == 0:
		return t.elections
	case kind == domain.TopicLog && int(partition) < len(t.log):
		return t.log[partition]
	}
	return nil
}

// begins notes that the first records of a partition are gone: its tree cannot be made,
// so what is claimed of it is not decidable.
func (t *trees) begins(kind domain.TopicKind, partition int32) {
	w := t.watch(kind, partition)
	if w == nil {
		return // no tree is made of this topic
	}
	d := &dropped{}
	for _, c := range w.Ahead() {
		d.add(c)
	}
	t.blind[Place{Topic: kind.String(), Partition: partition}] = d
	*w = merkle.Watch{}
}

// Stored takes the next record of a partition as it stands in the log. It comes before
// the same record, decoded; of one partition like Log.
func (a *Auditor) Stored(kind domain.TopicKind, partition int32, m *domain.Stored) {
	switch kind {
	case domain.TopicLog:
		a.trees.log[partition].Add(m)
	case domain.TopicElections:
		a.trees.elections.Add(m)
	case domain.TopicControl, domain.TopicDeadLetter, domain.TopicProbe:
	}
}

// signed takes a checkpoint that a primary has published.
func (a *Auditor) signed(r *domain.Record) {
	v, ok := r.Payload.(domain.Signed)
	off := r.Position.Offset
	if !ok || !r.Signed || r.Defect != domain.DefectNone || off <= a.trees.newest {
		return
	}
	t, here := &a.trees, []Place{controlAt(off)}
	t.newest = off
	t.heads++
	head, signatures, _, err := merkle.Open(v.Note)
	if err == nil && len(t.keys) == 0 && len(head.Keys) > 0 {
		t.keys, t.believed = []string{head.Keys[0]}, head.Keys[0]
		a.noted(RuleTree, r.Appended, here, "no key was given, so the first one in the log was believed: %s", t.believed)
	}
	trusted := false
	if err == nil {
		_, signatures, trusted, err = merkle.Open(v.Note, t.keys...)
	}
	switch {
	case err != nil:
		a.violated(RuleTree, r.Appended, here, "the signed checkpoint of %s at control offset %d: %v", r.Subject, off, err)
	case head.Landscape != a.options.Landscape && a.options.Landscape != "":
		a.violated(RuleTree, r.Appended, here, "the signed checkpoint at control offset %d is of landscape %s", off, head.Landscape)
	case !trusted:
		a.violated(RuleTree, r.Appended, here, "the checkpoint of %s at control offset %d is signed by other keys than those that are trusted: %v", r.Subject, off, names(signatures))
	default:
		for _, k := range head.Keys { // so a key is changed: the old one vouches for the new one
			if !slices.Contains(t.keys, k) {
				t.keys = append(t.keys, k)
				a.noted(RuleTree, r.Appended, here, "a trusted key names a new one: %s", k)
			}
		}
		t.expect(head, fmt.Sprintf("the checkpoint at control offset %d", off), off, t.heads)
	}
}

func names(signatures []merkle.Signature) []string {
	out := make([]string, 0, len(signatures))
	for _, s := range signatures {
		out = append(out, s.String())
	}
	return out
}

// compareTrees judges the claims.
func (a *Auditor) compareTrees() {
	a.looked(RuleTree, a.trees.heads)
	a.compareTree(a.trees.elections, domain.TopicElections, 0)
	for p, w := range a.trees.log {
		a.compareTree(w, domain.TopicLog, int32(p))
	}
	a.uncompared()
}

// uncompared tells of the claims that nothing could be compared with.
func (a *Auditor) uncompared() {
	for _, of := range sortedPlaces(a.trees.missing) {
		d := a.trees.missing[of]
		a.violated(RuleTree, 0, d.records(of), "%s covers %d records of %s/%d, and there is no such partition", d.first.By, d.first.Size, of.Topic, of.Partition)
	}
	for _, of := range sortedPlaces(a.trees.blind) {
		if d := a.trees.blind[of]; d.claims > 0 {
			a.undecided(RuleTree, 0, d.records(of), "the first records of %s/%d are gone, so its tree cannot be made: %d roots of it were not compared, the first one of %s; verify an export that holds all of it",
				of.Topic, of.Partition, d.claims, d.first.By)
		}
	}
}

// records are the place that was claimed, and where that was said.
func (d *dropped) records(of Place) []Place {
	out := []Place{{of.Topic, of.Partition, max(0, d.first.Next-1)}}
	if d.first.Control >= 0 {
		out = append(out, controlAt(d.first.Control))
	}
	return out
}

func sortedPlaces(of map[Place]*dropped) []Place {
	return slices.SortedFunc(maps.Keys(of), func(a, b Place) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
}

func (a *Auditor) compareTree(w *merkle.Watch, topic domain.TopicKind, p int32) {
	found, checked, unchecked := w.Finish()
	a.looked(RuleTree, checked)
	if unchecked > 0 {
		a.noted(RuleTree, 0, nil, "%d roots of %s/%d came too late to be compared", unchecked, topic, p)
	}
	for _, f := range found {
		records := []Place{at(topic, domain.Position{Partition: p, Offset: f.Same}), at(topic, domain.Position{Partition: p, Offset: f.Next - 1})}
		if f.Control >= 0 {
			records = append(records, controlAt(f.Control))
		}
		a.violated(RuleTree, 0, records, "%s", f.String(topic, p))
	}
}
