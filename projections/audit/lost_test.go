package audit

import (
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
)

var evening = domain.InstantOf(time.Date(2026, 3, 1, 20, 0, 0, 0, time.UTC))

func ofA(offset int64, after time.Duration, epoch, sequence uint64, subject string, p domain.Payload) *domain.Record {
	return &domain.Record{
		Position: domain.Position{Offset: offset}, Appended: evening.Add(after), Signed: true, Source: domain.ServerSource("A"), Subject: subject,
		UID: "r", Type: p.Type(), Epoch: epoch, Sequence: sequence, Payload: p,
	}
}

// A primary begins anew with what a device has pending when it is configured anew, and
// the log may not hold yet how that ended.
func TestASecondOutcomeAfterAChangeOfTheDeviceCountsForNothing(t *testing.T) {
	hub := domain.Definition{Device: "hub", Driver: domain.DriverVideohub, Inputs: 4, Outputs: 4, OnReconnect: domain.Adopt}
	renamed := hub
	renamed.Address, renamed.Revision = "127.0.0.1:9", 1
	take := &domain.Record{
		Position: domain.Position{Offset: 2}, Appended: evening, Subject: "hub", UID: "u1", Source: "/panel", Created: evening,
		Type: domain.TypeTake, Payload: domain.Take{Destination: 1, Source: 2},
	}
	ended := domain.Ended{UID: "u1", Command: domain.Position{Offset: 2}, Outcome: domain.Confirmed}
	again := ended
	again.Outcome = domain.Superseded
	for name, test := range map[string]struct {
		between domain.Payload
		want    Status
	}{
		"configured anew before the first one landed": {domain.Configured{Definition: renamed}, Held},
		"of itself": {domain.Tick{Time: evening}, Violated},
	} {
		a := New(Options{Partitions: 1})
		a.Begins(domain.TopicLog, 0, 0)
		a.Log(ofA(0, 0, 1, 1, "A", domain.EpochOpened{Server: "A", Incarnation: "a1", Time: evening}))
		a.Log(ofA(1, 0, 1, 2, "hub", domain.Configured{Definition: hub}))
		a.Log(take)
		subject := "hub"
		if test.between.Type() == domain.TypeTick {
			subject = "log"
		}
		a.Log(ofA(3, 0, 1, 3, subject, test.between))
		a.Log(ofA(4, 0, 1, 4, "hub", ended))
		a.Log(ofA(5, 0, 1, 5, "hub", again))
		r := a.Finish()
		if got := r.Verdict(RuleOneEffect).Status; got != test.want {
			t.Errorf("%s: one-effect is %s, want %s", name, got, test.want)
		}
		if got := r.Verdict(RuleComplete).Status; got != test.want {
			t.Errorf("%s: complete is %s, want %s", name, got, test.want)
		}
	}
}

// What control had not been copied of when it was lost, nobody can know.
func TestAnElectionThatWasLostWithControlIsNotDecidable(t *testing.T) {
	for name, opened := range map[string]time.Duration{"between the two": 5 * time.Second, "while the first one was copied": time.Second} {
		originals := make(map[int64]domain.Record)
		a := New(Options{Partitions: 1, Original: func(c domain.Copied) domain.Record { return originals[c.Control] }})
		a.Begins(domain.TopicElections, 0, 0)
		a.Begins(domain.TopicLog, 0, 0)
		n := int64(0)
		keep := func(offset int64, after time.Duration, p domain.Payload) {
			originals[offset] = *ofA(offset, after, 0, 0, "A", p)
			a.Election(ofA(n, after, 0, 0, "A", domain.Copied{Control: offset}))
			n++
		}
		keep(0, 0, domain.Joined{Incarnation: "a1"})
		keep(1, 0, domain.Claim{Incarnation: "a1", Epoch: 1, Seen: -1, N: 1, TTL: time.Second})
		keep(2, 2*time.Second, domain.Died{Incarnation: "a1"})
		keep(0, 9*time.Second, domain.Joined{Incarnation: "a3"}) // of a new control
		keep(1, 9*time.Second, domain.Floor{Epoch: 2})
		keep(2, 9*time.Second, domain.Claim{Incarnation: "a3", Epoch: 3, Seen: -1, N: 1, TTL: time.Second})
		a.Log(ofA(0, 0, 1, 1, "A", domain.EpochOpened{Server: "A", Incarnation: "a1", Time: evening}))
		a.Log(ofA(1, opened, 2, 1, "A", domain.EpochOpened{Server: "A", Incarnation: "a2", Time: evening}))
		a.Log(ofA(2, 9*time.Second, 3, 1, "A", domain.EpochOpened{Server: "A", Incarnation: "a3", Time: evening}))
		want := Undecided
		if opened == time.Second {
			want = Violated
		}
		if got := a.Finish().Verdict(RuleElections).Status; got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// What stands in a control topic that was made anew is not what was copied of the one before.
func TestAControlThatWasMadeAnewAndNotCopiedYetIsNoForgery(t *testing.T) {
	for name, test := range map[string]struct {
		made  time.Duration // when the control that is read was begun
		empty bool
		want  map[Rule]Status
	}{
		"newer than all copies": {9 * time.Second, false, map[Rule]Status{RuleElections: Held, RuleComplete: Held, RuleRetention: Held, RuleEpochs: Held}},
		"as old as the copies":  {time.Second, false, map[Rule]Status{RuleElections: Violated}},
		"empty":                 {0, true, map[Rule]Status{RuleElections: Held, RuleComplete: Undecided}},
	} {
		originals := make(map[int64]domain.Record)
		a := New(Options{Partitions: 1, Original: func(c domain.Copied) domain.Record { return originals[c.Control] }})
		for _, kind := range []domain.TopicKind{domain.TopicElections, domain.TopicControl, domain.TopicLog} {
			a.Begins(kind, 0, 0)
		}
		for n, p := range []domain.Payload{
			domain.Joined{Incarnation: "a1"}, domain.Claim{Incarnation: "a1", Epoch: 1, Seen: -1, N: 1, TTL: time.Second}, domain.Died{Incarnation: "a1"},
		} {
			off := int64(n)
			originals[off] = *ofA(off, time.Duration(n)*time.Second, 0, 0, "A", p)
			a.Election(ofA(off, 2*time.Second, 0, 0, "A", domain.Copied{Control: off}))
		}
		a.Log(ofA(0, 2*time.Second, 1, 1, "A", domain.EpochOpened{Server: "A", Incarnation: "a1", Time: evening}))
		if !test.empty {
			for n, p := range []domain.Payload{
				domain.Joined{Incarnation: "a3"}, domain.Floor{Epoch: 1}, domain.Claim{Incarnation: "a3", Epoch: 2, Seen: -1, N: 1, TTL: time.Second},
			} {
				a.Control(ofA(int64(n), test.made, 0, 0, "A", p))
			}
			a.Log(ofA(1, 9*time.Second, 2, 1, "A", domain.EpochOpened{Server: "A", Incarnation: "a3", Time: evening}))
		}
		r := a.Finish()
		for rule, want := range test.want {
			if v := r.Verdict(rule); v.Status != want {
				t.Errorf("%s: %s is %s, want %s: %+v", name, rule, v.Status, want, v)
			}
		}
	}
}
