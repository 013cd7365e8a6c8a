package audit

import (
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// P16: that a contest because of devices was borne out is judged again, by the counts that
// it carries and by the heartbeats before it.
func TestAContestBecauseOfDevicesIsJudged(t *testing.T) {
	const second = domain.Instant(time.Second)
	devices := []string{"hub-1"}
	for name, test := range map[string]struct {
		topic             domain.TopicKind
		contest           domain.Contest
		at                domain.Instant
		violated, unknown int64
	}{
		"as both said":                       {domain.TopicControl, domain.Contest{Devices: devices, Missing: 1, HolderMissing: 3}, 21 * second, 0, 0},
		"as the holder said a moment before": {domain.TopicControl, domain.Contest{Devices: devices, Missing: 1, HolderMissing: 2}, 21 * second, 0, 0},
		"as it said long before":             {domain.TopicControl, domain.Contest{Devices: devices, Missing: 1, HolderMissing: 5}, 21 * second, 1, 0},
		"as it never said":                   {domain.TopicControl, domain.Contest{Devices: devices, Missing: 0, HolderMissing: 3}, 21 * second, 1, 0},
		"it missed no fewer":                 {domain.TopicControl, domain.Contest{Devices: devices, Missing: 3, HolderMissing: 3}, 21 * second, 1, 0},
		"of copies it missed no fewer":       {domain.TopicElections, domain.Contest{Devices: devices, Missing: 3, HolderMissing: 3}, 21 * second, 1, 0},
		"of copies by the record alone":      {domain.TopicElections, domain.Contest{Devices: devices, Missing: 0, HolderMissing: 9}, 21 * second, 0, 0},
		"it says nothing":                    {domain.TopicControl, domain.Contest{Devices: devices}, 21 * second, 0, 1},
		"for another reason":                 {domain.TopicControl, domain.Contest{}, 21 * second, 0, 0},
	} {
		d := newDerivation(test.topic, Range{})
		d.begins(0)
		offset := int64(-1)
		say := func(who string, at domain.Instant, p domain.Payload) {
			offset++
			d.apply(domain.Record{
				Position: domain.Position{Offset: offset}, Type: p.Type(), Payload: p, Subject: who, UID: "u", Signed: true, Appended: at,
			})
		}
		beat := func(who string, at domain.Instant, epoch, n uint64, missing int64) {
			say(who, at, domain.Heartbeat{Incarnation: who + "1", Epoch: epoch, N: n, TTL: time.Second, Ready: true, Missing: missing, Counted: true})
		}
		say("a", 0, domain.Joined{Incarnation: "a1"})
		say("b", 0, domain.Joined{Incarnation: "b1"})
		say("a", 0, domain.Claim{Incarnation: "a1", Epoch: 1, Seen: 0, N: 1, TTL: time.Second})
		beat("a", 5*second, 1, 2, 5)
		beat("b", 6*second, 0, 1, 4)
		beat("a", 18*second, 1, 3, 2)
		beat("a", 20*second, 1, 4, 3)
		beat("b", 20*second, 0, 2, 1)
		test.contest.Epoch, test.contest.By, test.contest.Reason = 1, "b", "unreachable"
		say("b", test.at, test.contest)
		if v := d.of(RuleElections); v.Violations != test.violated || v.Doubts != test.unknown {
			t.Errorf("%s: %d violations, %d undecided, want %d and %d: %+v", name, v.Violations, v.Doubts, test.violated, test.unknown, v)
		}
	}
}
