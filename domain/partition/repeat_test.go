package partition_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

func TestARepeatIsNotDoneAgainAndGetsTheOriginalsOutcome(t *testing.T) {
	s := opened(t, partition.Limits{})
	original := s.command(router, "u1", take(1, 2))
	s.fact(router, domain.Ended{UID: "u1", Command: original.Position, Outcome: domain.Failed, Reason: domain.ReasonNak, Detail: "NAK"})
	repeat := s.command(router, "u1", take(1, 2))
	s.verdict(repeat, partition.Duplicate)
	if d, _ := s.s.Device(router); len(d.Pending()) != 0 {
		t.Fatal("the repeat is pending")
	}
	want := domain.Answer{
		UID: "u1", Repeat: repeat.Position, Original: original.Position, Outcome: domain.Failed, Reason: domain.ReasonNak, Detail: "NAK",
	}
	list := s.s.Chores()
	if len(list) != 1 || list[0].Answer != want {
		t.Fatalf("chores %+v, want the answer %+v", list, want)
	}
	s.verdict(s.fact(router, want), partition.Applied)
	s.verdict(s.fact(router, want), partition.Dead) // it was given
}

func TestARepeatThatComesBeforeTheOutcomeWaitsForIt(t *testing.T) {
	s := opened(t, partition.Limits{})
	s.command(router, "u1", take(1, 2))
	first := s.command(router, "u1", take(1, 2))
	second := s.command(router, "u1", take(1, 3))
	s.verdict(first, partition.Duplicate)
	s.verdict(second, partition.Conflict)
	if s.s.Owed() != 0 {
		t.Fatal("an answer is owed before there is an outcome")
	}
	s.end(router, "u1", domain.Confirmed)
	list := s.s.Chores()
	if len(list) != 2 || list[0].Position != first.Position || list[0].Answer.Conflict ||
		list[1].Position != second.Position || !list[1].Answer.Conflict || list[1].Answer.Outcome != domain.Confirmed {
		t.Fatalf("chores %+v, want both answers in log order", list)
	}
	if e, _ := s.s.Lookup(router, "u1"); e.Conflicts != 1 || e.Waiting != 0 {
		t.Fatalf("entry %+v", e)
	}
}

func TestARefusedCommandStaysRefusedForItsRepeats(t *testing.T) {
	s := opened(t, partition.Limits{})
	original := s.command(router, "u1", take(99, 1))
	repeat := s.command(router, "u1", take(99, 1))
	s.verdict(repeat, partition.Duplicate)
	bigger := routerDefinition()
	bigger.Outputs = 288
	s.fact(router, domain.Configured{Definition: bigger})
	s.verdict(s.command(router, "u1", take(99, 1)), partition.Duplicate) // though it would be accepted now
	s.verdict(s.fact(router, domain.Ended{UID: "u1", Command: original.Position, Outcome: domain.Refused, Reason: domain.ReasonTooOld}), partition.Dead)
	s.verdict(s.fact(router, domain.Ended{UID: "u1", Command: original.Position, Outcome: domain.Confirmed}), partition.Dead)
	s.verdict(s.fact(router, domain.Ended{UID: "u1", Command: original.Position, Outcome: domain.Refused, Reason: domain.ReasonOutOfRange}), partition.Applied)
	s.verdict(s.fact(router, domain.Ended{UID: "u1", Command: original.Position, Outcome: domain.Refused, Reason: domain.ReasonOutOfRange}), partition.Dead)
	answers := 0
	for _, c := range s.s.Chores() {
		if c.Kind == partition.GiveAnswer && c.Answer.Outcome == domain.Refused && c.Answer.Reason == domain.ReasonOutOfRange {
			answers++
		}
	}
	if answers != 2 {
		t.Fatalf("%d answers are owed, want 2: %+v", answers, s.s.Chores())
	}
}

