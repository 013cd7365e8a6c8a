package verify

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/projections/audit"
	"github.com/understudy-io/understudy/projections/merkle"
)

// signer makes a key.
func signer(t *testing.T, name string) (*merkle.Keys, string) {
	t.Helper()
	private, verifier, err := merkle.GenerateKey(rand.Reader, name)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := merkle.ParseKeys([]byte(merkle.KeyLine(private, verifier)))
	if err != nil {
		t.Fatal(err)
	}
	return keys, verifier
}

// headOf is the head of a log as it was when each partition of the log had no more than so
// many records.
func headOf(s *stored, most int) merkle.Head {
	h := merkle.Head{Landscape: s.Expected.Landscape, Time: time.Unix(1_790_000_000, 0), Epoch: 16}
	for _, kind := range []domain.TopicKind{domain.TopicElections, domain.TopicLog} {
		for p, messages := range s.Topics[kind] {
			var tree merkle.Tree
			for i := range messages[:min(most, len(messages))] {
				tree.Add(&messages[i])
			}
			h.Roots = append(h.Roots, merkle.RootOf(kind, int32(p), &tree))
		}
	}
	return h
}

// tampered are changes of partition 1 of a log, around the record at, by somebody with
// full power over the broker: no checksum of a batch tells of them.
var tampered = []struct {
	name string
	at   int64
	do   func(list []domain.Stored) []domain.Stored
}{
	{"a byte of a value flipped", 900, func(l []domain.Stored) []domain.Stored {
		l[900].Value = slices.Clone(l[900].Value)
		l[900].Value[3] ^= 1
		return l
	}},
	{"a record dropped", 900, func(l []domain.Stored) []domain.Stored { return slices.Delete(l, 900, 901) }},
	{"a record dropped, and all behind it moved up", 900, func(l []domain.Stored) []domain.Stored {
		return renumbered(slices.Delete(l, 900, 901))
	}},
	{"a record inserted", 900, func(l []domain.Stored) []domain.Stored {
		return renumbered(slices.Insert(l, 900, l[100]))
	}},
	{"two records swapped", 900, func(l []domain.Stored) []domain.Stored {
		l[900], l[901] = l[901], l[900]
		return renumbered(l)
	}},
	{"a record repeated", 900, func(l []domain.Stored) []domain.Stored {
		return renumbered(slices.Insert(l, 900, l[899]))
	}},
	{"the end cut", 900, func(l []domain.Stored) []domain.Stored { return l[:900] }},
	{"the topic recreated", 0, func([]domain.Stored) []domain.Stored { return nil }},
	{"an append time changed", 900, func(l []domain.Stored) []domain.Stored { l[900].Appended += 1e6; return l }},
	{"a key swapped", 900, func(l []domain.Stored) []domain.Stored { l[900].Key = []byte("gate-1"); return l }},
	{"a header changed", 900, func(l []domain.Stored) []domain.Stored {
		l[900].Headers = slices.Clone(l[900].Headers)
		l[900].Headers[1].Value = []byte("x")
		return l
	}},
}

func renumbered(l []domain.Stored) []domain.Stored {
	for i := range l {
		l[i].Offset = int64(i)
	}
	return l
}

// tamper gives a log in which something was changed.
func tamper(t *testing.T, do func([]domain.Stored) []domain.Stored) *stored {
	s := &stored{Corpus: load(t), few: 1 << 20}
	s.Topics[domain.TopicLog][1] = do(s.Topics[domain.TopicLog][1])
	return s
}

func TestWhoHoldsAnOldCheckpointFindsWhatWasChanged(t *testing.T) {
	good := &stored{Corpus: load(t), few: 1 << 20}
	old, newer := headOf(good, 800), headOf(good, 1200)
	for _, x := range tampered {
		t.Run(x.name, func(t *testing.T) {
			s := tamper(t, x.do)
			c, err := Compare(t.Context(), "main", s, false, []Named{{"monday.note", old}, {"friday.note", newer}})
			if err != nil {
				t.Fatal(err)
			}
			want := "between the offsets 800 and 1199"
			if x.at == 0 {
				want = "log/1, up to offset 799"
			} else if len(s.Topics[domain.TopicLog][1]) < 1200 {
				want = "records were removed behind offset 800"
			}
			if n := len(c.Findings); n == 0 || !strings.Contains(c.Findings[0], want) {
				t.Errorf("found %q, want %q", c.Findings, want)
			}
			r, err := Run(t.Context(), Config{
				Landscape: "main", Source: s, Codec: s.Codec(), Heads: []audit.HeldHead{{From: "monday.note", Head: old}, {From: "friday.note", Head: newer}},
			})
			if err != nil {
				t.Fatal(err)
			}
			v := r.Verdict(audit.RuleTree)
			if v.Status != audit.Violated || !strings.Contains(v.Violated[0].Says, want) || v.Violated[0].Records[0].Partition != 1 {
				t.Errorf("verify says %s %v", v.Status, v.Violated)
			}
		})
	}
	c, err := Compare(t.Context(), "main", good, false, []Named{{"monday.note", old}, {"friday.note", newer}})
	if err != nil || len(c.Findings) > 0 || c.Roots != 18 {
		t.Errorf("of the good log: %+v %v", c, err)
	}
}

