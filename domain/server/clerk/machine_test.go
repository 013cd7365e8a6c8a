package clerk_test

import (
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
	"github.com/understudy-io/understudy/domain/server/clerk"
)

func newClerk() *clerk.Machine {
	return clerk.New(domain.Scribe{Server: "A", UID: func() string { return "new" }},
		func(_ domain.Stored, r domain.Record) domain.DeadLetter {
			return domain.DeadLetter{Record: r.Position, Reason: r.Defect}
		})
}

var (
	at     = domain.Position{Partition: 1, Offset: 5}
	noon   = domain.Now{Mono: time.Second, Wall: 1_700_000_000_000_000_000}
	dead   = clerk.Chore{Chore: partition.Chore{Kind: partition.DeadLetter, Position: at, Defect: domain.DefectState}}
	lost   = clerk.Chore{Chore: partition.Chore{Kind: partition.Forward, Position: at, Device: "d", Owner: 3}}
	again  = clerk.Chore{Chore: partition.Chore{Kind: partition.Again, Position: at, Device: "d", UID: "again-1", Payload: domain.Take{Destination: 1, Source: 2}, By: "ann"}}
	relock = clerk.Relock{Because: at, Asked: domain.Position{Partition: 1, Offset: 2}, Device: "d", UID: "relock-1", Take: domain.SetLock{Destination: 1, State: domain.LockTake}}
)

// one gives the only effect of a step, which must be of a type.
func one[E clerk.Effect](t *testing.T, effects []clerk.Effect) E {
	t.Helper()
	if len(effects) == 1 {
		if e, ok := effects[0].(E); ok {
			return e
		}
	}
	var want E
	t.Fatalf("it did %+v, wanted one %T", effects, want)
	return want
}

func TestADeadLetterIsCopiedAndThenHandled(t *testing.T) {
	m := newClerk()
	if f := one[clerk.Fetch](t, m.Step(noon, clerk.Do{Errand: dead})); f.At != at {
		t.Errorf("it reads %s", f.At)
	}
	a := one[clerk.Append](t, m.Step(noon, clerk.Fetched{Record: domain.Record{Position: at, Type: domain.TypeOutcome}}))
	letter, ok := a.Record.Payload.(domain.DeadLetter)
	if a.Topic != domain.TopicDeadLetter || !ok || letter.Record != at || letter.Reason != domain.DefectState {
		t.Errorf("it appends %+v", a)
	}
	j := one[clerk.Journal](t, m.Step(noon, clerk.Appended{}))
	if h, ok := j.Entry.Payload.(domain.Handled); !ok || h.Record != at || j.Entry.Partition != 1 || j.Entry.Subject != "log" {
		t.Errorf("the journal gets %+v", j.Entry)
	}
}

func TestAMisplacedCommandIsForwardedUnderItsUID(t *testing.T) {
	m := newClerk()
	m.Step(noon, clerk.Do{Errand: lost})
	a := one[clerk.Append](t, m.Step(noon, clerk.Fetched{Record: domain.Record{Position: at, UID: "mine", Subject: "d", Appended: 77}}))
	if a.Topic != domain.TopicLog || a.Partition != 3 || a.Record.UID != "mine" || *a.Record.Origin != at || a.Record.Created != 77 {
		t.Errorf("it appends %+v", a)
	}
	one[clerk.Journal](t, m.Step(noon, clerk.Appended{}))
}

func TestACommandThatIsAppendedAgainSpeaksForItself(t *testing.T) {
	m := newClerk()
	a := one[clerk.Append](t, m.Step(noon, clerk.Do{Errand: again}))
	if a.Partition != 1 || a.Record.UID != "again-1" || a.Record.User != "ann" || a.Record.Created != noon.Wall {
		t.Errorf("it appends %+v", a)
	}
	if effects := m.Step(noon, clerk.Appended{}); len(effects) > 0 {
		t.Errorf("and then it does %+v", effects)
	}
}

