package merkle

import (
	"cmp"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/understudy-io/understudy/domain"
)

// Claim is what somebody says the root of a partition to be.
type Claim struct {
	Root
	By      string // who says it, for people
	Control int64  // offset of the record that says it; -1 if it is none of the log
	Number  int64  // of those of the log, counted from 1; 0 if it is none of them
}

// Finding is a claim that is not so.
type Finding struct {
	Claim
	Same int64 // the records before this offset are those of an older claim
	Cut  bool  // the partition ends before what the claim covers
}

// Watch holds the records of one partition against claims.
type Watch struct {
	tree    Tree
	claims  []Claim // that lie ahead, by size
	recent  []moment
	same    int64
	found   []Finding
	checked int64
	passed  int64 // claims that came when their place was forgotten
	before  int64 // of sizes below this one, claims with numbers up to told were judged
	told    int64
}

// moment is the root at a size, for claims that come behind their place.
type moment struct {
	size, next int64
	root       tlog.Hash
}

// maxRecent is how many of them are kept, if any.
const maxRecent = 50_000

// Keep has the watch remember its newest roots: for a topic that speaks of itself.
func (w *Watch) Keep() { w.recent = make([]moment, 0, 64) }

// Expect adds a claim.
func (w *Watch) Expect(c Claim) {
	if w.judged(&c) {
		return
	}
	if c.Size > w.tree.Size {
		i, _ := slices.BinarySearchFunc(w.claims, c.Size+1, func(x Claim, n int64) int { return cmp.Compare(x.Size, n) })
		w.claims = slices.Insert(w.claims, i, c)
		return
	}
	if c.Size == w.tree.Size {
		w.judge(c, w.tree.Root(), w.tree.Next)
		return
	}
	i, ok := slices.BinarySearchFunc(w.recent, c.Size, func(m moment, n int64) int { return cmp.Compare(m.size, n) })
	if !ok {
		w.passed++
		return
	}
	w.judge(c, w.recent[i].root, w.recent[i].next)
}

// Add takes the next record.
func (w *Watch) Add(m *domain.Stored) {
	w.tree.Add(m)
	if w.recent != nil {
		if len(w.recent) == maxRecent {
			w.recent = slices.Delete(w.recent, 0, maxRecent/2)
		}
		w.recent = append(w.recent, moment{w.tree.Size, w.tree.Next, w.tree.Root()})
	}
	for len(w.claims) > 0 && w.claims[0].Size == w.tree.Size {
		c := w.claims[0]
		w.claims = w.claims[1:]
		w.judge(c, w.tree.Root(), w.tree.Next)
	}
}

func (w *Watch) judge(c Claim, root tlog.Hash, next int64) {
	w.checked++
	if c.Hash == root && (c.Next == next || c.Size == 0) {
		w.same = max(w.same, c.Next)
		return
	}
	w.found = append(w.found, Finding{Claim: c, Same: w.same})
}

// Finish judges what lies behind the end, and gives all claims that are not so. Checked
// is how many were compared, unchecked how many came too late for that.
func (w *Watch) Finish() (found []Finding, checked, unchecked int64) {
	for _, c := range w.claims {
		w.checked++
		w.found = append(w.found, Finding{Claim: c, Same: w.same, Cut: true})
	}
	w.claims = nil
	return w.found, w.checked, w.passed
}

// Ahead are the claims that wait for their records.
func (w *Watch) Ahead() []Claim { return w.claims }

// Size is how many records it has seen.
func (w *Watch) Size() int64 { return w.tree.Size }

// String says it in a sentence.
func (f Finding) String(topic domain.TopicKind, partition int32) string {
	if f.Cut {
		return fmt.Sprintf("%s covers %d records of %s/%d, up to offset %d, and there are fewer: its end was cut, or records were removed behind offset %d",
			f.By, f.Size, topic, partition, f.Next-1, f.Same)
	}
	return fmt.Sprintf("the first %d records of %s/%d are not those of %s: something was changed, moved, added or removed between the offsets %d and %d",
		f.Size, topic, partition, f.By, f.Same, f.Next-1)
}
