package partition

import (
	"slices"
	"strings"

	"github.com/understudy-io/understudy/domain"
)

// maxRevisions bounds how many revisions are remembered: with the oldest one goes
// what is known of it, while its records stay in the log.
const maxRevisions = 256

// Revision is a revision of the landscape's configuration. What it holds stands in
// the log, in parts.
type Revision struct {
	Number    uint64         `msgpack:"number" json:"number"`
	Parent    uint64         `msgpack:"parent" json:"parent"`
	Hash      string         `msgpack:"hash" json:"hash"`
	Size      int64          `msgpack:"size" json:"size"`
	Parts     []int64        `msgpack:"parts" json:"parts"` // offsets
	Author    string         `msgpack:"author" json:"author"`
	Comment   string         `msgpack:"comment" json:"comment"`
	Server    string         `msgpack:"server" json:"server"`
	TakeOver  string         `msgpack:"take_over" json:"take_over"`
	Keeper    string         `msgpack:"keeper" json:"keeper"`
	At        int64          `msgpack:"at" json:"at"` // offset of the record that published it
	Published domain.Instant `msgpack:"published" json:"published"`

	Activated   domain.Instant `msgpack:"activated" json:"activated"` // zero: never
	ActivatedAt int64          `msgpack:"activated_at" json:"activated_at"`
	ActivatedBy string         `msgpack:"activated_by" json:"activated_by"`
	ActivatedIn uint64         `msgpack:"activated_in" json:"activated_in"` // epoch
}

// revision is one, as an item of the state's hash.
type revision struct {
	Revision
	item
}

// revisions are those of the landscape. Only one partition has any; applied is
// how far each has come.
type revisions struct {
	list    []*revision // by number
	latest  uint64
	active  uint64
	applied uint64
}

// Revisions lists those that are remembered, the oldest first.
func (s *State) Revisions() []Revision {
	out := make([]Revision, len(s.revisions.list))
	for i, r := range s.revisions.list {
		out[i] = r.Revision
	}
	return out
}

// Revision finds one.
func (s *State) Revision(number uint64) (Revision, bool) {
	if r := s.revisions.find(number); r != nil {
		return r.Revision, true
	}
	return Revision{}, false
}

// LatestRevision is the newest one's number; 0 for none.
func (s *State) LatestRevision() uint64 { return s.revisions.latest }

// ActiveRevision is the number of the one that the landscape is to have; 0 for
// none: then the servers' own files say what devices there are.
func (s *State) ActiveRevision() uint64 { return s.revisions.active }

// AppliedRevision is the one that the devices of this partition have.
func (s *State) AppliedRevision() uint64 { return s.revisions.applied }

func (v *revisions) find(number uint64) *revision {
	i, ok := slices.BinarySearchFunc(v.list, number, func(r *revision, n uint64) int {
		switch {
		case r.Number < n:
			return -1
		case r.Number > n:
			return 1
		}
		return 0
	})
	if !ok {
		return nil
	}
	return v.list[i]
}

// keeper is who has to be primary while the configuration changes.
func (v *revisions) keeper() string {
	if r := v.find(v.active); r != nil {
		return r.Keeper
	}
	return ""
}

// revise decides about a change of the configuration. Anything that asks for it is
// either counted or refused; nothing is owed for it.
func (s *State) revise(r *domain.Record, ch *Change) {
	ch.Counted = r.Payload
	switch v := r.Payload.(type) {
	case domain.RevisionPart:
		ch.Verdict, ch.Counted = Applied, nil
	case domain.Published:
		s.publish(r, ch, &v)
	case domain.Activated:
		s.activate(r, ch, &v)
	}
	if ch.Verdict == Refused {
		ch.Counted = nil
		s.counters.Reasons.add(string(ch.Reason), 1)
	}
}

func (s *State) publish(r *domain.Record, ch *Change, v *domain.Published) {
	if s.partition != domain.PartitionOfRevisions || !plausible(r, v) {
		s.drop(r, ch, Dead, domain.DefectPayload)
		return
	}
	have := &s.revisions
	if v.Parent != have.latest || v.Revision != have.latest+1 {
		ch.Verdict, ch.Reason = Refused, domain.ReasonStaleRevision
		return
	}
	if ch.Reason = s.barred(v.Epoch, v.Primary, v.Override); ch.Reason != "" {
		ch.Verdict = Refused
		return
	}
	if len(have.list) >= maxRevisions {
		s.forgetRevision()
	}
	next := &revision{Revision: Revision{
		Number: v.Revision, Parent: v.Parent, Hash: strings.Clone(v.Hash), Size: v.Size, Parts: slices.Clone(v.Parts),
		Author: strings.Clone(r.User), Comment: strings.Clone(v.Comment), Server: strings.Clone(v.Server),
		TakeOver: strings.Clone(v.TakeOver), Keeper: strings.Clone(v.Keeper), At: r.Position.Offset, Published: s.logTime,
	}}
	have.list = append(have.list, next)
	have.latest = v.Revision
	s.recount(next)
	if v.Activate {
		s.goOver(r, next, v.Epoch)
	}
	ch.Verdict, ch.RevisionsChanged = Applied, true
}

