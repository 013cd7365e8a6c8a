package snapshot

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"iter"
	"slices"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

// Source is a landscape that is to be written, a partition at a time: not all
// of it need be in memory at once.
type Source struct {
	Landscape   string
	Partitions  int32
	TakenAt     domain.Instant
	Control     []byte
	ControlLast domain.Fingerprint
	// Part gives a partition's state and the fingerprint of the last record
	// folded into it. It is asked for one after the other, each when the one
	// before has been written.
	Part func(p int32) (State, domain.Fingerprint, error)
}

// State is a partition that is to be written; *partition.Frozen is one.
type State interface {
	Export() partition.Export // without the entries
	Len() int                 // number of entries
	Entries() iter.Seq[partition.ExportedEntry]
}

var _ State = (*partition.Frozen)(nil)

// Source gives a snapshot that is in memory as one to be written.
func (s *Snapshot) Source() Source {
	return Source{
		Landscape: s.Landscape, Partitions: s.Partitions, TakenAt: s.TakenAt, Control: s.Control, ControlLast: s.ControlLast,
		Part: func(p int32) (State, domain.Fingerprint, error) { return whole{&s.Log[p].State}, s.Log[p].Last, nil },
	}
}

// whole is a state that was exported at once.
type whole struct{ x *partition.Export }

func (w whole) Export() partition.Export                   { return *w.x }
func (w whole) Len() int                                   { return len(w.x.Entries) }
func (w whole) Entries() iter.Seq[partition.ExportedEntry] { return slices.Values(w.x.Entries) }

// MaxBytes bounds an encoded snapshot.
const MaxBytes = 1 << 30

// The file begins with magic, which ends with the version of the encoding; then
// come the SHA-256 of the body and the body.
const magic = "understudy snapshot 1\n"

// The numbers of fields: structs are written as lists.
const (
	snapshotFields  = 7
	partitionFields = 2
	stateFields     = 20 // of partition.Export
	oldStateFields  = 19 // in 0.1.0: without the revisions
)

const headBytes = len(magic) + sha256.Size

// Write writes a snapshot of this build's logic version, and gives how far each
// partition goes: its next offset. What it needs in memory does not grow with
// the number of entries.
func Write(w io.WriteSeeker, s Source) (reach []int64, err error) {
	reach, sum, err := write(w, s)
	if err != nil {
		return nil, fmt.Errorf("write snapshot of landscape %s: %w", s.Landscape, err)
	}
	if _, err = w.Seek(int64(len(magic)), io.SeekStart); err == nil {
		_, err = w.Write(sum)
	}
	if err != nil {
		return nil, fmt.Errorf("write the checksum of the snapshot of landscape %s: %w", s.Landscape, err)
	}
	return reach, nil
}

// Encode is Write into memory.
func Encode(s Source) ([]byte, error) {
	var out bytes.Buffer
	_, sum, err := write(&out, s)
	if err != nil {
		return nil, fmt.Errorf("encode snapshot of landscape %s: %w", s.Landscape, err)
	}
	b := out.Bytes()
	copy(b[len(magic):], sum)
	return b, nil
}

// write leaves room for the checksum, which is known at the end.
func write(w io.Writer, s Source) (reach []int64, sum []byte, err error) {
	if _, err := io.WriteString(w, magic+string(make([]byte, sha256.Size))); err != nil {
		return nil, nil, err
	}
	body := &body{to: w, sum: sha256.New(), left: MaxBytes - headBytes}
	buffer := bufio.NewWriterSize(body, 64<<10)
	enc := msgpack.NewEncoder(buffer)
	enc.UseArrayEncodedStructs(true) // names of fields would be most of the bytes
	enc.UseCompactInts(true)
	enc.SetSortMapKeys(true) // the same state gives the same bytes
	if reach, err = encode(enc, s); err == nil {
		err = buffer.Flush()
	}
	return reach, body.sum.Sum(nil), err
}

// body counts and hashes what is written.
type body struct {
	to   io.Writer
	sum  hash.Hash
	left int
}

func (b *body) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, fmt.Errorf("it has more than %d bytes; lower the limit on remembered UIDs: %w", MaxBytes, domain.ErrInvalid)
	}
	b.sum.Write(p)
	return b.to.Write(p)
}

// encode writes a Snapshot as msgpack would write the struct.
func encode(enc *msgpack.Encoder, s Source) (reach []int64, err error) {
	if err := enc.EncodeArrayLen(snapshotFields); err != nil {
		return nil, err
	}
	if err := enc.EncodeMulti(s.Landscape, partition.LogicVersion, s.Partitions, s.TakenAt); err != nil {
		return nil, err
	}
	if err := enc.EncodeArrayLen(int(s.Partitions)); err != nil {
		return nil, err
	}
	for p := range s.Partitions {
		next, err := encodePart(enc, s, p)
		if err != nil {
			return nil, fmt.Errorf("partition %d: %w", p, err)
		}
		reach = append(reach, next)
	}
	return reach, enc.EncodeMulti(s.Control, s.ControlLast)
}

func encodePart(enc *msgpack.Encoder, s Source, p int32) (next int64, err error) {
	state, last, err := s.Part(p)
	if err != nil {
		return 0, err
	}
	x := state.Export()
	if err := enc.EncodeArrayLen(partitionFields); err != nil {
		return 0, err
	}
	if err := encodeState(enc, &x, state); err != nil {
		return 0, err
	}
	return x.Next, enc.Encode(&last)
}

// encodeState writes a partition.Export: its fields in order, and the entries
// one by one in their place.
func encodeState(enc *msgpack.Encoder, x *partition.Export, state State) error {
	if err := enc.EncodeArrayLen(stateFields); err != nil {
		return err
	}
	if err := enc.EncodeMulti(
		x.Partition, x.Partitions, &x.Limits, x.Next, x.Begun, x.LogTime, x.Suspect, x.Epoch, x.Sequence, x.Opener,
		x.Forgot, x.Forgotten, x.Counts, x.Reasons, x.Defects, x.Devices,
	); err != nil {
		return err
	}
	if err := enc.EncodeArrayLen(state.Len()); err != nil {
		return err
	}
	var entry partition.ExportedEntry
	for entry = range state.Entries() {
		if err := enc.Encode(&entry); err != nil {
			return err
		}
	}
	return enc.EncodeMulti(x.Chores, x.Hash, x.Revisions)
}
