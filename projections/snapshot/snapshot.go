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
	Snapshot Snapshot           // without what is in States
	States   []*partition.State // by number
}

// Decode reads what Write wrote, all of it at once. Anything else, or a single
// changed bit, gives an error that wraps domain.ErrCorrupt. It does not check the
// states: see Open.
func Decode(b []byte) (Snapshot, error) {
	body, err := check(b)
	if err != nil {
		return Snapshot{}, err
	}
	var s Snapshot
	if err := msgpack.Unmarshal(body, &s); err != nil {
		return Snapshot{}, undecodable(err)
	}
	return s, nil
}

// check gives the body if it is what was written, and may be decoded.
func check(b []byte) (body []byte, err error) {
	if len(b) < headBytes || string(b[:len(magic)]) != magic {
		return nil, fmt.Errorf("not a snapshot of this format: %w", domain.ErrCorrupt)
	}
	body = b[headBytes:]
	if sum := sha256.Sum256(body); string(sum[:]) != string(b[len(magic):headBytes]) {
		return nil, fmt.Errorf("the snapshot's checksum does not fit its %d bytes: %w", len(body), domain.ErrCorrupt)
	}
	rest, err := shape(body, 0)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("the snapshot has %d bytes too many: %w", len(rest), domain.ErrCorrupt)
	}
	return body, err
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
	if err := s.verifyHead(landscape, partitions); err != nil {
		return err
	}
	if len(s.Log) != int(partitions) {
		return fmt.Errorf("the snapshot holds %d of %d partitions: %w", len(s.Log), partitions, domain.ErrCorrupt)
	}
	for i := range s.Log {
		if err := s.Log[i].verify(int32(i), partitions); err != nil {
			return err
		}
	}
	return nil
}

func (s *Snapshot) verifyHead(landscape string, partitions int32) error {
	switch {
	case s.LogicVersion != partition.LogicVersion:
		return fmt.Errorf("the snapshot was folded by logic version %d, this build has version %d; fold the log anew: %w",
			s.LogicVersion, partition.LogicVersion, domain.ErrConflict)
	case s.Landscape != landscape:
		return fmt.Errorf("the snapshot is of landscape %q, this is %q; is this the right data folder? %w", s.Landscape, landscape, domain.ErrConflict)
	case s.Partitions != partitions:
		return fmt.Errorf("the snapshot has %d partitions, the log has %d; fold the log anew: %w", s.Partitions, partitions, domain.ErrConflict)
	}
	return nil
}

func (p *Partition) verify(number, partitions int32) error {
	if p.State.Partition != number || p.State.Partitions != partitions {
		return fmt.Errorf("partition %d of the snapshot says that it is %d of %d: %w", number, p.State.Partition, p.State.Partitions, domain.ErrCorrupt)
	}
	if p.Last.Empty() != (p.State.Next == 0) || !p.Last.Empty() && p.Last.Offset != p.State.Next-1 {
		return fmt.Errorf("partition %d of the snapshot goes to offset %d, but its last record is %d: %w", number, p.State.Next, p.Last.Offset, domain.ErrCorrupt)
	}
	return nil
}
