package partition_test

import (
	"encoding/json"
	"slices"
	"sync"
	"testing"

	"github.com/understudy-io/understudy/domain/partition"
)

// thawed is what a frozen state holds.
func thawed(t *testing.T, f *partition.Frozen) string {
	x := f.Export()
	x.Entries = slices.AppendSeq([]partition.ExportedEntry{}, f.Entries())
	if len(x.Entries) != f.Len() {
		t.Errorf("%d entries, and it says %d", len(x.Entries), f.Len())
	}
	b, err := json.Marshal(x)
	if err != nil {
		t.Error(err)
	}
	return string(b)
}

// The fold goes on before the frozen state is complete, and while another
// goroutine reads it.
func TestAFrozenStateIsTheOneThatItWas(t *testing.T) {
	for seed := range uint64(20) {
		s := partition.New(0, 2, tight)
		a := newAuthor(3000+seed, s)
		var reading sync.WaitGroup
		for range 40 {
			for range a.IntN(30) {
				s.Apply(a.next())
			}
			want, f := asJSON(t, s), s.Freeze()
			for done := false; !done; {
				for range a.IntN(6) {
					s.Apply(a.next())
				}
				done = f.Step()
			}
			reading.Go(func() {
				if got := thawed(t, f); got != want {
					t.Errorf("seed %d: the frozen state has changed:\n%s\n%s", seed, got, want)
				}
			})
		}
		reading.Wait()
	}
}
