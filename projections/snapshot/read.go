package snapshot

import (
	"bytes"
	"fmt"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

// Open decodes a snapshot, checks that it is one to go on from, and restores
// its states. Errors wrap domain.ErrCorrupt if it is broken, and
// domain.ErrConflict if it is sound but of something else. Either way: fold the
// log from its first record.
func Open(b []byte, landscape string, partitions int32) (Restored, error) {
	return open(b, landscape, partitions, func(int, int64) bool { return true })
}

// OpenUpTo is Open for those partitions whose state goes no further than an
// offset each; the others, and those with an offset of 0, are left nil.
func OpenUpTo(b []byte, landscape string, partitions int32, upTo []int64) ([]*partition.State, error) {
	r, err := open(b, landscape, partitions, func(p int, next int64) bool {
		return next > 0 && p < len(upTo) && next <= upTo[p]
	})
	return r.States, err
}

// open restores the states that are wanted as it reads them, entry by entry:
// nothing but the states is in memory then.
func open(b []byte, landscape string, partitions int32, wanted func(p int, next int64) bool) (Restored, error) {
	body, err := check(b)
	if err != nil {
		return Restored{}, err
	}
	r := reader{msgpack.NewDecoder(bytes.NewReader(body))}
	var s Snapshot
	if err := r.list(snapshotFields); err != nil {
		return Restored{}, err
	}
	if err := r.values(&s.Landscape, &s.LogicVersion, &s.Partitions, &s.TakenAt); err != nil {
		return Restored{}, err
	}
	if err := s.verifyHead(landscape, partitions); err != nil {
		return Restored{}, err
	}
	if err := r.list(int(partitions)); err != nil {
		return Restored{}, err
	}
	s.Log = make([]Partition, partitions)
	states := make([]*partition.State, partitions)
	for p := range s.Log {
		want := func(next int64) bool { return wanted(p, next) }
		if states[p], err = r.partition(&s.Log[p], want); err == nil {
			err = s.Log[p].verify(int32(p), partitions)
		}
		if err != nil {
			return Restored{}, fmt.Errorf("partition %d of the snapshot: %w", p, err)
		}
	}
	if err := r.values(&s.Control, &s.ControlLast); err != nil {
		return Restored{}, err
	}
	return Restored{Snapshot: s, States: states}, nil
}

// reader reads what the functions of the same order in write.go wrote.
type reader struct{ *msgpack.Decoder }

// list begins a list that has to be so long.
func (r reader) list(n int) error {
	got, err := r.DecodeArrayLen()
	if err == nil && got != n {
		err = fmt.Errorf("a list has %d values, want %d", got, n)
	}
	return undecodable(err)
}

func (r reader) values(into ...any) error { return undecodable(r.DecodeMulti(into...)) }

func (r reader) partition(p *Partition, wanted func(next int64) bool) (*partition.State, error) {
	if err := r.list(partitionFields); err != nil {
		return nil, err
	}
	fields, err := r.DecodeArrayLen()
	if err == nil && fields != stateFields && fields != oldStateFields {
		err = fmt.Errorf("a partition has %d values, want %d or %d", fields, oldStateFields, stateFields)
	}
	if err != nil {
		return nil, undecodable(err)
	}
	x := &p.State
	if err := r.values(&x.Partition, &x.Partitions, &x.Limits, &x.Next); err != nil {
		return nil, err
	}
	var state *partition.State
	if wanted(x.Next) {
		state, err = r.state(*x, fields == stateFields)
	} else {
		err = r.skip(fields - 4)
	}
	if err != nil {
		return nil, err
	}
	return state, r.values(&p.Last)
}

func (r reader) skip(n int) error {
	for range n {
		if err := r.Skip(); err != nil {
			return undecodable(err)
		}
	}
	return nil
}

// state restores what is behind Next.
func (r reader) state(x partition.Export, revised bool) (*partition.State, error) {
	if err := r.values(
		&x.Begun, &x.LogTime, &x.Suspect, &x.Epoch, &x.Sequence, &x.Opener,
		&x.Forgot, &x.Forgotten, &x.Counts, &x.Reasons, &x.Defects, &x.Devices,
	); err != nil {
		return nil, err
	}
	restoring, err := partition.Begin(x)
	if err != nil {
		return nil, err
	}
	entries, err := r.DecodeArrayLen()
	if err != nil {
		return nil, undecodable(err)
	}
	var entry partition.ExportedEntry
	for range entries {
		entry = partition.ExportedEntry{}
		if err := r.values(&entry); err != nil {
			return nil, err
		}
		if err := restoring.Add(&entry); err != nil {
			return nil, err
		}
	}
	if err := r.values(&x.Chores, &x.Hash); err != nil {
		return nil, err
	}
	if revised {
		if err := r.values(&x.Revisions); err != nil {
			return nil, err
		}
	}
	return restoring.End(x.Chores, x.Revisions, x.Hash)
}

func undecodable(err error) error {
	if err != nil {
		err = fmt.Errorf("the snapshot does not decode: %w (%w)", err, domain.ErrCorrupt)
	}
	return err
}
