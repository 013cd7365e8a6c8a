package election

import (
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// written is a record of a process named like "a1": incarnation a1 of a.
type written struct {
	by string
	p  domain.Payload
}

func join(by string) written { return written{by, domain.Joined{Incarnation: by}} }

func claimed(by string, epoch uint64, seen int64) written {
	return written{by, domain.Claim{Incarnation: by, Epoch: epoch, Seen: seen, N: 1, TTL: time.Second}}
}

func beaten(by string, epoch, n uint64) written {
	return written{by, domain.Heartbeat{Incarnation: by, Epoch: epoch, N: n, TTL: time.Second}}
}

func released(by string, epoch uint64) written {
	return written{by, domain.Release{Incarnation: by, Epoch: epoch}}
}

func dead(by string) written { return written{by, domain.Died{Incarnation: by}} }

func removal(of string) written { return written{of, domain.Removed{By: "ops"}} }

func banned(who string) written {
	return written{who, domain.Removed{By: "ops", Reason: "sold", Out: true}}
}

func drain(who string) written { return written{who, domain.Drained{On: true, By: "ops"}} }

func undrain(who string) written { return written{who, domain.Drained{By: "ops"}} }

func preferred(by string, precedence int) written {
	return written{by, domain.Joined{Incarnation: by, Precedence: precedence}}
}

func limited(to int) written {
	return written{"a1", domain.Policy{Order: domain.OrderLongestRunning, FailBack: domain.FailBackNever, MaxMembers: to}}
}

var (
	paused    = written{"a1", domain.Paused{On: true, By: "ops"}}
	dissolved = written{"a1", domain.Dissolved{By: "ops"}}
)

// Each history's last record is the one that is ruled on.
func TestTheFoldRules(t *testing.T) {
	begun := []written{join("a1"), join("b1"), claimed("a1", 1, -1)} // heard is 2
	quarantine := written{"b1", domain.Quarantined{Incarnation: "b1"}}
	for _, test := range []struct {
		name    string
		history []written
		void    string // part of why; empty if it counts
		holder  string // afterwards
	}{
		{"a claim by a stranger is void", []written{claimed("x1", 1, -1)}, "not a member", ""},
		{"a claim that has seen the last record that counts is valid", append(begun, claimed("b1", 2, 2)), "", "b1"},
		{"one that has not is void", append(begun, beaten("a1", 1, 2), claimed("b1", 2, 2)), "seen 2 is below heard 3", "a1"},
		{"one that has seen what is not there is void", append(begun, claimed("b1", 2, 77)), "not before the claim", "a1"},
		{"one for the same epoch is void", append(begun, claimed("b1", 1, 2)), "epoch 1 is not 2", "a1"},
		{"one for a later epoch is void", append(begun, claimed("b1", 3, 2)), "epoch 3 is not 2", "a1"},
		{"a quarantined member's claim is void", append(begun, quarantine, claimed("b1", 2, 2)), "quarantined", "a1"},
		{"also when nobody holds the epoch", append(begun, quarantine, released("a1", 1), claimed("b1", 2, 2)), "quarantined", ""},
		{"also after a restart", append(begun, quarantine, dead("b1"), join("b2"), claimed("b2", 2, 2)), "quarantined", "a1"},
		{"a cleared member's counts", append(begun, quarantine, written{"b1", domain.Cleared{Incarnation: "b1"}}, claimed("b1", 2, 2)), "", "b1"},
		{"a dead incarnation's claim is void", append(begun, dead("b1"), claimed("b1", 2, 2)), "not a member", "a1"},
		{"a removed member's is void", append(begun, removal("b1"), claimed("b1", 2, 2)), "not a member", "a1"},
		{"an older incarnation's is void", append(begun, join("b2"), claimed("b1", 2, 2)), "not a member", "a1"},

		{"only the holder's incarnation releases", append(begun, join("a2"), released("a2", 1)), "not held by", "a1"},
		{"the holder's does, whoever joined under its name", append(begun, join("a2"), released("a1", 1)), "", ""},
		{"nobody releases another epoch", append(begun, released("a1", 2)), "not held by", "a1"},
		{"only the holder's incarnation dies as the holder", append(begun, join("a2"), dead("a2")), "", "a1"},
		{"the holder dies though another joined under its name", append(begun, join("a2"), dead("a1")), "", ""},
		{"only the holder's incarnation leaves as the holder", append(begun, join("a2"), written{"a2", domain.Left{Incarnation: "a2"}}), "", "a1"},
		{"only the holder's heartbeats count", append(begun, join("a2"), beaten("a2", 1, 9)), "not held by", "a1"},
		{"the holder's count though another joined under its name", append(begun, join("a2"), beaten("a1", 1, 2)), "", "a1"},
		{"a repeated heartbeat is void", append(begun, beaten("a1", 1, 2), beaten("a1", 1, 2)), "n 2 is not above 2", "a1"},
		{"a heartbeat with the claim's n is void", append(begun, beaten("a1", 1, 1)), "n 1 is not above 1", "a1"},

		{"an incarnation joins once", append(begun, join("b1")), "joined already", "a1"},
		{"a dead one does not come back", append(begun, dead("b1"), join("b1")), "is over", "a1"},
		{"one that died before its join landed neither", append(begun, dead("c1"), join("c1")), "is over", "a1"},
		{"an older one does not come back by a late join", append(begun, join("b2"), join("b1")), "is over", "a1"},
		{"a removed one does not come back", append(begun, removal("b1"), join("b1")), "is over", "a1"},
		{"a new incarnation of a removed member does", append(begun, removal("b1"), join("b2")), "", "a1"},
		{"but not of one that was removed for good", append(begun, banned("b1"), join("b2")), "b was removed by ops: sold", "a1"},
		{"nor of one that was removed for good while it was away", append(begun, written{"b1", domain.Left{Incarnation: "b1"}}, banned("b1"), join("b2")), "b was removed by ops", "a1"},
		{"a removal for good names who asked for it", append(begun, written{"b1", domain.Removed{Out: true}}), "no sound text", "a1"},
		{"nobody joins with another's precedence", append(begun, preferred("c1", 10), preferred("d1", 10)), "precedence 10 of d is also that of c", "a1"},
		{"also while that one is down", append(begun, preferred("c1", 10), dead("c1"), preferred("d1", 10)), "precedence 10 of d is also that of c", "a1"},
		{"a server joins again with its own", append(begun, preferred("c1", 10), preferred("c2", 10)), "", "a1"},
		{"nobody joins beyond the limit", append(begun, limited(2), join("c1")), "one more than the 2 servers", "a1"},
		{"a member joins again at the limit", append(begun, limited(2), dead("b1"), join("b2")), "", "a1"},
		{"a place that was left is free", append(begun, limited(2), written{"b1", domain.Left{Incarnation: "b1"}}, join("c1")), "", "a1"},
		{"a policy must be one", append(begun, written{"a1", domain.Policy{Order: "oldest"}}), "is not known", "a1"},
		{"and name nobody twice", append(begun, written{"a1", domain.Policy{Order: domain.OrderDesignated, Members: []string{"a", "a"}, FailBack: domain.FailBackNever}}), "named twice", "a1"},
		{"while failover is paused no other server's claim counts", append(begun, paused, claimed("b1", 2, 2)), "paused by ops", "a1"},
		{"also when nobody holds the epoch", append(begun, paused, released("a1", 1), claimed("b1", 2, 2)), "paused by ops", ""},
		{"but that of the server that held it does", append(begun, paused, dead("a1"), join("a2"), claimed("a2", 2, 2)), "", "a2"},
		{"and that of one that is named", append(begun, paused, written{"a1", domain.Release{Incarnation: "a1", Epoch: 1, To: "b"}}, claimed("b1", 2, 2)), "", "b1"},
		{"or is named when nobody holds it any more", append(begun, paused, released("a1", 1), written{"a1", domain.Contest{Epoch: 1, By: "ops", To: "b"}}, claimed("b1", 2, 2)), "", "b1"},
		{"a failover that is resumed is on again", append(begun, paused, written{"a1", domain.Paused{By: "ops"}}, claimed("b1", 2, 2)), "", "b1"},
		{"a drained member's claim is void", append(begun, drain("b1"), released("a1", 1), claimed("b1", 2, 2)), "b is drained", ""},
		{"also after a restart", append(begun, drain("b1"), dead("b1"), join("b2"), released("a1", 1), claimed("b2", 2, 2)), "b is drained", ""},
		{"and after a removal", append(begun, drain("b1"), removal("b"), join("b2"), released("a1", 1), claimed("b2", 2, 2)), "b is drained", ""},
		{"but not when that was taken back while it was away", append(begun, drain("b1"), removal("b"), undrain("b"), join("b2"), released("a1", 1), claimed("b2", 2, 2)), "", "b2"},
		{"unless it is named", append(begun, drain("b1"), written{"a1", domain.Contest{Epoch: 1, By: "ops", To: "b"}}, released("a1", 1), claimed("b1", 2, 2)), "", "b1"},
		{"nobody claims in a landscape that is dissolved", append(begun, dissolved, released("a1", 1), claimed("b1", 2, 2)), "dissolved by ops", ""},
		{"and nobody joins it", append(begun, dissolved, join("c1")), "dissolved by ops", "a1"},
		{"its holder's heartbeats do not count", append(begun, dissolved, beaten("a1", 1, 2)), "contested", "a1"},
		{"a contest is for the epoch that is held", append(begun, written{"b1", domain.Contest{Epoch: 2, By: "ops"}}), "not held", "a1"},
		{"a floor does not move a held epoch", append(begun, written{"b1", domain.Floor{Epoch: 9}}), "is held", "a1"},
		{"a floor only lifts", []written{{"b1", domain.Floor{Epoch: 9}}, {"b1", domain.Floor{Epoch: 8}}}, "not above", ""},
		{"another topic's record is void", []written{{"b1", domain.Take{}}}, "no control record", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := NewState()
			var last Ruling
			for i, w := range test.history {
				last = s.Apply(domain.Record{
					Position: domain.Position{Offset: int64(i)}, Subject: w.by[:1], Signed: true, Type: w.p.Type(), Payload: w.p,
				})
				if i < len(test.history)-1 && !last.Counts {
					t.Fatalf("record %d: %+v, want it to count", i, last)
				}
			}
			if last.Counts != (test.void == "") || !strings.Contains(last.Void, test.void) {
				t.Errorf("%+v, want it void for %q", last, test.void)
			}
			if _, incarnation, _ := s.Holder(); incarnation != test.holder {
				t.Errorf("the holder is %q, want %q", incarnation, test.holder)
			}
		})
	}
}

