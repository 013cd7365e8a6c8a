package partition_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

// A value scenario is a few lines: what happens to crosspoint 1 (or lock 1) and
// what its cell says then.
//
//	take u1 3       a command wishes source 3
//	end u1 failed   the outcome of u1
//	says 4          a live report
//	full 4          a report of the whole state
//	lock u1 / saysLock locked / fullLock locked
//	foreign 1       so many foreign changes were counted
//	cell desired=3 by=u1 reported=4 [settled] [foreign]
func TestDesiredAndReportedValues(t *testing.T) {
	for _, c := range []struct {
		sentence string
		rule     domain.ReconnectRule
		play     string
	}{
		{"the first report is not a change of anybody's", domain.Adopt, `
			full 7
			cell desired=7 by= reported=7 settled
			foreign 0`},
		{"a wish is reported and confirmed", domain.Adopt, `
			full 7
			take u1 3
			cell desired=3 by=u1 reported=7
			says 3
			cell desired=3 by=u1 reported=3 settled
			end u1 confirmed
			foreign 0`},
		{"a value that nobody wished is a foreign change, and adopted", domain.Adopt, `
			full 7
			says 9
			cell desired=9 by= reported=9 settled foreign
			foreign 1`},
		{"a value that nobody wished is a foreign change, and not adopted where wishes are restored", domain.Restore, `
			full 7
			take u1 3
			says 3
			end u1 confirmed
			says 9
			cell desired=3 by=u1 reported=9 settled foreign
			foreign 1
			says 3
			cell desired=3 by=u1 reported=3 settled
			foreign 1`},
		{"the mark of a foreign change stays when the value is only read again", domain.Adopt, `
			full 7
			says 9
			full 9
			cell desired=9 by= reported=9 settled foreign
			take u1 9
			cell desired=9 by=u1 reported=9`},
		{"a foreign change does not put an end to a command that is pending", domain.Adopt, `
			full 7
			take u1 3
			says 9
			cell desired=3 by=u1 reported=9 foreign
			foreign 1
			full 9
			cell desired=3 by=u1 reported=9 foreign
			says 3
			cell desired=3 by=u1 reported=3 settled`},
		{"the value of an older wish that is on its way is not foreign", domain.Adopt, `
			full 7
			take u1 3
			take u2 4
			end u1 superseded
			says 3
			says 4
			cell desired=4 by=u2 reported=4 settled
			end u2 confirmed
			foreign 0`},
		{"a wish that expired is forgotten, so that it is not restored later", domain.Restore, `
			take u1 3
			end u1 confirmed
			take u2 4
			cell desired=4 by=u2 reported=-
			end u2 expired
			cell desired=3 by=u1 reported=- settled`},
		{"a first wish that failed leaves nothing desired", domain.Restore, `
			take u1 3
			end u1 failed
			cell none`},
		{"a wish that failed gives way to the older one that is still pending", domain.Restore, `
			full 7
			take u1 3
			take u2 4
			end u2 expired
			cell desired=3 by=u1 reported=7`},
		{"but not to one from before a settled wish", domain.Restore, `
			full 7
			take u1 3
			take u2 4
			end u2 confirmed
			take u3 5
			end u3 failed
			cell desired=4 by=u2 reported=7 settled`},
		{"a wish that failed gives way to what the device says, where that is adopted", domain.Adopt, `
			full 7
			take u1 3
			says 9
			end u1 failed
			cell desired=9 by= reported=9 settled foreign`},
		{"an older wish that was confirmed is what a failed one falls back to", domain.Restore, `
			take u1 3
			take u2 4
			end u1 confirmed
			end u2 failed
			cell desired=3 by=u1 reported=- settled`},
		{"a full report that does not mention a target leaves its value unknown", domain.Restore, `
			take u1 3
			says 3
			full -
			cell desired=3 by=u1 reported=- settled`},
		{"what a device lost while away is adopted", domain.Adopt, `
			take u1 3
			says 3
			end u1 confirmed
			full 1
			cell desired=1 by= reported=1 settled foreign
			foreign 1`},
		{"a lock that the server before us set is still ours to wish", domain.Adopt, `
			lock u1
			saysLock owned
			end u1 confirmed
			fullLock locked
			lockcell desired=owned by=u1 reported=locked settled
			foreign 0
			saysLock owned
			saysLock locked
			foreign 1
			lockcell desired=owned by=u1 reported=locked settled foreign`},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			s := opened(t, partition.Limits{})
			d := routerDefinition()
			d.OnReconnect = c.rule
			s.fact(router, domain.Configured{Definition: d})
			for _, line := range strings.Split(strings.TrimSpace(c.play), "\n") {
				s.perform(strings.Fields(line))
			}
		})
	}
}