func TestTheSameUIDOfTwoDevicesIsTwoCommands(t *testing.T) {
	s := opened(t, partition.Limits{})
	s.verdict(s.command(router, "u1", take(1, 2)), partition.Accepted)
	s.verdict(s.command(gate, "u1", domain.Invoke{Verb: "pulse"}), partition.Accepted)
}

func TestWaitingRepeatsAreBounded(t *testing.T) {
	s := opened(t, partition.Limits{})
	s.command(router, "u1", take(1, 2))
	for range 100 {
		s.verdict(s.command(router, "u1", take(1, 2)), partition.Duplicate)
	}
	if e, _ := s.s.Lookup(router, "u1"); e.Waiting != 64 {
		t.Fatalf("%d repeats wait, want 64", e.Waiting)
	}
	if n := s.s.Counters().Unanswered; n != 36 {
		t.Fatalf("%d were counted as unanswered, want 36", n)
	}
}

func TestChoresAreBoundedAndARefusalIsRememberedAllTheSame(t *testing.T) {
	s := opened(t, partition.Limits{Chores: 10})
	for i := range 30 {
		s.verdict(s.command(router, fmt.Sprint("u", i), take(99, 1)), partition.Refused)
	}
	if s.s.Owed() != 10 || s.s.Counters().Unanswered != 20 {
		t.Fatalf("%d owed, %d not, want 10 and 20", s.s.Owed(), s.s.Counters().Unanswered)
	}
	e, ok := s.s.Lookup(router, "u29")
	if !ok || !e.Done || e.Outcome != domain.Refused || e.Reason != domain.ReasonOutOfRange {
		t.Fatalf("entry %+v, want a refusal that repeats can be answered with", e)
	}
}

func TestDeadLettersLeaveRoomForWhatMustNotBeLeftUndone(t *testing.T) {
	s := opened(t, partition.Limits{Chores: 10})
	for range 30 {
		s.apply(domain.Record{Defect: domain.DefectHeaders})
	}
	if s.s.Owed() != 5 || s.s.Counters().Unlettered != 25 {
		t.Fatalf("%d owed, %d dropped, want 5 and 25", s.s.Owed(), s.s.Counters().Unlettered)
	}
	ch := s.command(router, "u1", take(99, 1))
	if !ch.ChoresChanged || s.s.Owed() != 6 {
		t.Fatal("there was no room for a refusal")
	}
}

func TestAResentCommandNeverRunsTwiceHoweverLate(t *testing.T) {
	s := opened(t, partition.Limits{})
	old := domain.Record{Type: domain.TypeInvoke, UID: "pulse-1", Subject: gate, Created: s.now, Payload: domain.Invoke{Verb: "pulse"}}
	s.verdict(s.apply(old), partition.Accepted)
	s.end(gate, "pulse-1", domain.Confirmed)
	for range 24*6 + 1 {
		s.wait(10 * time.Minute)
		s.fact("", domain.Tick{Time: s.now})
	}
	if _, ok := s.s.Lookup(gate, "pulse-1"); ok {
		t.Fatal("the UID is still remembered after the window")
	}
	ch := s.apply(old)
	if ch.Verdict != partition.Refused || ch.Reason != domain.ReasonTooOld {
		t.Fatalf("%v %q, want it refused as too old", ch.Verdict, ch.Reason)
	}
	list := s.s.Chores()
	if len(list) != 1 || list[0].Kind != partition.GiveAnswer || list[0].Answer.Outcome != domain.Refused || list[0].Answer.Reason != domain.ReasonTooOld {
		t.Fatalf("chores %+v, want an answer and not a second outcome", list)
	}
	for _, at := range []domain.Instant{old.Created, s.s.Forgotten()} {
		if !strings.Contains(list[0].Answer.Detail, at.String()) {
			t.Fatalf("detail %q does not name %v", list[0].Answer.Detail, at)
		}
	}
	if _, ok := s.s.Lookup(gate, "pulse-1"); ok {
		t.Fatal("a refusal as too old is remembered: its UID had another outcome")
	}
}