func TestUnsoundRecordsDoNothing(t *testing.T) {
	sound := domain.Record{Subject: "a", Signed: true, Payload: domain.Joined{Incarnation: "a1"}}
	for name, spoil := range map[string]func(*domain.Record){
		"unsigned":          func(r *domain.Record) { r.Signed = false },
		"defective":         func(r *domain.Record) { r.Defect = domain.DefectPayload },
		"names no member":   func(r *domain.Record) { r.Subject = "" },
		"no text":           func(r *domain.Record) { r.Subject = "\xff" },
		"no incarnation":    func(r *domain.Record) { r.Payload = domain.Joined{} },
		"without a payload": func(r *domain.Record) { r.Payload = nil },
	} {
		s, r := NewState(), sound
		spoil(&r)
		if ruling := s.Apply(r); ruling.Void == "" || len(s.Members()) != 0 || s.Next() != 1 {
			t.Errorf("%s: %+v, %d members, next %d", name, ruling, len(s.Members()), s.Next())
		}
	}
	s := NewState()
	if s.Apply(sound); len(s.Members()) != 1 {
		t.Error("the sound one did nothing either")
	}
	before := s.Hash()
	if r := s.Apply(sound); r.Void == "" || s.Hash() != before {
		t.Errorf("the same offset again: %+v", r)
	}
}