func (c *script) perform(f []string) {
	c.t.Helper()
	lock := domain.LockTarget("", 1)
	report := func(t domain.Target, v string, full bool) {
		p := domain.Reported{Full: full}
		if v != "-" {
			p.Values = []domain.Value{{Target: t, Value: v}}
		}
		c.verdict(c.fact(router, p), partition.Applied)
	}
	switch f[0] {
	case "take":
		var source int
		if _, err := fmt.Sscan(f[2], &source); err != nil {
			c.t.Fatal(err)
		}
		c.verdict(c.command(router, f[1], take(1, source)), partition.Accepted)
	case "lock":
		c.verdict(c.command(router, f[1], domain.SetLock{Destination: 1, State: domain.LockOn}), partition.Accepted)
	case "end":
		c.verdict(c.end(router, f[1], domain.Outcome(f[2])), partition.Applied)
	case "says", "full":
		report(crosspoint(1), f[1], f[0] == "full")
	case "saysLock", "fullLock":
		report(lock, f[1], f[0] == "fullLock")
	case "foreign":
		if got := fmt.Sprint(c.s.Counters().Foreign); got != f[1] {
			c.t.Fatalf("%s foreign changes, want %s", got, f[1])
		}
	case "cell", "lockcell":
		target := crosspoint(1)
		if f[0] == "lockcell" {
			target = lock
		}
		if got, want := c.cell(target), strings.Join(f[1:], " "); got != want {
			c.t.Fatalf("cell %s, want %s", got, want)
		}
	default:
		c.t.Fatalf("no such line: %v", f)
	}
}

func (c *script) cell(t domain.Target) string {
	d, _ := c.s.Device(router)
	x, ok := d.Cell(t)
	if !ok {
		return "none"
	}
	desired, reported, marks := "-", "-", ""
	if x.HasDesired {
		desired = x.Desired
	}
	if x.HasReported {
		reported = x.Reported
	}
	if x.Settled {
		marks += " settled"
	}
	if x.Foreign {
		marks += " foreign"
	}
	return "desired=" + desired + " by=" + x.DesiredUID + " reported=" + reported + marks
}

func TestOnlyTheNewestWishesOfASalvoAreLeft(t *testing.T) {
	s := opened(t, partition.Limits{})
	s.command(router, "u1", domain.Salvo{Takes: []domain.Take{take(1, 1), take(2, 2), take(3, 3)}})
	newer := s.command(router, "u2", take(2, 9))
	d, _ := s.s.Device(router)
	salvo := d.Pending()[0]
	if got := fmt.Sprint(s.s.Newest(router, salvo)); got != "[{crosspoint/video/1 1} {crosspoint/video/3 3}]" {
		t.Fatalf("newest %s", got)
	}
	over := s.s.Superseded(router, salvo)
	if len(over) != 1 || over[0] != (partition.Superseded{Target: "crosspoint/video/2", By: "u2", At: newer.Position}) {
		t.Fatalf("superseded %+v, want destination 2 by u2", over)
	}
	if len(salvo.Wishes) != 3 {
		t.Fatal("the wishes as asked have changed")
	}
}

// The newer wish may have been sent: an older one must not be sent after it. But what
// was sent before may still come true.
func TestAWishThatWasPassedIsNotSentThoughTheNewerOneComesToNothing(t *testing.T) {
	s := opened(t, partition.Limits{})
	s.command(router, "u1", domain.Salvo{Takes: []domain.Take{take(1, 1), take(2, 2)}})
	newer := s.command(router, "u2", take(2, 9))
	s.fact(router, domain.Ended{UID: "u2", Command: newer.Position, Outcome: domain.Expired})
	d, _ := s.s.Device(router)
	salvo := d.Pending()[0]
	if got := fmt.Sprint(s.s.Newest(router, salvo)); got != "[{crosspoint/video/1 1}]" {
		t.Errorf("newest %s", got)
	}
	if over := s.s.Superseded(router, salvo); len(over) != 1 || over[0] != (partition.Superseded{Target: "crosspoint/video/2"}) {
		t.Errorf("superseded %+v, want destination 2 by none", over)
	}
	if got := s.cell(crosspoint(2)); got != "desired=2 by=u1 reported=-" {
		t.Errorf("cell %s", got)
	}
	restored, err := partition.Restore(s.s.Export())
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(restored.Newest(router, salvo)); got != "[{crosspoint/video/1 1}]" {
		t.Errorf("newest after a snapshot %s", got)
	}
	s.fact(router, domain.Ended{UID: "u1", Command: salvo.Command, Outcome: domain.Confirmed})
	if got := s.cell(crosspoint(2)); got != "desired=2 by=u1 reported=- settled" {
		t.Errorf("cell %s", got)
	}
}

