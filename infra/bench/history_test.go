package bench

import (
	"strings"
	"testing"
	"time"

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

func TestTheTimeLeftFollowsThePaceUntilNow(t *testing.T) {
	b := &bench{now: 1}
	for range 4 { // planned for 10 s each
		b.plan = append(b.plan, measurement{about: func(*Options) time.Duration { return 10 * time.Second }})
	}
	for _, c := range []struct{ spent, since, want time.Duration }{
		{10 * time.Second, 0, 30 * time.Second},
		{20 * time.Second, 5 * time.Second, 55 * time.Second}, // half as fast as planned
		{20 * time.Second, time.Minute, 40 * time.Second},     // and this one takes longer still
	} {
		if got := b.left(c.spent, c.since); got != c.want {
			t.Errorf("after %s, and %s of this one: %s left, want %s", c.spent, c.since, got, c.want)
		}
	}
}
