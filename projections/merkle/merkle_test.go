package merkle

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/understudy-io/understudy/domain"
)

func record(n int64) *domain.Stored {
	return &domain.Stored{Offset: n, Appended: domain.Instant(n * 1e9), Message: domain.Message{Key: []byte("gate-1"), Value: []byte{byte(n)}}}
}

// A tree that holds one hash for each level gives the roots of the one that holds all.
func TestTheRootIsThatOfTheWholeTree(t *testing.T) {
	var tree Tree
	var all []tlog.Hash
	read := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var out []tlog.Hash
		for _, i := range indexes {
			out = append(out, all[i])
		}
		return out, nil
	})
	for n := range int64(200) {
		want, err := tlog.TreeHash(n, read)
		if err != nil || tree.Root() != want {
			t.Fatalf("of %d records: %v, want %v (%v)", n, tree.Root(), want, err)
		}
		if err := tree.Check(); err != nil {
			t.Fatal(err)
		}
		tree.Add(record(n))
		hashes, err := tlog.StoredHashesForRecordHash(n, Leaf(record(n)), read)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, hashes...)
	}
}

type memory struct{ bytes.Buffer }

func (m *memory) ReadAt(p []byte, at int64) (int, error) { return copy(p, m.Bytes()[at:]), nil }

func TestEachRecordOfAStoreCanBeProven(t *testing.T) {
	for _, size := range []int64{1, 2, 7, 64, 100} {
		s := NewStore(&memory{})
		for n := range size {
			if err := s.Add(record(n)); err != nil {
				t.Fatal(err)
			}
		}
		for n := range size {
			p, err := s.Prove(n)
			if err != nil {
				t.Fatal(err)
			}
			if err := tlog.CheckRecord(p, size, s.Root(), n, Leaf(record(n))); err != nil {
				t.Errorf("%d of %d: %v", n, size, err)
			}
			if tlog.CheckRecord(p, size, s.Root(), n, Leaf(record(n+1))) == nil {
				t.Errorf("%d of %d: another record is proven too", n, size)
			}
		}
	}
}