func TestEachCrosspointOfASalvoHasItsOwnEnd(t *testing.T) {
	s := opened(t, partition.Limits{})
	d := routerDefinition()
	d.OnReconnect = domain.Restore
	s.fact(router, domain.Configured{Definition: d})
	ch := s.command(router, "u1", domain.Salvo{Takes: []domain.Take{take(1, 1), take(2, 2)}})
	s.fact(router, domain.Ended{UID: "u1", Command: ch.Position, Outcome: domain.Failed, Items: []domain.Item{
		{Target: crosspoint(1), Outcome: domain.Confirmed}, {Target: crosspoint(2), Outcome: domain.Failed},
	}})
	if one, two := s.cell(crosspoint(1)), s.cell(crosspoint(2)); one != "desired=1 by=u1 reported=- settled" || two != "none" {
		t.Fatalf("cells %s and %s", one, two)
	}
}

// A device that was taken out and is back before its commands had ended is another one:
// it is not to do them, and nobody has replaced them.
func TestWhatADeviceWasAskedBeforeItWasTakenOutIsNotForTheNextOne(t *testing.T) {
	s := opened(t, partition.Limits{})
	s.command(router, "u1", take(1, 2))
	s.fact(router, domain.Configured{Removed: true})
	d, _ := s.s.Device(router)
	old := d.Pending()[0]
	if old.Gone {
		t.Error("a device that is still away is taken for the next one")
	}
	s.fact(router, domain.Configured{Definition: routerDefinition()})
	newer := s.command(router, "u2", take(1, 3))
	if before := s.s.Hash(); !old.Gone || len(s.s.Newest(router, old)) != 0 || s.s.Superseded(router, old) != nil {
		t.Errorf("%+v", old)
	} else if restored, err := partition.Restore(s.s.Export()); err != nil || restored.Hash() != before {
		t.Errorf("after a snapshot it is another state: %v", err)
	}
	if p := d.Pending()[1]; p.Gone || len(s.s.Newest(router, p)) != 1 {
		t.Errorf("%+v", p)
	}
	s.fact(router, domain.Ended{UID: "u2", Command: newer.Position, Outcome: domain.Failed})
	if got := s.cell(crosspoint(1)); strings.Contains(got, "u1") {
		t.Errorf("when the newer one comes to nothing, the cell is %s", got)
	}
	s.fact(router, domain.Ended{UID: "u1", Command: old.Command, Outcome: domain.Failed, Reason: domain.ReasonRemoved})
	if len(d.Pending()) != 0 {
		t.Errorf("%d are pending", len(d.Pending()))
	}
}

func TestAnotherDriverForgetsTheValuesButNotTheCommands(t *testing.T) {
	s := opened(t, partition.Limits{})
	s.command(router, "u1", take(1, 2))
	other := gateDefinition()
	other.Device = router
	s.fact(router, domain.Configured{Definition: other})
	d, _ := s.s.Device(router)
	if len(d.Cells()) != 0 || len(d.Pending()) != 1 || len(s.s.Newest(router, d.Pending()[0])) != 0 {
		t.Fatalf("cells %v, pending %d", d.Cells(), len(d.Pending()))
	}
	s.fact(router, domain.Configured{Definition: routerDefinition()})
	s.command(router, "u2", take(1, 3))
	s.end(router, "u1", domain.Failed)
	if got := s.cell(crosspoint(1)); got != "desired=3 by=u2 reported=-" {
		t.Fatalf("cell %s", got)
	}
	if _, err := partition.Restore(s.s.Export()); err != nil {
		t.Fatal(err)
	}
}

func TestReportedValuesAreBounded(t *testing.T) {
	s := opened(t, partition.Limits{})
	var many domain.Reported
	for i := range 5000 {
		many.Values = append(many.Values, domain.Value{Target: domain.Target(fmt.Sprint("parameter/", i)), Value: "1"})
	}
	many.Values[0].Value = strings.Repeat("x", 1025)
	s.fact(router, many)
	d, _ := s.s.Device(router)
	if len(d.Cells()) != 4096 || s.s.Counters().Unkept != 5000-4096 {
		t.Fatalf("%d cells, %d not kept", len(d.Cells()), s.s.Counters().Unkept)
	}
}
