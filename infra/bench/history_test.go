package bench

import (
	"strings"
	"testing"

	"github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

// A history that a server would not fold as it is meant would measure
// something else.
func TestAHistoryIsOneThatServersWrite(t *testing.T) {
	const records, uids = 20_000, 4_000
	c := codec.New("bench", codec.Generate())
	h := newHistory(c, 3, devicesOf(3), records, uids)
	list, err := h.take(records)
	if err != nil {
		t.Fatal(err)
	}
	list = append(list, h.pending...) // the rest of the last command
	state := partition.New(3, partitions, partition.DefaultLimits())
	seen := make(map[domain.Type]int)
	for i, m := range list {
		r := c.Decode(domain.TopicLog, 3, domain.Stored{Message: m, Offset: int64(i), Appended: now()})
		seen[r.Type]++
		switch ch := state.Apply(r); ch.Verdict {
		case partition.Dead, partition.Fenced, partition.Repeated, partition.Conflict, partition.Misplaced:
			t.Fatalf("record %d, %s of %s: verdict %v, defect %q (%s)", i, r.Type, r.Subject, ch.Verdict, ch.Defect, r.Detail)
		}
	}
	for _, d := range state.Devices() {
		if n := len(d.Pending()); n > 0 {
			t.Errorf("%s has %d commands without an outcome", d.ID(), n)
		}
	}
	if n := state.Owed(); n > 0 {
		t.Errorf("the primary owes %d answers", n)
	}
	for _, want := range []domain.Type{
		domain.TypeTake, domain.TypeSalvo, domain.TypeLabel, domain.TypeInvoke, domain.TypeEpochOpened, domain.TypeTick,
		domain.TypeConfigured, domain.TypeConnection, domain.TypeReported, domain.TypeStarted, domain.TypeOutcome, domain.TypeAnswer,
	} {
		if seen[want] == 0 {
			t.Errorf("no %s among %d records", want, len(list))
		}
	}
	if n := int(state.Counters().Accepted); n < uids*9/10 || n > uids*11/10 {
		t.Errorf("%d commands, want about %d", n, uids)
	}
}

func TestOptionsSayEverythingThatIsWrong(t *testing.T) {
	o := Options{Only: []string{"speed"}, Records: 5, UIDs: 5, Devices: 1, Rounds: 0}
	err := o.Validate()
	if err == nil {
		t.Fatal("they pass")
	}
	for _, want := range []string{"--records 5", "--uids 5", "--devices 1", "--servers 0", "--rounds 0", "--block 0s", "--only speed"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not name %s", err, want)
		}
	}
}