// A claim of an unsigned command is nobody's word.
func TestALockIsTakenAgainForWhoHasAskedForIt(t *testing.T) {
	for signed, user := range map[bool]string{true: "ann", false: ""} {
		m := newClerk()
		if f := one[clerk.Fetch](t, m.Step(noon, clerk.Do{Errand: relock})); f.At != relock.Asked {
			t.Errorf("it reads %s", f.At)
		}
		a := one[clerk.Append](t, m.Step(noon, clerk.Fetched{Record: domain.Record{User: "ann", Signed: signed}}))
		if a.Record.UID != "relock-1" || a.Record.User != user || a.Record.Payload != domain.Payload(relock.Take) {
			t.Errorf("signed %v: it appends %+v", signed, a)
		}
	}
}

func TestAnErrandIsTriedUntilItSucceedsAndTheNextOneOnItsWayWaits(t *testing.T) {
	m := newClerk()
	now := noon
	m.Step(now, clerk.Do{Errand: dead})
	second := dead
	second.Position.Offset++
	if effects := m.Step(now, clerk.Do{Errand: second}); len(effects) > 0 {
		t.Fatalf("two at once: %+v", effects)
	}
	var pauses []string
	for range 8 {
		one[clerk.Retrying](t, m.Step(now, clerk.Failed{}))
		if effects := m.Step(domain.Now{Mono: m.NextWake() - 1}, clerk.Timer{}); len(effects) > 0 {
			t.Fatalf("too early: %+v", effects)
		}
		pauses = append(pauses, (m.NextWake() - now.Mono).String())
		now.Mono = m.NextWake()
		one[clerk.Fetch](t, m.Step(now, clerk.Timer{}))
	}
	if got := strings.Join(pauses, " "); got != "20ms 40ms 80ms 160ms 320ms 640ms 1s 1s" {
		t.Errorf("it waited %s", got)
	}
	m.Step(now, clerk.Fetched{})
	effects := m.Step(now, clerk.Appended{})
	if len(effects) != 2 {
		t.Fatalf("it did %+v, wanted the end of the one and the beginning of the other", effects)
	}
}

// What cannot be done, because a record is too large or a permission is missing,
// must not hold up what can.
func TestAnErrandThatCanNeverSucceedIsGivenUp(t *testing.T) {
	m := newClerk()
	m.Step(noon, clerk.Do{Errand: again})
	m.Step(noon, clerk.Do{Errand: relock}) // behind it, on the same way
	effects := m.Step(noon, clerk.Failed{Invalid: true, Cause: "too large"})
	if len(effects) != 2 {
		t.Fatalf("it did %+v, wanted the end of the one and the beginning of the other", effects)
	}
	if g, ok := effects[0].(clerk.GaveUp); !ok || g.Errand != clerk.Errand(again) || g.Cause != "too large" {
		t.Errorf("it tells %+v", effects[0])
	}
	if f, ok := effects[1].(clerk.Fetch); !ok || f.At != relock.Asked {
		t.Errorf("it goes on with %+v", effects[1])
	}
	if wake := m.NextWake(); wake != 0 {
		t.Errorf("it wants to be woken at %s", wake)
	}
}

func TestWhatHasToWaitHoldsUpOnlyWhatGoesTheSameWay(t *testing.T) {
	m := newClerk()
	m.Step(noon, clerk.Do{Errand: lost})
	second := lost
	second.Position.Offset++
	m.Step(noon, clerk.Do{Errand: second})
	m.Step(noon, clerk.Do{Errand: dead})
	effects := m.Step(noon, clerk.Failed{Cause: "partition 3 has no leader"})
	if len(effects) != 2 || effects[1] != clerk.Effect(clerk.Fetch{At: dead.Position}) {
		t.Fatalf("it did %+v, wanted the dead letter next", effects)
	}
	m.Step(noon, clerk.Fetched{Record: domain.Record{Position: at}})
	if effects := m.Step(noon, clerk.Appended{}); len(effects) != 1 {
		t.Errorf("then it did %+v, wanted nothing but the journal's entry", effects)
	}
	later := domain.Now{Mono: m.NextWake()}
	if f := one[clerk.Fetch](t, m.Step(later, clerk.Timer{})); f.At != lost.Position {
		t.Errorf("the first one of two on a way is not %s", f.At)
	}
}
