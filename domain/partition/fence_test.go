package partition_test

import (
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

func TestOnlyTheHighestEpochsNextRecordCounts(t *testing.T) {
	tick := func(epoch, sequence uint64) domain.Record {
		return domain.Record{Type: domain.TypeTick, Signed: true, Epoch: epoch, Sequence: sequence, Payload: domain.Tick{Time: morning}}
	}
	mark := func(epoch, sequence uint64, incarnation string) domain.Record {
		return domain.Record{Type: domain.TypeEpochOpened, Signed: true, Epoch: epoch, Sequence: sequence,
			Payload: domain.EpochOpened{Incarnation: incarnation, Time: morning}}
	}
	broken := func(r domain.Record) domain.Record {
		r.Defect, r.Payload = domain.DefectPayload, nil
		return r
	}
	newer := tick(5, 4)
	newer.Type, newer.Defect, newer.Payload = "device.moved.v1", domain.DefectType, nil
	for _, c := range []struct {
		sentence string
		record   domain.Record
		verdict  partition.Verdict
		defect   domain.Defect
		epoch    uint64
		sequence uint64
	}{
		{"the next of the epoch counts", tick(5, 4), partition.Applied, "", 5, 4},
		{"the last once more is a repeat", tick(5, 3), partition.Repeated, "", 5, 3},
		{"an earlier one is a repeat", tick(5, 2), partition.Repeated, "", 5, 3},
		{"one that skips is dead", tick(5, 5), partition.Dead, domain.DefectSequence, 5, 3},
		{"sequence 0 is dead", tick(5, 0), partition.Dead, domain.DefectSequence, 5, 3},
		{"a lower epoch is fenced", tick(4, 4), partition.Fenced, domain.DefectEpoch, 5, 3},
		{"no epoch is dead", tick(0, 4), partition.Dead, domain.DefectEpoch, 5, 3},
		{"a higher epoch that was never opened is dead", tick(6, 1), partition.Dead, domain.DefectSequence, 5, 3},
		{"a higher epoch opens", mark(6, 1, "b1"), partition.Applied, "", 6, 1},
		{"a much higher epoch opens", mark(60, 1, "b1"), partition.Applied, "", 60, 1},
		{"a mark is the first of its epoch", mark(6, 2, "b1"), partition.Dead, domain.DefectSequence, 5, 3},
		{"a mark of a lower epoch is fenced", mark(4, 1, "b1"), partition.Fenced, domain.DefectEpoch, 5, 3},
		{"the mark once more is a repeat", mark(5, 1, "a1"), partition.Repeated, "", 5, 3},
		{"another server's mark of the same epoch is fenced", mark(5, 1, "b1"), partition.Fenced, domain.DefectEpoch, 5, 3},
		{"a mark that does not decode opens nothing", broken(mark(6, 1, "")), partition.Dead, domain.DefectPayload, 5, 3},
		{"a record that does not decode takes its place in the sequence", broken(tick(5, 4)), partition.Dead, domain.DefectPayload, 5, 4},
		{"so does one of a type that is too new", newer, partition.Dead, domain.DefectType, 5, 4},
		{"an old one that does not decode is fenced all the same", broken(tick(4, 9)), partition.Fenced, domain.DefectEpoch, 5, 3},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			s := newScript(t, partition.Limits{})
			s.apply(mark(5, 1, "a1"))
			s.apply(tick(5, 2))
			s.apply(tick(5, 3))
			ch := s.apply(c.record)
			s.verdict(ch, c.verdict)
			if ch.Defect != c.defect || s.s.Epoch() != c.epoch || s.s.Sequence() != c.sequence {
				t.Fatalf("defect %q at %d/%d, want %q at %d/%d", ch.Defect, s.s.Epoch(), s.s.Sequence(), c.defect, c.epoch, c.sequence)
			}
		})
	}
}