func TestUIDsAreForgottenInTheOrderOfTheirTimeNotOfTheLog(t *testing.T) {
	s := opened(t, partition.Limits{UIDs: 2})
	at := func(uid string, back time.Duration) partition.Change {
		ch := s.apply(domain.Record{Type: domain.TypeTake, UID: uid, Subject: router, Created: s.now.Add(-back), Payload: take(1, 1)})
		if ch.Verdict == partition.Accepted {
			s.end(router, uid, domain.Confirmed)
		}
		return ch
	}
	at("new", 0)
	at("old", time.Hour)
	at("middle", time.Minute) // three are one too many: the old one goes
	if _, ok := s.s.Lookup(router, "old"); ok {
		t.Fatal("the oldest was not forgotten")
	}
	if _, ok := s.s.Lookup(router, "new"); !ok {
		t.Fatal("the first in the log was forgotten, though it is the newest")
	}
	if ch := at("older than the forgotten", 2*time.Hour); ch.Reason != domain.ReasonTooOld {
		t.Fatalf("%v %q, want too old", ch.Verdict, ch.Reason)
	}
	if ch := at("as old as the forgotten", time.Hour); ch.Reason != domain.ReasonTooOld {
		t.Fatalf("%v %q, want too old", ch.Verdict, ch.Reason)
	}
	if ch := at("newer than the forgotten", time.Hour-1); ch.Verdict != partition.Accepted {
		t.Fatalf("%v %q, want accepted", ch.Verdict, ch.Reason)
	}
}

func TestACommandWithoutAnOutcomeIsNeverForgotten(t *testing.T) {
	s := opened(t, partition.Limits{UIDs: 3, Chores: 100})
	s.command(router, "waits", take(1, 1))
	for i := range 5 {
		s.wait(time.Second)
		uid := fmt.Sprint("u", i)
		s.verdict(s.command(router, uid, take(2, 1)), partition.Accepted)
		s.end(router, uid, domain.Confirmed)
	}
	if _, ok := s.s.Lookup(router, "waits"); !ok || s.s.Counters().Evicted != 0 {
		t.Fatal("something was forgotten while the oldest had no outcome")
	}
	ch := s.command(router, "over", take(2, 1)) // twice the limit is the end
	if ch.Verdict != partition.Refused || ch.Reason != domain.ReasonOverloaded {
		t.Fatalf("%v %q, want overloaded", ch.Verdict, ch.Reason)
	}
	s.end(router, "waits", domain.Confirmed)
	if n := s.s.Counters().Evicted; n != 3 {
		t.Fatalf("%d forgotten, want 3", n)
	}
	s.verdict(s.command(router, "over", take(2, 1)), partition.Accepted)
}

func TestATimeFromTheFutureDoesNotShutOutTheOthers(t *testing.T) {
	s := opened(t, partition.Limits{UIDs: 1})
	ch := s.apply(domain.Record{Type: domain.TypeTake, UID: "far", Subject: router, Created: s.now.Add(1000 * time.Hour), Payload: take(1, 1)})
	if ch.Reason != domain.ReasonFromFuture {
		t.Fatalf("%v %q, want from_future", ch.Verdict, ch.Reason)
	}
	s.fact(router, domain.Ended{UID: "far", Command: ch.Position, Outcome: domain.Refused, Reason: domain.ReasonFromFuture})
	for i := range 3 {
		s.wait(time.Second)
		uid := fmt.Sprint("u", i)
		s.verdict(s.command(router, uid, take(1, 1)), partition.Accepted)
		s.end(router, uid, domain.Confirmed)
	}
	if s.s.Forgotten() > s.now {
		t.Fatalf("forgotten up to %v, now is %v", s.s.Forgotten(), s.now)
	}
}
