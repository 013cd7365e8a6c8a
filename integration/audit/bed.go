package audit

import (
	"slices"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

// bed is a good log in which something is planted. Records of the log may be changed,
// moved, removed and inserted; [bed.log] then makes all other of it fit again: offsets
// and what refers to them, the sequences of primaries, and the state hashes.
type bed struct {
	topics  map[domain.TopicKind][][]*domain.Record
	counted map[*domain.Record]bool // takes a place in its primary's sequence
	fresh   int64                   // offsets of inserted records, until all get new ones
}

func newBed(l *Log) *bed {
	b := &bed{topics: make(map[domain.TopicKind][][]*domain.Record), counted: make(map[*domain.Record]bool)}
	for kind, parts := range l.Topics {
		for p, records := range parts {
			var s *partition.State
			if kind == domain.TopicLog {
				s = partition.New(int32(p), int32(len(parts)), partition.DefaultLimits())
			}
			var list []*domain.Record
			for _, r := range records {
				x := r
				if s != nil {
					v := s.Apply(r).Verdict
					b.counted[&x] = domain.ClassOf(r.Type) == domain.ClassPrimary && v == partition.Applied
				}
				list = append(list, &x)
			}
			b.topics[kind] = append(b.topics[kind], list)
		}
	}
	return b
}

func (b *bed) part(p int) *[]*domain.Record { return &b.topics[domain.TopicLog][p] }

// find gives the first record of the log that is so, and where it is.
func (b *bed) find(is func(r *domain.Record) bool) (p, i int) {
	for p, list := range b.topics[domain.TopicLog] {
		if i := slices.IndexFunc(list, is); i >= 0 {
			return p, i
		}
	}
	panic("the stored log holds no such record")
}

// insert puts a record before a place of a partition.
func (b *bed) insert(p, i int, r domain.Record) *domain.Record {
	b.fresh--
	r.Position = domain.Position{Partition: int32(p), Offset: b.fresh}
	list := b.part(p)
	r.Appended = (*list)[max(0, i-1)].Appended
	b.counted[&r] = domain.ClassOf(r.Type) == domain.ClassPrimary
	*list = slices.Insert(*list, i, &r)
	return &r
}

func (b *bed) remove(p, i int) { *b.part(p) = slices.Delete(*b.part(p), i, i+1) }

// age lets five minutes go by at the end, in which the primary writes its ticks.
func (b *bed) age() {
	for p := range b.topics[domain.TopicLog] {
		list := *b.part(p)
		last := list[len(list)-1]
		for _, r := range slices.Backward(list) {
			if b.counted[r] {
				last = r
				break
			}
		}
		for i := range 5 {
			r := b.insert(p, len(*b.part(p)), *last)
			r.Appended = last.Appended.Add(time.Duration(i+1) * time.Minute)
			r.Type, r.Subject, r.UID, r.Payload = domain.TypeTick, "", "tick", domain.Tick{Time: r.Appended}
		}
	}
}

// log makes the log of what was planted.
func (b *bed) log() *Log {
	moved := b.renumber()
	hashes := b.fold(b.refer(moved))
	out := &Log{Topics: make(map[domain.TopicKind][][]domain.Record)}
	for kind, parts := range b.topics {
		for _, list := range parts {
			var records []domain.Record
			for _, r := range list {
				if v, ok := r.Payload.(domain.Checkpoint); ok {
					v.Hashes = slices.Clone(v.Hashes)
					for i, h := range v.Hashes {
						v.Hashes[i].Hash = hashes[h.Position]
					}
					r.Payload = v
				}
				records = append(records, *r)
			}
			out.Topics[kind] = append(out.Topics[kind], records)
		}
	}
	control := out.Topics[domain.TopicControl][0]
	out.Original = func(c domain.Copied) domain.Record {
		i := slices.IndexFunc(control, func(r domain.Record) bool { return r.Position.Offset == c.Control })
		return control[i]
	}
	return out
}

// renumber gives all records of the log new offsets, and primaries new sequences.
func (b *bed) renumber() map[domain.Position]int64 {
	moved := make(map[domain.Position]int64)
	for _, list := range b.topics[domain.TopicLog] {
		sequence := make(map[uint64]uint64)
		for i, r := range list {
			moved[r.Position] = int64(i)
			if b.counted[r] {
				if sequence[r.Epoch]++; r.Type == domain.TypeEpochOpened {
					sequence[r.Epoch] = 1
				}
				r.Sequence = sequence[r.Epoch]
			}
		}
	}
	return moved
}

// refer has everything refer to the new places, and gives those that checkpoints name.
func (b *bed) refer(moved map[domain.Position]int64) map[domain.Position]bool {
	to := func(p *domain.Position) {
		if off, ok := moved[*p]; ok {
			p.Offset = off
		}
	}
	named := make(map[domain.Position]bool)
	for _, list := range b.topics[domain.TopicControl] {
		for _, r := range list {
			v, ok := r.Payload.(domain.Checkpoint)
			if !ok {
				continue
			}
			v.Hashes = slices.Clone(v.Hashes)
			for i := range v.Hashes {
				p := &v.Hashes[i].Position
				for last := (domain.Position{Partition: p.Partition, Offset: p.Offset - 1}); last.Offset >= 0; last.Offset-- {
					if off, ok := moved[last]; ok {
						p.Offset = off + 1
						break
					}
				}
				named[*p] = true
			}
			r.Payload = v
		}
	}
	for _, list := range b.topics[domain.TopicLog] {
		for _, r := range list {
			to(&r.Position)
			if r.Origin != nil {
				o := *r.Origin
				to(&o)
				r.Origin = &o
			}
			switch v := r.Payload.(type) {
			case domain.Started:
				to(&v.Command)
				r.Payload = v
			case domain.Ended:
				to(&v.Command)
				r.Payload = v
			case domain.Answer:
				to(&v.Repeat)
				to(&v.Original)
				r.Payload = v
			case domain.Handled:
				to(&v.Record)
				r.Payload = v
			}
		}
	}
	return named
}

// fold gives the state hashes at the places that are named.
func (b *bed) fold(named map[domain.Position]bool) map[domain.Position]domain.Hash {
	out := make(map[domain.Position]domain.Hash)
	parts := b.topics[domain.TopicLog]
	for p, list := range parts {
		s := partition.New(int32(p), int32(len(parts)), partition.DefaultLimits())
		for i := 0; ; i++ {
			if at := (domain.Position{Partition: int32(p), Offset: s.Next()}); named[at] {
				out[at] = s.Hash()
			}
			if i == len(list) {
				break
			}
			s.Apply(*list[i])
		}
	}
	return out
}
