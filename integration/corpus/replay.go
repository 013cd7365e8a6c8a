package corpus

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
	"github.com/understudy-io/understudy/domain/partition"
)

// Replay folds a corpus from its first record, and checks on the way all that
// the log itself says about its fold.
func Replay(c *Corpus) (Expected, error) {
	r := &replay{codec: codec.New(c.Expected.Landscape, c.Keys), hashes: make(map[domain.Position]domain.Hash)}
	r.out = Expected{Landscape: c.Expected.Landscape, WrittenBy: c.Expected.WrittenBy, Note: c.Expected.Note}
	r.out.Totals = Totals{Outcomes: make(map[domain.Outcome]uint64), Types: make(map[domain.Type]uint64)}
	for p, messages := range c.Topics[domain.TopicLog] {
		r.foldLog(int32(p), int32(len(c.Topics[domain.TopicLog])), messages)
	}
	terms := r.foldControl(c.Topics[domain.TopicControl][0])
	r.compareElections(c.Topics[domain.TopicElections][0], terms)
	return r.out, errors.Join(r.faults...)
}

type replay struct {
	codec  *codec.Codec
	hashes map[domain.Position]domain.Hash // of each partition before the record at the position
	out    Expected
	faults []error
}

func (r *replay) fault(format string, args ...any) {
	r.faults = append(r.faults, fmt.Errorf(format, args...))
}

func (r *replay) foldLog(p, partitions int32, messages []domain.Stored) {
	s := partition.New(p, partitions, partition.DefaultLimits())
	t := &r.out.Totals
	for _, m := range messages {
		rec := r.codec.Decode(domain.TopicLog, p, m)
		t.Types[rec.Type]++
		if ch := s.Apply(rec); ch.Verdict == partition.Applied {
			if end, ok := rec.Payload.(domain.Ended); ok {
				t.Outcomes[end.Outcome]++
			}
		}
		r.hashes[domain.Position{Partition: p, Offset: s.Next()}] = s.Hash()
	}
	n := s.Counters()
	t.Records += n.Records
	t.Accepted += n.Accepted
	t.Refused += n.Refused
	t.Duplicates += n.Duplicates
	t.Conflicts += n.Conflicts
	t.Misplaced += n.Misplaced
	t.Fenced += n.Fenced
	t.DeadLetters += n.Dead
	r.out.Partitions = append(r.out.Partitions, Folded{Next: s.Next(), Hash: s.Hash()})
}

// term is who has held an epoch, and what record gave it to him.
type term struct {
	epoch       uint64
	holder      string
	incarnation string
	claimed     int64
}

func (r *replay) foldControl(messages []domain.Stored) []term {
	s := election.NewState()
	var terms []term
	for _, m := range messages {
		rec := r.codec.Decode(domain.TopicControl, 0, m)
		r.out.Totals.Types[rec.Type]++
		terms = follow(s, rec, terms)
		if check, ok := rec.Payload.(domain.Checkpoint); ok && rec.Signed {
			r.checkpoint(rec, check)
		}
	}
	holder, _, _ := s.Holder()
	r.out.Election = Election{Next: s.Next(), Hash: s.Hash(), Epoch: s.Epoch(), Holder: holder}
	return terms
}

// follow folds one record, and notes the term that it begins.
func follow(s *election.State, rec domain.Record, terms []term) []term {
	ruling := s.Apply(rec)
	if claim, ok := rec.Payload.(domain.Claim); ok && ruling.Counts {
		holder, incarnation, _ := s.Holder()
		terms = append(terms, term{claim.Epoch, holder, incarnation, rec.Position.Offset})
	}
	return terms
}

// checkpoint compares what a primary held with what the fold gives there.
func (r *replay) checkpoint(rec domain.Record, check domain.Checkpoint) {
	for _, h := range check.Hashes {
		own, ok := r.hashes[h.Position]
		if !ok {
			continue // behind the end of what is stored, or before the first record
		}
		r.out.Checks.Checkpoints++
		if own != h.Hash {
			r.fault("control offset %d: server %s held %s at %s, the fold gives %s", rec.Position.Offset, rec.Subject, h.Hash, h.Position, own)
		}
	}
}

// compareElections derives the terms again from the elections topic alone.
func (r *replay) compareElections(messages []domain.Stored, want []term) {
	copies := make(map[int64]domain.Record)
	for _, m := range messages {
		rec := r.codec.Decode(domain.TopicElections, 0, m)
		c, ok := rec.Payload.(domain.Copied)
		if !ok || !rec.Signed {
			r.fault("elections offset %d is no copy by a server: %s %s", m.Offset, rec.Type, rec.Defect)
			continue
		}
		original := r.codec.Original(c)
		if !original.Signed {
			r.fault("elections offset %d: the copy of control offset %d has no valid MAC", m.Offset, c.Control)
		}
		copies[c.Control] = original
	}
	ordered := make([]domain.Record, 0, len(copies))
	for _, rec := range copies {
		ordered = append(ordered, rec)
	}
	slices.SortFunc(ordered, func(a, b domain.Record) int { return cmp.Compare(a.Position.Offset, b.Position.Offset) })
	s := election.NewState()
	var got []term
	for _, rec := range ordered {
		got = follow(s, rec, got)
	}
	r.out.Checks.Epochs = len(got)
	if !slices.Equal(got, want) {
		r.fault("control names the terms\n  %v\nand elections alone\n  %v", want, got)
	}
}
