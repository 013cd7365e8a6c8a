package snapshot

import (
	"crypto/sha256"
	"fmt"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

// Snapshot is the folded state of a landscape: every partition of its log, and
// its control topic. The partitions need not be at the same instant; each says
// how far it is.
type Snapshot struct {
	Landscape    string             `msgpack:"landscape" json:"landscape"`
	LogicVersion int                `msgpack:"logic_version" json:"logic_version"` // of the build that wrote it
	Partitions   int32              `msgpack:"partitions" json:"partitions"`
	TakenAt      domain.Instant     `msgpack:"taken_at" json:"taken_at"` // a wall clock, for people
	Log          []Partition        `msgpack:"log" json:"log"`           // by number
	Control      []byte             `msgpack:"control" json:"control"`   // as its fold exports it
	ControlLast  domain.Fingerprint `msgpack:"control_last" json:"control_last"`
}

// Partition is the state of one partition of the log.
type Partition struct {
	State partition.Export   `msgpack:"state" json:"state"` // with its hash
	Last  domain.Fingerprint `msgpack:"last" json:"last"`   // of the last record folded into it
}

// Restored is a snapshot that was found good, with the states to go on with.
type Restored struct {
	Snapshot Snapshot
	States   []*partition.State // by number
}

// Decode reads what Write wrote. Anything else, or a single changed bit, gives
// an error that wraps domain.ErrCorrupt. It does not check the states: see Open.
func Decode(b []byte) (Snapshot, error) {
	var s Snapshot
	if len(b) < headBytes || string(b[:len(magic)]) != magic {
		return s, fmt.Errorf("not a snapshot of this format: %w", domain.ErrCorrupt)
	}
	body := b[headBytes:]
	if sum := sha256.Sum256(body); string(sum[:]) != string(b[len(magic):headBytes]) {
		return s, fmt.Errorf("the snapshot's checksum does not fit its %d bytes: %w", len(body), domain.ErrCorrupt)
	}
	rest, err := shape(body, 0)
	if err != nil {
		return s, err
	}
	if len(rest) > 0 {
		return s, fmt.Errorf("the snapshot has %d bytes too many: %w", len(rest), domain.ErrCorrupt)
	}
	if err := msgpack.Unmarshal(body, &s); err != nil {
		return Snapshot{}, fmt.Errorf("the snapshot does not decode: %w (%w)", err, domain.ErrCorrupt)
	}
	return s, nil
}

// Open decodes a snapshot, checks that it is one to go on from, and restores
// its states. Errors wrap domain.ErrCorrupt if it is broken, and
// domain.ErrConflict if it is sound but of something else. Either way: fold the
// log from its first record.
func Open(b []byte, landscape string, partitions int32) (Restored, error) {
	s, err := Decode(b)
	if err != nil {
		return Restored{}, err
	}
	if err := s.Verify(landscape, partitions); err != nil {
		return Restored{}, err
	}
	r := Restored{Snapshot: s, States: make([]*partition.State, len(s.Log))}
	for i := range s.Log {
		if r.States[i], err = partition.Restore(s.Log[i].State); err != nil {
			return Restored{}, fmt.Errorf("partition %d of the snapshot: %w", i, err)
		}
	}
	return r, nil
}

// OpenUpTo is Open for those partitions whose state goes no further than an
// offset each; the others, and those with an offset of 0, are left nil.
func OpenUpTo(b []byte, landscape string, partitions int32, upTo []int64) ([]*partition.State, error) {
	s, err := Decode(b)
	if err != nil {
		return nil, err
	}
	if err := s.Verify(landscape, partitions); err != nil {
		return nil, err
	}
	states := make([]*partition.State, len(s.Log))
	for i := range s.Log {
		if next := s.Log[i].State.Next; next == 0 || i >= len(upTo) || next > upTo[i] {
			continue
		}
		if states[i], err = partition.Restore(s.Log[i].State); err != nil {
			return nil, fmt.Errorf("partition %d of the snapshot: %w", i, err)
		}
	}
	return states, nil
}

// Reach is how far the snapshot goes: the next offset of each partition.
func (s *Snapshot) Reach() []int64 {
	reach := make([]int64, len(s.Log))
	for i := range s.Log {
		reach[i] = s.Log[i].State.Next
	}
	return reach
}

// Verify says whether the snapshot is of this landscape and of this build's
// logic, and whole. It does not compute hashes; Open does.
func (s *Snapshot) Verify(landscape string, partitions int32) error {
	switch {
	case s.LogicVersion != partition.LogicVersion:
		return fmt.Errorf("the snapshot was folded by logic version %d, this build has version %d; fold the log anew: %w",
			s.LogicVersion, partition.LogicVersion, domain.ErrConflict)
	case s.Landscape != landscape:
		return fmt.Errorf("the snapshot is of landscape %q, this is %q; is this the right data folder? %w", s.Landscape, landscape, domain.ErrConflict)
	case s.Partitions != partitions:
		return fmt.Errorf("the snapshot has %d partitions, the log has %d; fold the log anew: %w", s.Partitions, partitions, domain.ErrConflict)
	case len(s.Log) != int(partitions):
		return fmt.Errorf("the snapshot holds %d of %d partitions: %w", len(s.Log), partitions, domain.ErrCorrupt)
	}
	for i := range s.Log {
		p := &s.Log[i]
		if p.State.Partition != int32(i) || p.State.Partitions != partitions {
			return fmt.Errorf("partition %d of the snapshot says that it is %d of %d: %w", i, p.State.Partition, p.State.Partitions, domain.ErrCorrupt)
		}
		if p.Last.Empty() != (p.State.Next == 0) || !p.Last.Empty() && p.Last.Offset != p.State.Next-1 {
			return fmt.Errorf("partition %d of the snapshot goes to offset %d, but its last record is %d: %w", i, p.State.Next, p.Last.Offset, domain.ErrCorrupt)
		}
	}
	return nil
}