func TestAReplacedPrimaryCannotEndACommand(t *testing.T) {
	s := opened(t, partition.Limits{})
	p := s.command(gate, "u1", domain.Invoke{Verb: "pulse"})
	old, oldSequence := s.epoch, s.sequence
	s.open(2)
	newEpoch, newSequence := s.epoch, s.sequence
	s.epoch, s.sequence = old, oldSequence
	s.verdict(s.fact(gate, domain.Started{UID: "u1", Command: p.Position}), partition.Fenced)
	s.verdict(s.fact(gate, domain.Ended{UID: "u1", Command: p.Position, Outcome: domain.Confirmed}), partition.Fenced)
	d, _ := s.s.Device(gate)
	if len(d.Pending()) != 1 || d.Pending()[0].Started {
		t.Fatal("the old primary had an effect")
	}
	s.epoch, s.sequence = newEpoch, newSequence
	s.verdict(s.end(gate, "u1", domain.Confirmed), partition.Applied)
}

func TestARecordThatCannotBeTrueTakesItsPlaceInTheSequence(t *testing.T) {
	s := opened(t, partition.Limits{})
	s.verdict(s.fact(router, domain.Ended{UID: "nobody's", Outcome: domain.Confirmed}), partition.Dead)
	s.verdict(s.fact(router, domain.Connection{Up: true}), partition.Applied)
}

func TestRecordsThatWereFoldedBeforeOrBelongElsewhereAreIgnored(t *testing.T) {
	s := opened(t, partition.Limits{})
	before := s.s.Hash()
	for _, p := range []domain.Position{{Offset: 0}, {Offset: -1}, {Partition: 1, Offset: 99}, {Offset: 1<<63 - 1}} {
		if ch := s.s.Apply(domain.Record{Position: p}); ch.Verdict != partition.Ignored || s.s.Hash() != before {
			t.Fatalf("%v: %v, and the hash changed: %v", p, ch.Verdict, s.s.Hash() != before)
		}
	}
}

func TestLogTime(t *testing.T) {
	type step struct {
		after time.Duration // append time, counted from the first record
		says  time.Duration // a tick's own time; 0: a producer's record
		want  time.Duration
		clock bool // suspect
	}
	const s, m, h = time.Second, time.Minute, time.Hour
	for _, c := range []struct {
		sentence string
		steps    []step
	}{
		{"follows the append time", []step{{1 * s, 0, 1 * s, false}, {9 * m, 0, 9 * m, false}}},
		{"never goes back", []step{{9 * s, 0, 9 * s, false}, {1 * s, 0, 9 * s, false}}},
		{"moves by ten minutes at once", []step{{10 * m, 0, 10 * m, false}}},
		{"does not follow a leap of more", []step{{10*m + 1, 0, 0, true}}},
		{"goes on after one wrong time", []step{{h, 0, 0, true}, {1 * s, 0, 1 * s, false}}},
		{"leaps where a server says the same", []step{{h, h - 9*m, h, false}}},
		{"does not leap where a server says otherwise", []step{{h, h - 11*m, 0, true}, {h, h + 11*m, 0, true}}},
		{"leaps with the server's record after a producer's", []step{{h, 0, 0, true}, {h, h, h, false}, {h + s, 0, h + s, false}}},
		{"does not go back for a server", []step{{5 * m, 0, 5 * m, false}, {1 * m, 1 * m, 5 * m, false}}},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			sc := newScript(t, partition.Limits{})
			sc.open(1)
			for i, st := range c.steps {
				sc.now = morning.Add(st.after)
				if st.says != 0 {
					sc.fact("", domain.Tick{Time: morning.Add(st.says)})
				} else {
					sc.command(router, "u", take(1, 1))
				}
				if got := sc.s.LogTime().Sub(morning); got != st.want || sc.s.ClockSuspect() != st.clock {
					t.Fatalf("step %d: %v, suspect %v, want %v, %v", i, got, sc.s.ClockSuspect(), st.want, st.clock)
				}
			}
		})
	}
	t.Run("is not confirmed by a tick that does not count", func(t *testing.T) {
		sc := newScript(t, partition.Limits{})
		sc.open(1)
		sc.wait(h)
		sc.epoch, sc.sequence = 0, 0
		sc.fact("", domain.Tick{Time: sc.now})
		if sc.s.LogTime() != morning {
			t.Fatal("a fenced tick moved log time")
		}
	})
}
