package history

import (
	"context"
	"slices"
	"sync"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

// Checked is what a fold of a whole history says about its checkpoints.
type Checked struct {
	LogicVersion int         `json:"logic_version"` // of this build
	Records      int64       `json:"records"`       // folded
	Checkpoints  int         `json:"checkpoints"`   // state hashes that primaries wrote
	Equal        int         `json:"equal"`
	Missed       int         `json:"missed"` // of positions that this history does not hold
	Different    []Different `json:"different"`
	Ends         []End       `json:"ends"` // of the partitions

	different int
}

// Different is a checkpoint that this build folds otherwise.
type Different struct {
	Position domain.Position `json:"position"` // the next record
	Control  int64           `json:"control"`  // offset of the checkpoint
	Server   string          `json:"server"`   // that wrote it
	Wrote    domain.Hash     `json:"wrote"`
	Folds    domain.Hash     `json:"folds"`
}

// End is the state of a partition behind its last record.
type End struct {
	Next domain.Position `json:"next"`
	Hash domain.Hash     `json:"hash"`
}

// maxDifferent bounds what is told; behind the first one most are.
const maxDifferent = 100

// stated is a state hash that a primary wrote.
type stated struct {
	offset  int64
	hash    domain.Hash
	control int64
	server  string
}

// Check folds the whole log with this build, from its first record and without
// marks, and compares the state hash at every checkpoint that a primary wrote.
func (t *Traveller) Check(ctx context.Context, copies Copies) (*Checked, error) {
	bounds, err := t.Source.Bounds(ctx, t.topic())
	if err != nil {
		return nil, err
	}
	out := &Checked{LogicVersion: partition.LogicVersion, Different: []Different{}}
	said := make([][]stated, len(bounds))
	_, err = Control(ctx, t.Source, copies, t.Landscape, func(r *domain.Record, _ bool) error {
		if c, ok := r.Payload.(domain.Checkpoint); ok && r.Signed {
			for _, h := range c.Hashes {
				said = state(said, stated{h.Position.Offset, h.Hash, r.Position.Offset, r.Subject}, h.Position.Partition)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	plain := *t
	plain.Marks = nil
	cut := make(Cut, len(bounds))
	for p, b := range bounds {
		cut[p] = b.End
		out.Records += b.End - b.Start
		slices.SortStableFunc(said[p], func(a, b stated) int { return int(a.offset - b.offset) })
	}
	states, err := plain.Begin(ctx, cut, func(int32) bool { return true })
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	err = plain.Advance(ctx, states, cut, func(p int32) Watch {
		left := said[p]
		return func(s *partition.State, _ *domain.Record, _ *partition.Change) {
			for len(left) > 0 && left[0].offset < s.Next() {
				left = left[1:]
			}
			for ; len(left) > 0 && left[0].offset == s.Next(); left = left[1:] {
				mu.Lock()
				out.compare(s, left[0])
				mu.Unlock()
			}
		}
	})
	if err != nil {
		return nil, err
	}
	for p, s := range states {
		out.Checkpoints += len(said[p])
		out.Ends = append(out.Ends, End{domain.Position{Partition: int32(p), Offset: s.Next()}, s.Hash()})
		for _, h := range said[p] {
			if h.offset == 0 { // nothing was folded yet
				out.compare(partition.New(int32(p), int32(len(states)), partition.DefaultLimits()), h)
			}
		}
	}
	out.Missed = out.Checkpoints - out.Equal - out.different
	return out, nil
}

// state adds a statement, unless the one before says the same: an idle partition's
// is repeated each second.
func state(said [][]stated, h stated, p int32) [][]stated {
	if int(p) >= len(said) {
		return said
	}
	if n := len(said[p]); n > 0 && said[p][n-1].offset == h.offset && said[p][n-1].hash == h.hash {
		return said
	}
	said[p] = append(said[p], h)
	return said
}

func (c *Checked) compare(s *partition.State, h stated) {
	own := s.Hash()
	if own == h.hash {
		c.Equal++
		return
	}
	c.different++
	if len(c.Different) < maxDifferent {
		at := domain.Position{Partition: s.Partition(), Offset: h.offset}
		c.Different = append(c.Different, Different{at, h.control, h.server, h.hash, own})
	}
}

// Held says whether every checkpoint that could be compared was equal, and one was.
func (c *Checked) Held() bool { return c.different == 0 && c.Equal > 0 }