// published appends a signed checkpoint to control, as the primary does.
func published(t *testing.T, s *stored, head merkle.Head, keys *merkle.Keys) {
	t.Helper()
	signed, err := keys.Sign(head)
	if err != nil {
		t.Fatal(err)
	}
	control := s.Topics[domain.TopicControl][0]
	last := control[len(control)-1]
	m, err := s.Codec().Encode(domain.TopicControl, 0, domain.Record{
		UID: fmt.Sprint("signed-", len(control)), Source: domain.ServerSource("C"), Subject: "C", Payload: domain.Signed{Epoch: 16, Note: signed},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Topics[domain.TopicControl][0] = append(control, domain.Stored{Message: m, Offset: last.Offset + 1, Appended: last.Appended})
}

func tree(t *testing.T, s *stored, keys ...string) *audit.Verdict {
	t.Helper()
	r, err := Run(t.Context(), Config{Landscape: "main", Source: s, Codec: s.Codec(), Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	return r.Verdict(audit.RuleTree)
}

func TestTheCheckpointsInTheLogAreHeldAgainstIt(t *testing.T) {
	s := &stored{Corpus: load(t), few: 1 << 20}
	ours, key := signer(t, "understudy.main")
	published(t, s, headOf(s, 800), ours)
	published(t, s, headOf(s, 1<<20), ours)
	for _, keys := range [][]string{nil, {key}} {
		if v := tree(t, s, keys...); v.Status != audit.Held || v.Looked != 20 {
			t.Errorf("with keys %v: %+v", keys, v)
		}
	}
	list := s.Topics[domain.TopicLog][1]
	list[900].Appended++
	if v := tree(t, s, key); v.Status != audit.Violated || !strings.Contains(v.Violated[0].Says, "between the offsets 800 and 2906") {
		t.Errorf("of a changed log: %+v", v)
	}
}

func TestACheckpointThatSomebodyElseHasSignedIsFound(t *testing.T) {
	s := &stored{Corpus: load(t), few: 1 << 20}
	ours, key := signer(t, "understudy.main")
	published(t, s, headOf(s, 800), ours)
	other, _ := signer(t, "understudy.main")
	published(t, s, headOf(s, 1<<20), other)
	for _, keys := range [][]string{nil, {key}} {
		v := tree(t, s, keys...)
		if v.Status != audit.Violated || v.Violations != 1 || !strings.Contains(v.Violated[0].Says, "control offset 3040 is signed by other keys") {
			t.Errorf("with keys %v: %+v", keys, v)
		}
	}
}

func TestAnOldKeyVouchesForTheNewOne(t *testing.T) {
	s := &stored{Corpus: load(t), few: 1 << 20}
	oldPrivate, oldKey, err := merkle.GenerateKey(rand.Reader, "understudy.main")
	if err != nil {
		t.Fatal(err)
	}
	newPrivate, newKey, err := merkle.GenerateKey(rand.Reader, "understudy.main")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{
		merkle.KeyLine(oldPrivate, oldKey),
		merkle.KeyLine(newPrivate, newKey) + merkle.KeyLine(oldPrivate, oldKey),
		merkle.KeyLine(newPrivate, newKey),
	} {
		keys, err := merkle.ParseKeys([]byte(file))
		if err != nil {
			t.Fatal(err)
		}
		published(t, s, headOf(s, 1<<20), keys)
	}
	if v := tree(t, s, oldKey); v.Status != audit.Held || v.Notes != 1 {
		t.Errorf("%+v", v)
	}
	// Without the one in the middle nobody knows the new key.
	control := s.Topics[domain.TopicControl][0]
	s.Topics[domain.TopicControl][0] = slices.Delete(control, len(control)-2, len(control)-1)
	if v := tree(t, s, oldKey); v.Status != audit.Violated {
		t.Errorf("%+v", v)
	}
}

func TestAProofIsGoodWithoutTheLogAndForNothingElse(t *testing.T) {
	s := &stored{Corpus: load(t), few: 300}
	ours, key := signer(t, "understudy.main")
	signed, err := ours.Sign(headOf(s, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "hashes"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	c := Config{Landscape: "main", Source: s, Codec: s.Codec()}
	p, err := Prove(t.Context(), c, signed, "gate-1", "doubt-done", file)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.Check(key); err != nil || len(p.Records) != 4 { // the command, its start, its outcome, its resolution
		t.Errorf("%d records, %v", len(p.Records), err)
	}
	_, stranger := signer(t, "understudy.main")
	if _, _, err := p.Check(stranger); !errors.Is(err, domain.ErrInvalid) {
		t.Errorf("with an unknown key: %v", err)
	}
	forged := *p
	forged.Records = slices.Clone(p.Records)
	forged.Records[2].Value = []byte{0x80}
	if _, _, err := forged.Check(key); !errors.Is(err, domain.ErrCorrupt) {
		t.Errorf("of a forged outcome: %v", err)
	}
	other, err := ours.Sign(headOf(s, 20))
	if err != nil {
		t.Fatal(err)
	}
	forged = *p
	forged.Checkpoint = string(other)
	if _, _, err := forged.Check(key); !errors.Is(err, domain.ErrCorrupt) {
		t.Errorf("for another tree: %v", err)
	}
	if _, err := Prove(t.Context(), c, signed, "gate-1", "nobody", file); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("of a UID that is not there: %v", err)
	}
}

// TestAProofHasNoHeaderOfItsOwn: a good proof whose header or list of records says
// something else than its records is none.
func TestAProofHasNoHeaderOfItsOwn(t *testing.T) {
	s := &stored{Corpus: load(t), few: 300}
	ours, key := signer(t, "understudy.main")
	signed, err := ours.Sign(headOf(s, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "hashes"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	good, err := Prove(t.Context(), Config{Landscape: "main", Source: s, Codec: s.Codec()}, signed, "gate-1", "doubt-done", file)
	if err != nil {
		t.Fatal(err)
	}
	stranger := codec.New("main", codec.Keyring{}) // who checks has no log and no keys
	for _, c := range []*codec.Codec{stranger, s.Codec()} {
		checked, err := Check(good, c, key)
		if err != nil || len(checked.Records) != 4 {
			t.Fatalf("the good one: %v", err)
		}
		if v, ok := checked.Records[2].Payload.(domain.Ended); !ok || v.Outcome != domain.InDoubt {
			t.Errorf("its outcome is read as %+v", checked.Records[2])
		}
	}
	for _, f := range []struct {
		name, says string
		forge      func(p *merkle.Proof)
	}{
		{"another UID", `is about UID "doubt-done" of device "gate-1", and the proof names "another"`, func(p *merkle.Proof) { p.UID = "another" }},
		{"another device of the partition", `and the proof names "doubt-done" of "` + sibling("gate-1"), func(p *merkle.Proof) { p.Device = sibling("gate-1") }},
		{"a device of another partition", "stand in partition", func(p *merkle.Proof) { p.Device = "videohub-1" }},
		{"another landscape", `the proof is of landscape "other"`, func(p *merkle.Proof) { p.Landscape = "other" }},
		{"a record twice", "stands in it twice, or out of order", func(p *merkle.Proof) { p.Records = append(p.Records, p.Records[3]) }},
		{"records in another order", "stands in it twice, or out of order", func(p *merkle.Proof) { slices.Reverse(p.Records) }},
		{"a topic that there is not", `is of "elsewhere"`, func(p *merkle.Proof) { p.Records[1].Topic = "elsewhere" }},
		{"a time that only hashes alike", "cannot be one of the log", func(p *merkle.Proof) {
			p.Records[1].Appended = p.Records[1].Appended.Add(1 << 62).Add(1 << 62).Add(1 << 62).Add(1 << 62) // 2^64 ns later
		}},
	} {
		t.Run(f.name, func(t *testing.T) {
			forged := *good
			forged.Records = slices.Clone(good.Records)
			f.forge(&forged)
			if _, err := Check(&forged, stranger, key); err == nil || !strings.Contains(err.Error(), f.says) {
				t.Errorf("got %v, want %q", err, f.says)
			}
		})
	}
}

// sibling is another device in the same partition of the corpus's log.
func sibling(device string) string {
	for n := 0; ; n++ {
		if name := fmt.Sprint("device-", n); domain.Partition(name, 8) == domain.Partition(device, 8) {
			return name
		}
	}
}

func TestTheNewestCheckpointIsFound(t *testing.T) {
	s := &stored{Corpus: load(t), few: 300}
	if _, err := NewestHead(t.Context(), "main", s, s.Codec()); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("where there is none: %v", err)
	}
	ours, _ := signer(t, "understudy.main")
	published(t, s, headOf(s, 10), ours)
	published(t, s, headOf(s, 11), ours)
	signed, err := NewestHead(t.Context(), "main", s, s.Codec())
	if err != nil {
		t.Fatal(err)
	}
	if h, _, _, err := merkle.Open(signed); err != nil || h.Roots[1].Size != 11 {
		t.Errorf("%+v %v", h, err)
	}
}
