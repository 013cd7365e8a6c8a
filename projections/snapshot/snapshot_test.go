package snapshot_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
	"github.com/understudy-io/understudy/projections/snapshot"
)

const studio = "studio"

// folded is a partition of two with a router, commands in every stage and
// things owed.
func folded(t testing.TB, number int32, commands int) *partition.State {
	s := partition.New(number, 2, partition.Limits{})
	device, offset, sequence := "", int64(0), uint64(0)
	for i := 0; device == ""; i++ {
		if name := fmt.Sprint("device-", i); domain.Partition(name, 2) == number {
			device = name
		}
	}
	now := domain.Instant(1_700_000_000_000_000_000)
	apply := func(r domain.Record) {
		r.Position, r.Appended, r.Type = domain.Position{Partition: number, Offset: offset}, now, r.Payload.Type()
		if domain.ClassOf(r.Type) == domain.ClassPrimary {
			sequence++
			r.Signed, r.Epoch, r.Sequence = true, 1, sequence
		}
		offset++
		if ch := s.Apply(r); ch.Verdict == partition.Dead {
			t.Fatalf("record %d is dead: %s", r.Position.Offset, ch.Defect)
		}
	}
	apply(domain.Record{Payload: domain.EpochOpened{Incarnation: "a1", Time: now}})
	apply(domain.Record{Subject: device, Payload: domain.Configured{Definition: domain.Definition{
		Device: device, Driver: domain.DriverHTTP, OnReconnect: domain.Adopt, ConfirmWithin: time.Second,
		Verbs: []domain.Verb{{Name: "pulse", Effect: domain.OneShot}, {Name: "level", Effect: domain.Absolute, Args: []string{"a", "b"}, Target: "level", Value: "a"}},
	}}})
	for i := range commands {
		now = now.Add(time.Millisecond)
		var p domain.Payload = domain.Invoke{Verb: "pulse"}
		if i%2 == 0 {
			p = domain.Invoke{Verb: "level", Args: map[string]string{"a": fmt.Sprint(i), "b": "1"}}
		}
		at := domain.Position{Partition: number, Offset: offset}
		uid := fmt.Sprintf("0190f2c4-7d1e-7000-8000-%012d", i)
		apply(domain.Record{UID: uid, Source: "panel", Subject: device, Created: now, Payload: p})
		o := domain.Confirmed
		if i%7 == 1 && i < 100 {
			o = domain.InDoubt
		}
		if i%50 > 2 || i > 5000 {
			apply(domain.Record{Subject: device, Payload: domain.Ended{UID: uid, Command: at, Outcome: o}})
		}
		if i%10 == 0 && i < 5000 {
			apply(domain.Record{UID: uid, Subject: device, Created: now, Payload: p})
			apply(domain.Record{UID: uid + "x", Subject: device, Created: now, Payload: domain.Invoke{Verb: "none"}})
		}
	}
	apply(domain.Record{Subject: device, Payload: domain.Reported{Values: []domain.Value{{Target: "parameter/level", Value: "5"}}}})
	return s
}

func sample(t testing.TB, commands int) snapshot.Snapshot {
	s := snapshot.Snapshot{Landscape: studio, LogicVersion: partition.LogicVersion, Partitions: 2, TakenAt: 1, Control: []byte("control")}
	for n := range int32(2) {
		state := folded(t, n, commands)
		s.Log = append(s.Log, snapshot.Partition{
			State: state.Export(), Last: domain.FingerprintOf(domain.Stored{Offset: state.Next() - 1}),
		})
	}
	return s
}

// encode is the plain way: the whole struct at once.
func encode(t testing.TB, s snapshot.Snapshot) []byte {
	var body bytes.Buffer
	enc := msgpack.NewEncoder(&body)
	enc.UseArrayEncodedStructs(true)
	enc.UseCompactInts(true)
	enc.SetSortMapKeys(true)
	if err := enc.Encode(&s); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(body.Bytes())
	return slices.Concat([]byte("understudy snapshot 1\n"), sum[:], body.Bytes())
}

// source freezes the states when they are asked for.
func source(states ...*partition.State) snapshot.Source {
	return snapshot.Source{
		Landscape: studio, Partitions: int32(len(states)), TakenAt: 1, Control: []byte("control"),
		Part: func(p int32) (snapshot.State, domain.Fingerprint, error) {
			f := states[p].Freeze()
			for !f.Step() {
			}
			return f, domain.FingerprintOf(domain.Stored{Offset: states[p].Next() - 1}), nil
		},
	}
}

