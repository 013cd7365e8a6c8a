package audit

import (
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

// fence says which records of primaries count, by docs/log-format.md alone: those of
// the highest epoch opened in the partition, each sequence once, without a gap.
type fence struct {
	epoch, sequence uint64
	server          string // that opened the epoch
	incarnation     string
}

// standing is what the fence makes of a record.
type standing uint8

const (
	unfenced  standing = iota // no record of a primary
	counts                    // it counts
	opens                     // it counts, and begins an epoch
	repeated                  // it was here before
	late                      // of an epoch that is over
	wrong                     // its epoch was not opened, or its sequence skips
	defective                 // takes its place in the sequence, and cannot be read
)

func (f *fence) judge(r *domain.Record) standing {
	class := domain.ClassOf(r.Type)
	if !r.Signed || class != domain.ClassPrimary && (class != domain.ClassUnknown || r.Sequence == 0) {
		return unfenced
	}
	mark, isMark := r.Payload.(domain.EpochOpened)
	switch {
	case r.Epoch == 0:
		return wrong
	case r.Epoch < f.epoch:
		return late
	case r.Type == domain.TypeEpochOpened && (!isMark || r.Sequence != 1):
		return wrong
	case isMark && r.Epoch == f.epoch && mark.Incarnation == f.incarnation:
		return repeated
	case isMark && r.Epoch == f.epoch:
		return late
	case isMark:
		*f = fence{epoch: r.Epoch, sequence: 1, server: mark.Server, incarnation: mark.Incarnation}
		return opens
	case r.Epoch > f.epoch || r.Sequence == 0 || r.Sequence > f.sequence+1:
		return wrong
	case r.Sequence <= f.sequence:
		return repeated
	}
	f.sequence = r.Sequence
	if r.Defect != domain.DefectNone {
		return defective
	}
	return counts
}

// agrees says whether the fold has ruled likewise.
func (s standing) agrees(ch *partition.Change) bool {
	fenced := ch.Defect == domain.DefectEpoch || ch.Defect == domain.DefectSequence
	switch s {
	case counts, opens:
		return ch.Verdict == partition.Applied || ch.Verdict == partition.Dead && !fenced
	case repeated:
		return ch.Verdict == partition.Repeated
	case late:
		return ch.Verdict == partition.Fenced
	case wrong, defective:
		return ch.Verdict == partition.Dead
	case unfenced:
	}
	return ch.Verdict != partition.Repeated && ch.Verdict != partition.Fenced
}