// docs/log-format.md promises these bytes.
func TestTheBytesOfALeafAreFixed(t *testing.T) {
	m := &domain.Stored{Offset: 81, Appended: 1_772_396_047_250_000_000, Message: domain.Message{
		Key: []byte("gate-1"), Value: []byte{0x80}, Headers: []domain.Header{{Key: "ce_id", Value: []byte("u7")}, {Key: "x"}},
	}}
	const want = "0000000000000051" + "1898d0d07da48880" + "0000000000000006" + "676174652d31" + "0000000000000002" +
		"0000000000000005" + "63655f6964" + "0000000000000002" + "7537" + "0000000000000001" + "78" + "0000000000000000" + "0000000000000001" + "80"
	if got := hex.EncodeToString(AppendRecord(nil, m)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	sum := sha256.Sum256(AppendRecord(nil, m))
	if !bytes.Equal(domain.FingerprintOf(*m).Digest, sum[:]) {
		t.Error("a fingerprint is not the hash of the same bytes")
	}
}

func keys(t *testing.T, name string) *Keys {
	t.Helper()
	private, verifier, err := GenerateKey(rand.Reader, name)
	if err != nil {
		t.Fatal(err)
	}
	k, err := ParseKeys([]byte(KeyLine(private, verifier)))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func head() Head {
	return Head{Landscape: "main", Time: time.Unix(1_790_000_000, 5).UTC(), Epoch: 7, Roots: []Root{
		{Topic: domain.TopicElections, Size: 3, Next: 3, Hash: Leaf(record(1))},
		{Topic: domain.TopicLog, Partition: 7, Size: 12, Next: 19, Hash: Leaf(record(2))},
	}}
}

func TestASignedHeadIsReadBackAndNoOtherText(t *testing.T) {
	k, witness := keys(t, Name("main")), keys(t, "example.com/audit")
	signed, err := k.Sign(head())
	if err != nil {
		t.Fatal(err)
	}
	want := head()
	want.Keys = k.Verifiers()
	if signed, err = Countersign(signed, witness); err != nil {
		t.Fatal(err)
	}
	got, signatures, trusted, err := Open(signed, k.Verifiers()...)
	if diff := cmp.Diff(want, got); diff != "" || !trusted || err != nil || len(signatures) != 2 {
		t.Errorf("%v %v %v %s", trusted, err, signatures, diff)
	}
	if _, _, trusted, err = Open(signed, witness.Verifiers()...); !trusted || err != nil {
		t.Errorf("of the witness: %v %v", trusted, err)
	}
	if _, _, trusted, err = Open(signed, keys(t, Name("main")).Verifiers()...); trusted || err != nil {
		t.Errorf("of a stranger: %v %v", trusted, err)
	}
	changed := bytes.Replace(signed, []byte(" 12 19 "), []byte(" 13 19 "), 1)
	if _, _, _, err = Open(changed, k.Verifiers()...); !errors.Is(err, domain.ErrCorrupt) {
		t.Errorf("of a changed one: %v", err)
	}
	if _, _, _, err = Open(signed[:len(signed)/2], k.Verifiers()...); err == nil {
		t.Error("a head that was cut is read")
	}
}

func TestWhatIsNoHeadIsRefused(t *testing.T) {
	h := head()
	good := h.Text()
	if _, err := ParseHead(good + "more to come\n"); err != nil {
		t.Errorf("a line of a later version: %v", err)
	}
	for _, bad := range []string{
		"", "understudy.main\n", strings.Replace(good, "understudy.", "other.", 1), strings.Replace(good, "epoch 7", "epoch x", 1),
		strings.Replace(good, "log 7", "log -7", 1), strings.Replace(good, "log 7", "control 0", 1), strings.Replace(good, "12 19", "12 11", 1),
		strings.Replace(good, "root log", "root elections 0 3 3 AAAA\nroot log", 1), good + "root log 7 1 1 " + strings.Repeat("A", 43) + "=\n",
	} {
		if h, err := ParseHead(bad); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%q: %+v %v", bad, h, err)
		}
	}
}

func TestAFileOfKeysIsCheckedWhole(t *testing.T) {
	private, verifier, err := GenerateKey(rand.Reader, "understudy.main")
	if err != nil {
		t.Fatal(err)
	}
	_, other, err := GenerateKey(rand.Reader, "understudy.main")
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "x", private, KeyLine(private, other), KeyLine(private, verifier) + "x", strings.Repeat(KeyLine(private, verifier), 5)} {
		if _, err := ParseKeys([]byte(bad)); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
}

func TestClaimsAreJudgedWhereverTheyCome(t *testing.T) {
	var tree Tree
	roots := map[int64]Root{}
	for n := range int64(10) {
		tree.Add(record(2 * n)) // with gaps
		roots[n+1] = RootOf(domain.TopicLog, 0, &tree)
	}
	w := &Watch{}
	w.Keep()
	wrong := roots[6]
	wrong.Hash[0]++
	w.Expect(Claim{Root: roots[8], By: "c8"})
	w.Expect(Claim{Root: roots[4], By: "c4"})
	w.Expect(Claim{Root: wrong, By: "c6"})
	for n := range int64(9) {
		w.Add(record(2 * n))
	}
	w.Expect(Claim{Root: roots[2], By: "c2"}) // late
	w.Expect(Claim{Root: roots[9], By: "c9"}) // now
	w.Expect(Claim{Root: roots[10], By: "c10"})
	found, checked, unchecked := w.Finish()
	if checked != 6 || unchecked != 0 || len(found) != 2 {
		t.Fatalf("%d checked, %d not, found %v", checked, unchecked, found)
	}
	if f := found[0]; f.By != "c6" || f.Same != 7 || f.Cut {
		t.Errorf("%+v", f)
	}
	if f := found[1]; f.By != "c10" || f.Same != 17 || !f.Cut {
		t.Errorf("%+v", f)
	}
	if !slices.ContainsFunc(found, func(f Finding) bool { return strings.Contains(f.String(domain.TopicLog, 3), "log/3") }) {
		t.Error("no finding names its partition")
	}
}