func TestAStateIsWrittenPieceByPieceAsItWouldBeAtOnce(t *testing.T) {
	for _, commands := range []int{0, 200} {
		want := encode(t, sample(t, commands))
		from := source(folded(t, 0, commands), folded(t, 1, commands))
		got, err := snapshot.Encode(from)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%d commands: error %v, %d bytes, want %d that are the same", commands, err, len(got), len(want))
		}
		f, err := os.Create(filepath.Join(t.TempDir(), "file"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		reach, err := snapshot.Write(f, from)
		if err != nil {
			t.Fatal(err)
		}
		if s, err := snapshot.Decode(want); err != nil || !slices.Equal(reach, s.Reach()) {
			t.Errorf("it goes to %v, error %v", reach, err)
		}
		if got, err := os.ReadFile(f.Name()); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%d commands: error %v, the file is not what is encoded in memory", commands, err)
		}
	}
}

func TestAStateThatCannotBeHadEndsTheWriting(t *testing.T) {
	from, broken := source(folded(t, 0, 1), folded(t, 1, 1)), errors.New("in doubt")
	part := from.Part
	from.Part = func(p int32) (snapshot.State, domain.Fingerprint, error) {
		if p == 1 {
			return nil, domain.Fingerprint{}, broken
		}
		return part(p)
	}
	if _, err := snapshot.Encode(from); !errors.Is(err, broken) {
		t.Fatalf("error %v", err)
	}
}

func TestAStateComesBackAsItWas(t *testing.T) {
	want := sample(t, 200)
	b := encode(t, want)
	got, err := snapshot.Open(b, studio, 2)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range got.States {
		if s.Hash() != want.Log[i].State.Hash {
			t.Errorf("partition %d has hash %s, want %s", i, s.Hash(), want.Log[i].State.Hash)
		}
		if s.Next() != want.Log[i].State.Next || len(s.Chores()) == 0 {
			t.Errorf("partition %d goes on at %d with %d chores", i, s.Next(), len(s.Chores()))
		}
		for _, d := range s.Devices() {
			if len(d.Pending()) == 0 || len(d.Doubts()) == 0 {
				t.Errorf("partition %d came back without pending commands or doubts", i)
			}
		}
	}
	whole, err := snapshot.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := snapshot.Encode(whole.Source()); err != nil || !bytes.Equal(b, again) {
		t.Errorf("the same snapshot in memory gives other bytes, error %v", err)
	}
	if string(got.Snapshot.Control) != "control" || got.Snapshot.TakenAt != 1 {
		t.Errorf("snapshot %+v", got.Snapshot)
	}
	if again, err := snapshot.Encode(source(got.States...)); err != nil || !bytes.Equal(b, again) {
		t.Errorf("the same snapshot gives other bytes, error %v", err)
	}
}

func TestAnEmptyLandscapeHasASnapshotToo(t *testing.T) {
	s := snapshot.Snapshot{Landscape: studio, LogicVersion: partition.LogicVersion, Partitions: 1, Log: []snapshot.Partition{{State: partition.New(0, 1, partition.Limits{}).Export()}}}
	if _, err := snapshot.Open(encode(t, s), studio, 1); err != nil {
		t.Fatal(err)
	}
}

func TestASnapshotIsRefusedInDoubt(t *testing.T) {
	for _, c := range []struct {
		sentence string
		change   func(s *snapshot.Snapshot)
		class    error
	}{
		{"of another landscape", func(s *snapshot.Snapshot) { s.Landscape = "other" }, domain.ErrConflict},
		{"of a log with more partitions", func(s *snapshot.Snapshot) { s.Partitions = 3 }, domain.ErrConflict},
		{"without one of the partitions", func(s *snapshot.Snapshot) { s.Log = s.Log[:1] }, domain.ErrCorrupt},
		{"with the partitions in another order", func(s *snapshot.Snapshot) { s.Log[0], s.Log[1] = s.Log[1], s.Log[0] }, domain.ErrCorrupt},
		{"without the last record of a partition", func(s *snapshot.Snapshot) { s.Log[0].Last = domain.Fingerprint{} }, domain.ErrCorrupt},
		{"with the last record of another position", func(s *snapshot.Snapshot) { s.Log[0].Last.Offset-- }, domain.ErrCorrupt},
		{"with another hash", func(s *snapshot.Snapshot) { s.Log[1].State.Hash[2]++ }, domain.ErrCorrupt},
		{"with a value that the hash does not fit", func(s *snapshot.Snapshot) { s.Log[1].State.Devices[0].Cells[0].Reported = "6" }, domain.ErrCorrupt},
		{"with a pending command fewer", func(s *snapshot.Snapshot) {
			d := &s.Log[1].State.Devices[0]
			d.Pending = d.Pending[1:]
		}, domain.ErrCorrupt},
		{"with an outcome that is another", func(s *snapshot.Snapshot) { s.Log[0].State.Entries[9].Outcome = domain.Failed }, domain.ErrCorrupt},
		{"with a chore fewer", func(s *snapshot.Snapshot) { s.Log[0].State.Chores = s.Log[0].State.Chores[1:] }, domain.ErrCorrupt},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			s := sample(t, 100)
			c.change(&s)
			if _, err := snapshot.Open(encode(t, s), studio, 2); !errors.Is(err, c.class) {
				t.Fatalf("error %v, want one of class %q", err, c.class)
			}
		})
	}
}