// plausible says that a revision can be as it is said to be.
func plausible(r *domain.Record, v *domain.Published) bool {
	if len(v.Hash) != 64 || len(v.Parts) == 0 || len(v.Parts) > domain.MaxRevisionParts || v.Size < 0 || v.Size > domain.MaxRevision ||
		len(v.Comment) > domain.MaxText || len(v.TakeOver) > domain.MaxSubject || len(v.Keeper) > domain.MaxSubject || len(v.Server) > domain.MaxSubject {
		return false
	}
	if v.TakeOver != "" && !v.Activate {
		return false
	}
	return !slices.ContainsFunc(v.Parts, func(at int64) bool { return at < 0 || at >= r.Position.Offset })
}

func (s *State) activate(r *domain.Record, ch *Change, v *domain.Activated) {
	if s.partition != domain.PartitionOfRevisions || len(v.Comment) > domain.MaxText {
		s.drop(r, ch, Dead, domain.DefectPayload)
		return
	}
	next := s.revisions.find(v.Revision)
	switch {
	case next == nil:
		ch.Verdict, ch.Reason = Refused, domain.ReasonUnknownRevision
		return
	case v.Revision <= s.revisions.active:
		ch.Verdict, ch.Reason = Refused, domain.ReasonStaleRevision
		return
	}
	if ch.Reason = s.barred(v.Epoch, v.Primary, v.Override); ch.Reason != "" {
		ch.Verdict = Refused
		return
	}
	s.goOver(r, next, v.Epoch)
	ch.Verdict, ch.RevisionsChanged = Applied, true
}

// barred says why the configuration must not change now; empty if it may.
func (s *State) barred(epoch uint64, primary string, override bool) domain.Reason {
	keeper := s.revisions.keeper()
	switch {
	case epoch != s.epoch:
		return domain.ReasonEpochMoved // who was primary when this was asked for may not be so now
	case keeper != "" && keeper != primary && !override:
		return domain.ReasonConfigLocked
	}
	return ""
}

func (s *State) goOver(r *domain.Record, to *revision, epoch uint64) {
	s.revisions.active = to.Number
	to.Activated, to.ActivatedAt, to.ActivatedIn = s.logTime, r.Position.Offset, epoch
	to.ActivatedBy = strings.Clone(r.User)
	s.recount(to)
}

// forgetRevision makes room: the oldest goes that is not the active one.
func (s *State) forgetRevision() {
	list := &s.revisions.list
	i := 0
	if (*list)[0].Number == s.revisions.active {
		i = 1
	}
	s.uncount(&(*list)[i].item)
	*list = slices.Delete(*list, i, i+1)
}

// revisionApplied notes how far this partition has come.
func (s *State) revisionApplied(r *domain.Record, ch *Change, v domain.RevisionApplied) {
	if v.Revision <= s.revisions.applied {
		s.impossible(r, ch)
		return
	}
	s.revisions.applied = v.Revision
	ch.Verdict, ch.RevisionsChanged = Applied, true
}

func (r *revision) form(b []byte) []byte {
	b = count(count(append(b, kindRevision), r.Number), r.Parent)
	b = number(text(b, r.Hash), r.Size)
	b = count(b, uint64(len(r.Parts)))
	for _, at := range r.Parts {
		b = number(b, at)
	}
	for _, t := range [...]string{r.Author, r.Comment, r.Server, r.TakeOver, r.Keeper, r.ActivatedBy} {
		b = text(b, t)
	}
	b = number(number(b, r.At), int64(r.Published))
	return count(number(number(b, int64(r.Activated)), r.ActivatedAt), r.ActivatedIn)
}

// appendTo is the part of the head's form that is about revisions: nothing where
// there were never any, so that older states keep their hashes.
func (v *revisions) appendTo(b []byte) []byte {
	if v.latest == 0 && v.applied == 0 {
		return b
	}
	return count(count(count(count(b, uint64(len(v.list))), v.latest), v.active), v.applied)
}

// ExportedRevisions are the revisions as plain values; nil where there are none.
type ExportedRevisions struct {
	List    []Revision `msgpack:"list" json:"list"`
	Latest  uint64     `msgpack:"latest" json:"latest"`
	Active  uint64     `msgpack:"active" json:"active"`
	Applied uint64     `msgpack:"applied" json:"applied"`
}

func (s *State) exportRevisions() *ExportedRevisions {
	v := &s.revisions
	if v.latest == 0 && v.applied == 0 {
		return nil
	}
	x := &ExportedRevisions{List: make([]Revision, len(v.list)), Latest: v.latest, Active: v.active, Applied: v.applied}
	for i, r := range v.list {
		x.List[i] = r.Revision
		x.List[i].Parts = slices.Clone(r.Parts)
	}
	return x
}

func (s *State) restoreRevisions(x *ExportedRevisions) error {
	if x == nil {
		return nil
	}
	v := &s.revisions
	v.latest, v.active, v.applied = x.Latest, x.Active, x.Applied
	last := uint64(0)
	for i := range x.List {
		r := &revision{Revision: x.List[i]}
		if r.Number <= last || r.Number > x.Latest {
			return corrupt("revision %d stands behind revision %d, and the newest is %d", r.Number, last, x.Latest)
		}
		last = r.Number
		v.list = append(v.list, r)
		s.recount(r)
	}
	return nil
}
