package audit

import (
	"fmt"
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
	blind     map[Place]bool // partitions whose beginning is gone
	heads     int64
	newest    int64 // the highest checkpoint in control that was taken
}

func newTrees(o Options) trees {
	t := trees{keys: slices.Clone(o.Keys), elections: &merkle.Watch{}, blind: make(map[Place]bool), newest: -1}
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
		switch {
		case t.blind[Place{Topic: r.Topic.String(), Partition: r.Partition}]:
		case r.Topic == domain.TopicElections:
			t.elections.Expect(c)
		case int(r.Partition) < len(t.log):
			t.log[r.Partition].Expect(c)
		}
	}
}

// begins notes that the first records of a partition are gone: its tree cannot be made.
func (t *trees) begins(kind domain.TopicKind, partition int32) {
	t.blind[Place{Topic: kind.String(), Partition: partition}] = true
	switch kind {
	case domain.TopicLog:
		t.log[partition] = &merkle.Watch{}
	case domain.TopicElections:
		t.elections = &merkle.Watch{}
	case domain.TopicControl, domain.TopicDeadLetter, domain.TopicProbe:
	}
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