func TestAnotherLogicVersionIsRefused(t *testing.T) {
	s := sample(t, 1)
	s.LogicVersion = partition.LogicVersion + 1
	if err := s.Verify(studio, 2); !errors.Is(err, domain.ErrConflict) {
		t.Fatalf("error %v, want a conflict", err)
	}
	if _, err := snapshot.Open(encode(t, s), studio, 2); !errors.Is(err, domain.ErrConflict) {
		t.Fatalf("error %v, want a conflict", err)
	}
}

func TestAnyChangedBitIsFound(t *testing.T) {
	b := encode(t, sample(t, 3))
	for i := range b {
		b[i] ^= 1 << (i % 8)
		if _, err := snapshot.Decode(b); !errors.Is(err, domain.ErrCorrupt) {
			t.Fatalf("a changed bit in byte %d: error %v, want corrupt", i, err)
		}
		b[i] ^= 1 << (i % 8)
	}
	for n := range len(b) {
		if _, err := snapshot.Decode(b[:n]); !errors.Is(err, domain.ErrCorrupt) {
			t.Fatalf("the first %d bytes: error %v, want corrupt", n, err)
		}
	}
}

func TestTheLastRecordTellsWhetherTheLogIsTheSame(t *testing.T) {
	m := domain.Stored{Offset: 7, Appended: 5, Message: domain.Message{
		Key: []byte("k"), Value: []byte("v"), Headers: []domain.Header{{Key: "a", Value: []byte("1")}, {Key: "b", Value: nil}},
	}}
	f := domain.FingerprintOf(m)
	if err := f.Check(m); err != nil {
		t.Fatal(err)
	}
	for sentence, change := range map[string]func(m *domain.Stored){
		"another offset":      func(m *domain.Stored) { m.Offset = 8 },
		"another append time": func(m *domain.Stored) { m.Appended = 6 },
		"another key":         func(m *domain.Stored) { m.Key = []byte("j") },
		"another value":       func(m *domain.Stored) { m.Value = []byte("w") },
		"another header":      func(m *domain.Stored) { m.Headers = []domain.Header{{Key: "a", Value: []byte("1")}} },
		"bytes moved to a header": func(m *domain.Stored) {
			m.Key, m.Headers = []byte{}, []domain.Header{{Key: "ka", Value: []byte("1")}, {Key: "b"}}
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			other := m
			change(&other)
			if err := f.Check(other); !errors.Is(err, domain.ErrCorrupt) {
				t.Fatalf("error %v, want corrupt", err)
			}
		})
	}
	if err := (domain.Fingerprint{}).Check(m); err != nil {
		t.Fatalf("before the first record: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	head := len("understudy snapshot 1\n") + sha256.Size
	f.Add(encode(f, sample(f, 2))[head:])
	f.Fuzz(func(t *testing.T, body []byte) {
		sum := sha256.Sum256(body) // a fitting one, to get past it
		b := slices.Concat([]byte("understudy snapshot 1\n"), sum[:], body)
		if r, err := snapshot.Open(b, studio, 2); err == nil && len(r.States) != 2 {
			t.Fatal("a snapshot without its states")
		}
	})
}

func BenchmarkWrite(b *testing.B) {
	from := source(folded(b, 0, 50_000), folded(b, 1, 50_000))
	f, err := os.Create(filepath.Join(b.TempDir(), "file"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			b.Fatal(err)
		}
		if _, err := snapshot.Write(f, from); err != nil {
			b.Fatal(err)
		}
	}
	if info, err := f.Stat(); err == nil {
		b.SetBytes(info.Size())
	}
}

func BenchmarkOpen(b *testing.B) {
	data := encode(b, sample(b, 50_000))
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := snapshot.Open(data, studio, 2); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkExport(b *testing.B) {
	s := folded(b, 0, 50_000)
	for b.Loop() {
		s.Export()
	}
}
