package treefile

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/projections/merkle"
)

func TestTreesAreKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trees")
	f := New(path)
	if got, err := f.Load("main"); err != nil || len(got) > 0 {
		t.Fatalf("got %v %v of no file", got, err)
	}
	want := []merkle.Place{{Topic: domain.TopicLog, Partition: 3}, {Topic: domain.TopicElections}}
	for i := range int64(5) {
		want[0].Tree.Add(&domain.Stored{Offset: i})
	}
	if err := f.Save("main", want); err != nil {
		t.Fatal(err)
	}
	got, err := f.Load("main")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(merkle.Tree{})); diff != "" {
		t.Error(diff)
	}
	if _, err := f.Load("other"); !errors.Is(err, domain.ErrCorrupt) {
		t.Errorf("another landscape's trees: %v", err)
	}
	for _, bad := range []string{"", "{", `{"format":"understudy.trees.v1","landscape":"main","trees":[{"tree":{"size":3,"next":3,"tops":[]}}]}`} {
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Load("main"); !errors.Is(err, domain.ErrCorrupt) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
