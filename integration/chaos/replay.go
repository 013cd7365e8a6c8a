package main

import (
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

// Key names a command.
type Key struct{ Device, UID string }

// Fate is what the log says of one command.
type Fate struct {
	Key
	First    domain.Record // the record that counts
	Accepted bool
	OneShot  bool
	Started  []domain.Record
	Ends     []End
	Repeats  []domain.Position
	Answers  map[domain.Position]domain.Answer // by the position of the repeat
}

// End is one outcome record that counts.
type End struct {
	At    domain.Instant
	Epoch uint64
	domain.Ended
}

// Opening is an epoch as the log has it.
type Opening struct {
	Epoch  uint64
	Server string
	At     map[int32]domain.Instant // by partition
}

// Place is a position with the number of records folded before it.
type Place struct {
	Partition int32
	Next      int64
}

// Replay is the log folded once more.
type Replay struct {
	Fates    map[Key]*Fate
	Openings []*Opening // by epoch
	Hashes   map[Place]domain.Hash
	Ends     []Place       // of each partition
	AtEnds   []domain.Hash // of the states there
	Pending  int
	Letters  int // records that could not be understood
}

// replay folds the log and remembers the hashes at the places that are asked for.
// Which outcomes count it reckons by epochs and sequences itself, so that a fold that
// lets a second one pass unseen is no help to it.
func replay(log [][]domain.Record, wanted map[Place]bool) *Replay {
	r := &Replay{Fates: make(map[Key]*Fate), Hashes: make(map[Place]domain.Hash)}
	epochs := make(map[uint64]*Opening)
	for p := range log {
		s := partition.New(int32(p), int32(len(log)), partition.DefaultLimits())
		var epoch, sequence uint64
		for _, rec := range log[p] {
			ch := s.Apply(rec)
			if at := (Place{int32(p), s.Next()}); wanted[at] {
				r.Hashes[at] = s.Hash()
			}
			if ch.Verdict == partition.Dead {
				r.Letters++
			}
			r.command(rec, ch)
			if !rec.Signed || rec.Epoch == 0 || rec.Epoch < epoch || rec.Epoch == epoch && rec.Sequence <= sequence {
				continue
			}
			epoch, sequence = rec.Epoch, rec.Sequence
			r.fact(rec, epochs)
		}
		r.Ends, r.AtEnds = append(r.Ends, Place{int32(p), s.Next()}), append(r.AtEnds, s.Hash())
		for _, d := range s.Devices() {
			r.Pending += len(d.Pending())
		}
	}
	for e := uint64(1); len(r.Openings) < len(epochs); e++ {
		if o := epochs[e]; o != nil {
			r.Openings = append(r.Openings, o)
		}
	}
	return r
}

func (r *Replay) fate(k Key) *Fate {
	f := r.Fates[k]
	if f == nil {
		f = &Fate{Key: k, Answers: make(map[domain.Position]domain.Answer)}
		r.Fates[k] = f
	}
	return f
}

func (r *Replay) command(rec domain.Record, ch partition.Change) {
	f := func() *Fate { return r.fate(Key{rec.Subject, rec.UID}) }
	switch ch.Verdict {
	case partition.Accepted:
		f().First, f().Accepted, f().OneShot = rec, true, ch.Pending != nil && ch.Pending.Effect == domain.OneShot
	case partition.Refused:
		f().First = rec
	case partition.Duplicate, partition.Conflict:
		f().Repeats = append(f().Repeats, rec.Position)
	}
}

func (r *Replay) fact(rec domain.Record, epochs map[uint64]*Opening) {
	switch v := rec.Payload.(type) {
	case domain.EpochOpened:
		o := epochs[rec.Epoch]
		if o == nil {
			o = &Opening{Epoch: rec.Epoch, Server: v.Server, At: make(map[int32]domain.Instant)}
			epochs[rec.Epoch] = o
		}
		o.At[rec.Position.Partition] = rec.Appended
	case domain.Started:
		f := r.fate(Key{rec.Subject, v.UID})
		f.Started = append(f.Started, rec)
	case domain.Ended:
		f := r.fate(Key{rec.Subject, v.UID})
		f.Ends = append(f.Ends, End{rec.Appended, rec.Epoch, v})
	case domain.Answer:
		r.fate(Key{rec.Subject, v.UID}).Answers[v.Repeat] = v
	}
}

// answered is whether every repeat has its answer.
func (r *Replay) answered() bool {
	for _, f := range r.Fates {
		for _, p := range f.Repeats {
			if _, ok := f.Answers[p]; !ok {
				return false
			}
		}
	}
	return true
}

// unfinished counts the commands without an outcome.
func (r *Replay) unfinished() int {
	n := 0
	for _, f := range r.Fates {
		if f.First.UID != "" && len(f.Ends) == 0 {
			n++
		}
	}
	return n
}
