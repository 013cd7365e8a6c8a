package partition_test

import (
	"fmt"
	"testing"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

func TestACommandHasExactlyOneOutcome(t *testing.T) {
	for _, first := range []domain.Outcome{domain.Confirmed, domain.Failed, domain.Expired, domain.Superseded, domain.InDoubt} {
		t.Run(string(first), func(t *testing.T) {
			s := opened(t, partition.Limits{})
			s.command(gate, "u1", domain.Invoke{Verb: "pulse"})
			ch := s.end(gate, "u1", first)
			s.verdict(ch, partition.Applied)
			ended, ok := ch.Counted.(domain.Ended)
			if !ok || ended.Outcome != first || ch.Pending == nil || ch.Pending.UID != "u1" {
				t.Fatalf("change %+v does not tell the outcome", ch)
			}
			s.verdict(s.end(gate, "u1", domain.Confirmed), partition.Dead)
			e, _ := s.s.Lookup(gate, "u1")
			if !e.Done || e.Outcome != first || e.OutcomeAt != ch.Position {
				t.Fatalf("entry %+v, want the first outcome", e)
			}
		})
	}
}

func TestAnOutcomeMustFitItsCommand(t *testing.T) {
	for sentence, change := range map[string]func(v *domain.Ended){
		"an outcome never heard of":          func(v *domain.Ended) { v.Outcome = "perhaps" },
		"an accepted command is not refused": func(v *domain.Ended) { v.Outcome = domain.Refused },
		"another command's position":         func(v *domain.Ended) { v.Command.Offset-- },
		"another partition's position":       func(v *domain.Ended) { v.Command.Partition++ },
		"another command's UID":              func(v *domain.Ended) { v.UID = "u2" },
	} {
		t.Run(sentence, func(t *testing.T) {
			s := opened(t, partition.Limits{})
			p := s.command(gate, "u1", domain.Invoke{Verb: "pulse"})
			v := domain.Ended{UID: "u1", Command: p.Position, Outcome: domain.Confirmed}
			change(&v)
			s.verdict(s.fact(gate, v), partition.Dead)
			if d, _ := s.s.Device(gate); len(d.Pending()) != 1 {
				t.Fatal("the command is no longer pending")
			}
		})
	}
}

func TestOnlyTheFirstStartOfAOneShotCounts(t *testing.T) {
	s := opened(t, partition.Limits{})
	p := s.command(gate, "u1", domain.Invoke{Verb: "pulse"})
	first := s.fact(gate, domain.Started{UID: "u1", Command: p.Position})
	s.verdict(first, partition.Applied)
	s.open(2)
	s.verdict(s.fact(gate, domain.Started{UID: "u1", Command: p.Position}), partition.Dead)
	d, _ := s.s.Device(gate)
	if q := d.Pending()[0]; !q.Started || q.StartedEpoch != 1 || q.StartedAt != first.Position {
		t.Fatalf("pending %+v, want it started in epoch 1", q)
	}
	a := s.command(router, "u2", take(1, 1))
	s.verdict(s.fact(router, domain.Started{UID: "u2", Command: a.Position}), partition.Dead) // it is absolute
}

// inDoubt is a script with one action in doubt.
func inDoubt(t *testing.T) *script {
	s := opened(t, partition.Limits{Doubts: 2})
	p := s.command(gate, "u1", domain.Invoke{Verb: "pulse"})
	s.fact(gate, domain.Started{UID: "u1", Command: p.Position})
	s.open(2)
	ch := s.end(gate, "u1", domain.InDoubt)
	d, _ := s.s.Device(gate)
	q := d.Doubts()
	if !ch.DoubtsChanged || len(q) != 1 || q[0].UID != "u1" || q[0].Epoch != 1 || q[0].Command != p.Position {
		t.Fatalf("doubts %+v, want u1 of epoch 1", q)
	}
	return s
}

func TestADoubtIsResolvedOnceAndByAnOperator(t *testing.T) {
	for _, as := range []domain.Resolution{domain.ResolvedDone, domain.ResolvedNotDone} {
		t.Run(string(as), func(t *testing.T) {
			s := inDoubt(t)
			ch := s.operator(gate, "r1", domain.Resolve{UID: "u1", As: as, Reason: "seen on camera"})
			s.verdict(ch, partition.Applied)
			e, _ := s.s.Lookup(gate, "u1")
			want := partition.Resolved{As: as, By: "kim", Reason: "seen on camera", At: ch.Position}
			if e.Resolved == nil || *e.Resolved != want || e.Outcome != domain.InDoubt {
				t.Fatalf("entry %+v, want the outcome kept and %+v", e, want)
			}
			if d, _ := s.s.Device(gate); len(d.Doubts()) != 0 || s.s.Owed() != 0 {
				t.Fatal("the doubt is still there, or something is owed")
			}
			again := s.operator(gate, "r2", domain.Resolve{UID: "u1", As: as})
			if again.Reason != domain.ReasonNotInDoubt {
				t.Fatalf("%v %q, want not_in_doubt", again.Verdict, again.Reason)
			}
			s.verdict(s.operator(gate, "r1", domain.Resolve{UID: "u1", As: as, Reason: "seen on camera"}), partition.Duplicate)
		})
	}
}

func TestADoubtResolvedAsAgainIsOwedANewCommand(t *testing.T) {
	s := inDoubt(t)
	s.verdict(s.operator(gate, "r1", domain.Resolve{UID: "u1", As: domain.ResolvedAgain}), partition.Applied)
	list := s.s.Chores()
	uid := domain.DerivedUID("u1", "again")
	if len(list) != 1 || list[0].Kind != partition.Again || list[0].UID != uid || list[0].Device != gate ||
		list[0].By != "kim" || list[0].Payload.(domain.Invoke).Verb != "pulse" {
		t.Fatalf("chores %+v, want the pulse again under %s", list, uid)
	}
	s.verdict(s.command(gate, "other", domain.Invoke{Verb: "pulse"}), partition.Accepted)
	if s.s.Owed() != 1 {
		t.Fatal("another command ended the chore")
	}
	s.verdict(s.command(gate, uid, list[0].Payload), partition.Accepted)
	if s.s.Owed() != 0 {
		t.Fatal("the chore is still there after its command")
	}
	s.verdict(s.command(gate, uid, list[0].Payload), partition.Duplicate)
}

func TestAResolutionThatMakesNoSenseIsRefused(t *testing.T) {
	s := inDoubt(t)
	for uid, c := range map[string]struct {
		device string
		v      domain.Resolve
		reason domain.Reason
	}{
		"r1": {gate, domain.Resolve{UID: "u1", As: "maybe"}, domain.ReasonBadArguments},
		"r2": {gate, domain.Resolve{UID: "u2", As: domain.ResolvedDone}, domain.ReasonNotInDoubt},
		"r3": {router, domain.Resolve{UID: "u1", As: domain.ResolvedDone}, domain.ReasonNotInDoubt},
		"r4": {"nobody", domain.Resolve{UID: "u1", As: domain.ResolvedDone}, domain.ReasonUnknownDevice},
	} {
		if ch := s.operator(c.device, uid, c.v); ch.Verdict != partition.Refused || ch.Reason != c.reason {
			t.Errorf("%s: %v %q, want %q", uid, ch.Verdict, ch.Reason, c.reason)
		}
	}
}

func TestDoubtsAreBoundedAndTheOldestGoes(t *testing.T) {
	s := inDoubt(t)
	for i := range 2 {
		uid := fmt.Sprint("v", i)
		s.command(gate, uid, domain.Invoke{Verb: "pulse"})
		s.end(gate, uid, domain.InDoubt)
	}
	d, _ := s.s.Device(gate)
	if q := d.Doubts(); len(q) != 2 || q[0].UID != "v0" || s.s.Counters().Unkept != 1 {
		t.Fatalf("doubts %+v, want v0 and v1", q)
	}
}

func TestADeviceThatIsRemovedStaysUntilItsCommandsHaveEnded(t *testing.T) {
	s := inDoubt(t)
	s.command(gate, "u2", domain.Invoke{Verb: "pulse"})
	s.verdict(s.fact(gate, domain.Configured{Removed: true}), partition.Applied)
	if ch := s.command(gate, "u3", domain.Invoke{Verb: "pulse"}); ch.Reason != domain.ReasonUnknownDevice {
		t.Fatalf("%v %q, want unknown_device", ch.Verdict, ch.Reason)
	}
	s.verdict(s.fact(gate, domain.Connection{Up: true}), partition.Dead)
	if d, ok := s.s.Device(gate); !ok || !d.Removed {
		t.Fatal("the device is gone while it has a pending command")
	}
	s.end(gate, "u2", domain.Failed)
	if _, ok := s.s.Device(gate); !ok {
		t.Fatal("the device is gone while it has a doubt")
	}
	s.operator(gate, "r1", domain.Resolve{UID: "u1", As: domain.ResolvedDone})
	if _, ok := s.s.Device(gate); ok || len(s.s.Devices()) != 1 {
		t.Fatal("the device is still there")
	}
	s.verdict(s.fact(gate, domain.Configured{Removed: true}), partition.Dead)
	s.verdict(s.fact(gate, domain.Configured{Definition: gateDefinition()}), partition.Applied)
	s.verdict(s.command(gate, "u4", domain.Invoke{Verb: "pulse"}), partition.Accepted)
}

func TestAnImpossibleDefinitionIsADeadLetter(t *testing.T) {
	for sentence, change := range map[string]func(d *domain.Definition){
		"another device's name":             func(d *domain.Definition) { d.Device = "other" },
		"a router without outputs":          func(d *domain.Definition) { d.Outputs = 0 },
		"a router with too many inputs":     func(d *domain.Definition) { d.Inputs = 289 },
		"a router with fewer than no ports": func(d *domain.Definition) { d.Inputs = -1 },
	} {
		t.Run(sentence, func(t *testing.T) {
			s := opened(t, partition.Limits{})
			d := routerDefinition()
			change(&d)
			s.verdict(s.fact(router, domain.Configured{Definition: d}), partition.Dead)
			if is, _ := s.s.Device(router); is.Definition.Outputs != 10 || is.Definition.Inputs != 20 {
				t.Fatalf("definition %+v changed", is.Definition)
			}
		})
	}
	t.Run("a device of another partition", func(t *testing.T) {
		s := newScript(t, partition.Limits{})
		s.s = partition.New((domain.Partition(router, 8)+1)%8, 8, partition.Limits{})
		r := domain.Record{Position: domain.Position{Partition: s.s.Partition()}, Type: domain.TypeEpochOpened, Signed: true, Epoch: 1, Sequence: 1,
			Payload: domain.EpochOpened{Time: morning}}
		s.verdict(s.apply(r), partition.Applied)
		r.Type, r.Sequence, r.Subject, r.Payload = domain.TypeConfigured, 2, router, domain.Configured{Definition: routerDefinition()}
		s.verdict(s.apply(r), partition.Dead)
	})
}
