package emission_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/emission"
)

// play drives one queue and writes down what it does, one line an effect.
type play struct {
	commands int64 // in the log so far
	t        *testing.T
	q        *emission.Queue
	now      domain.Mono
	log      []string
	ref      map[string]uint64
	// read is the last reading that was asked for.
	read uint64
}

// newPlay is that of a device that has been read in this term.
func newPlay(t *testing.T, window int) *play {
	t.Helper()
	p := play{
		t: t, ref: make(map[string]uint64), now: time.Second,
		q: emission.NewQueue(emission.Settings{ConfirmWithin: time.Second, Window: window}, nil),
	}
	p.step(emission.LinkUp{}).fresh().step(emission.LinkDown{})
	p.log = nil
	return &p
}

// polledPlay is that of a device that must be asked for its state, with what the
// log knows of it.
func polledPlay(t *testing.T, reported ...domain.Value) *play {
	t.Helper()
	return &play{
		t: t, ref: make(map[string]uint64), now: time.Second,
		q: emission.NewQueue(emission.Settings{ConfirmWithin: time.Second, Window: 1, Polled: true}, reported),
	}
}

// fresh answers the last reading.
func (p *play) fresh() *play {
	return p.step(emission.Answer{Answered: domain.Answered{Ref: p.read, Verdict: domain.Fresh}})
}

// query asks for a value that the device is read for first.
func (p *play) query(uid string, dest int, source string) *play {
	return p.step(emission.Accept{Work: p.work(uid, domain.Queryable, value(dest, source))})
}

// step feeds an input; every Emit is answered as sent, unless a test has said otherwise.
func (p *play) step(in emission.Input) *play {
	for _, e := range p.q.Step(p.now, in) {
		switch e := e.(type) {
		case emission.Start:
			p.note("start %s", e.UID)
		case emission.Log:
			p.note("log %v", e.Values)
		case emission.End:
			p.note("end %s %s %s%s", e.UID, e.Outcome, e.Reason, e.By)
		case emission.Read:
			p.note("read")
			p.read = e.Ref
		case emission.Emit:
			p.note("emit %s %v", e.UID, e.Wishes)
			p.ref[e.UID] = e.Ref
		}
	}
	return p
}

func (p *play) note(format string, args ...any) {
	p.log = append(p.log, strings.TrimSpace(fmt.Sprintf(format, args...)))
}

func (p *play) sent(uid string) *play { return p.result(uid, emission.Sent) }

func (p *play) result(uid string, r emission.Result) *play {
	return p.step(emission.Emitted{Ref: p.ref[uid], Result: r})
}

func (p *play) ack(uid string) *play {
	return p.step(emission.Answer{Answered: domain.Answered{Ref: p.ref[uid], Verdict: domain.Acknowledged}})
}

func (p *play) answer(uid string, v domain.Verdict, reason domain.Reason) *play {
	return p.step(emission.Answer{Answered: domain.Answered{Ref: p.ref[uid], Verdict: v, Reason: reason}})
}

func (p *play) route(uid string, dest int, source string) *play {
	return p.step(emission.Accept{Work: p.work(uid, domain.Absolute, value(dest, source))})
}

func (p *play) pulse(uid string) *play {
	return p.step(emission.Accept{Work: p.work(uid, domain.OneShot)})
}

func (p *play) work(uid string, effect domain.Effect, wishes ...domain.Value) emission.Work {
	p.commands++
	at := domain.Position{Offset: p.commands}
	return emission.Work{UID: uid, Command: at, Effect: effect, Wishes: wishes, Read: p.now, Deadline: p.now + 10*time.Second}
}

func (p *play) reports(dest int, source string) *play {
	return p.step(emission.Report{Values: []domain.Value{value(dest, source)}})
}

func (p *play) wait(d time.Duration) *play {
	p.now += d
	return p.step(emission.Timer{})
}

func value(dest int, source string) domain.Value {
	return domain.Value{Target: domain.CrosspointTarget("", dest), Value: source}
}

func (p *play) settled(want bool) *play {
	p.t.Helper()
	if got := p.q.Settled(); got != want {
		p.t.Fatalf("settled: %t, wanted %t", got, want)
	}
	return p
}

// want compares what happened since the last want.
func (p *play) want(lines ...string) *play {
	p.t.Helper()
	if got, want := strings.Join(p.log, "\n"), strings.Join(lines, "\n"); got != want {
		p.t.Fatalf("happened:\n%s\nwanted:\n%s", got, want)
	}
	p.log = nil
	return p
}

func TestAnAbsoluteActionIsConfirmedByTheDevicesReportNotByItsAcknowledgement(t *testing.T) {
	p := newPlay(t, 4).step(emission.LinkUp{})
	p.route("a", 5, "12").want("emit a [{crosspoint/video/5 12}]")
	p.sent("a").ack("a").want()
	p.reports(5, "12").want("log [{crosspoint/video/5 12}]", "end a confirmed")
}

func TestAnAcknowledgementWithoutEffectFails(t *testing.T) {
	p := newPlay(t, 4).step(emission.LinkUp{}).reports(5, "3")
	p.log = nil
	p.route("a", 5, "12").sent("a").ack("a").wait(time.Second)
	p.want("emit a [{crosspoint/video/5 12}]", "end a failed no_effect")
}

func TestARouteThatTheDeviceHasAlreadyIsConfirmedByItsAcknowledgement(t *testing.T) {
	p := newPlay(t, 4).step(emission.LinkUp{}).reports(5, "12")
	p.log = nil
	p.route("a", 5, "12").sent("a").want("emit a [{crosspoint/video/5 12}]")
	p.ack("a").want("end a confirmed")
}

func TestAWishThatANewerOneOvertookBeforeItWasSentIsNotSent(t *testing.T) {
	p := newPlay(t, 4)
	p.route("a", 5, "1").route("b", 5, "2").route("c", 6, "3")
	p.want("end a superseded b")
	p.step(emission.LinkUp{}).want("emit b [{crosspoint/video/5 2}]")
	p.sent("b").want("emit c [{crosspoint/video/6 3}]")
}

// A one-shot may depend on what was asked for before it: store what is shown, open
// what is selected.
func TestAWishIsSentBeforeAOneShotThoughANewerOneWaitsBehindIt(t *testing.T) {
	p := newPlay(t, 4)
	p.route("a", 5, "1").route("b", 5, "2").route("c", 6, "3").pulse("p").route("d", 5, "4").route("e", 5, "5")
	p.want("end a superseded b", "end d superseded e")
	p.log = nil
	p.step(emission.LinkUp{}).sent("b").sent("c").want("emit b [{crosspoint/video/5 2}]", "emit c [{crosspoint/video/6 3}]", "start p")
	p.log = nil
	p.step(emission.StartCounts{UID: "p"}).sent("p").want("emit p []", "emit e [{crosspoint/video/5 5}]")
}

func TestAWishThatWasSentIsSentAgainBeforeAOneShotThatWaits(t *testing.T) {
	p := newPlay(t, 1).step(emission.LinkUp{})
	p.route("a", 5, "1").sent("a").pulse("p").route("b", 5, "2")
	p.log = nil
	p.step(emission.LinkDown{}).step(emission.LinkUp{}).want("emit a [{crosspoint/video/5 1}]")
}

func TestAOneShotThatIsNotSentHoldsNoOlderWishBack(t *testing.T) {
	p := newPlay(t, 4)
	late := p.work("b", domain.Absolute, value(5, "2"))
	early := p.work("a", domain.Absolute, value(5, "1"))
	late.Deadline, early.Deadline = p.now+time.Minute, p.now+time.Minute
	p.step(emission.Accept{Work: early}).pulse("p").step(emission.Accept{Work: late})
	p.want().wait(11 * time.Second)
	p.want("end p expired", "end a superseded b")
}

func TestAWishUnderWayIsSupersededWhenTheDeviceReportsTheNewerOne(t *testing.T) {
	p := newPlay(t, 4).step(emission.LinkUp{})
	p.route("a", 5, "1").sent("a").route("b", 5, "2").sent("b")
	p.log = nil
	p.ack("a").ack("b").reports(5, "2").want("log [{crosspoint/video/5 2}]", "end a superseded b", "end b confirmed")
}

// The acknowledgement may be lost with the connection.
func TestAnActionThatIsNotAcknowledgedIsNotSentAgainAfterANewerOne(t *testing.T) {
	for _, newer := range []string{"2", "1"} {
		p := newPlay(t, 4).step(emission.LinkUp{})
		p.route("a", 5, "1").sent("a").route("b", 5, newer).sent("b").ack("b").reports(5, newer)
		p.log = nil
		p.step(emission.LinkDown{}).step(emission.LinkUp{}).want()
	}
}

func TestWhatTheDeviceSaidBeforeAnActionDoesNotConfirmIt(t *testing.T) {
	p := newPlay(t, 4).step(emission.LinkUp{})
	p.route("a", 5, "1").sent("a").route("b", 5, "2").sent("b").route("c", 5, "1").sent("c")
	p.log = nil
	p.ack("a").reports(5, "1").want("log [{crosspoint/video/5 1}]", "end a confirmed")
	p.step(emission.Report{Values: []domain.Value{value(5, "1")}, Full: true}).want() // read before b arrived
	p.ack("b").reports(5, "2").want("log [{crosspoint/video/5 2}]", "end b confirmed")
	p.ack("c").want()
	p.reports(5, "1").want("log [{crosspoint/video/5 1}]", "end c confirmed")
}

func TestADeviceMayReportBeforeItAcknowledges(t *testing.T) {
	p := newPlay(t, 4).step(emission.LinkUp{})
	p.route("a", 5, "1").sent("a").reports(5, "1").want("emit a [{crosspoint/video/5 1}]", "log [{crosspoint/video/5 1}]")
	p.ack("a").want("end a confirmed")
}

func TestAnOldValueDoesNotConfirmWhileAnotherWishIsUnderWay(t *testing.T) {
	p := newPlay(t, 4).step(emission.LinkUp{}).reports(5, "2")
	p.route("a", 5, "1").sent("a").route("b", 5, "2").sent("b")
	p.log = nil
	p.ack("a").ack("b").want()
	p.reports(5, "1").want("log [{crosspoint/video/5 1}]", "end a confirmed")
	p.reports(5, "2").want("log [{crosspoint/video/5 2}]", "end b confirmed")
}

func TestAOneShotIsWrittenAheadBeforeItIsSent(t *testing.T) {
	p := newPlay(t, 1).step(emission.LinkUp{})
	p.pulse("p").want("start p")
	p.wait(time.Millisecond).want()
	p.step(emission.StartCounts{UID: "p"}).want("emit p []")
	p.sent("p").answer("p", domain.Done, "").want("end p confirmed")
}

func TestAnAnswerThatIsProofConfirmsATargetThatCannotBeReadBack(t *testing.T) {
	p := newPlay(t, 1).step(emission.LinkUp{})
	p.route("a", 5, "12").sent("a").answer("a", domain.Done, "")
	p.want("emit a [{crosspoint/video/5 12}]", "end a confirmed")
}

func TestAQueueThatOnlyThisServerHoldsUpIsIdle(t *testing.T) {
	p := newPlay(t, 1)
	p.pulse("p")
	if since := p.q.IdleSince(); since != 0 {
		t.Fatalf("idle since %s while the device is away", since)
	}
	p.now += time.Second
	p.step(emission.LinkUp{}) // asks for the write-ahead, which never counts
	asked := p.now
	p.wait(time.Second)
	if since := p.q.IdleSince(); since != asked {
		t.Fatalf("idle since %s, not %s", since, asked)
	}
	p.step(emission.StartCounts{UID: "p"}).sent("p")
	if since := p.q.IdleSince(); since != 0 {
		t.Fatalf("idle since %s while the device owes an answer", since)
	}
}

func TestNothingPassesAOneShotThatIsBeingWrittenAhead(t *testing.T) {
	p := newPlay(t, 4).step(emission.LinkUp{})
	p.pulse("p").route("a", 1, "2").want("start p")
	p.step(emission.StartCounts{UID: "p"}).want("emit p []")
	p.sent("p").want("emit a [{crosspoint/video/1 2}]")
}

func TestAOneShotStartedByAnEarlierPrimaryIsInDoubtAndNeverSent(t *testing.T) {
	p := newPlay(t, 1).step(emission.LinkUp{})
	w := p.work("p", domain.OneShot)
	w.Started = true
	p.step(emission.Accept{Work: w}).want("end p in_doubt unknown_fate")
}

func TestAOneShotWhoseConnectionEndsBeforeTheAnswerIsInDoubt(t *testing.T) {
	p := newPlay(t, 1).step(emission.LinkUp{})
	p.pulse("p").step(emission.StartCounts{UID: "p"}).sent("p")
	p.log = nil
	p.step(emission.LinkDown{}).step(emission.LinkUp{}).want("end p in_doubt unknown_fate")
}

func TestAOneShotOfWhichNoByteLeftIsSentWhenTheDeviceIsBack(t *testing.T) {
	p := newPlay(t, 1).step(emission.LinkUp{})
	p.pulse("p").step(emission.StartCounts{UID: "p"}).result("p", emission.NotSent)
	p.want("start p", "emit p []")
	p.step(emission.LinkUp{}).want("emit p []")
}

func TestNothingIsSentWithoutALease(t *testing.T) {
	p := newPlay(t, 4).step(emission.LinkUp{})
	p.route("a", 1, "2").result("a", emission.Fenced).route("b", 2, "3").want("emit a [{crosspoint/video/1 2}]")
	p.wait(time.Millisecond).want()
	p.wait(5 * time.Millisecond).want("emit a [{crosspoint/video/1 2}]")
	if wake := p.q.NextWake(); wake <= p.now && wake != 0 {
		t.Fatalf("it wants to be woken at %s, which is past", wake)
	}
	p.step(emission.Hold{}).sent("a").wait(time.Second / 2).want()
	p.step(emission.Resume{}).want("emit b [{crosspoint/video/2 3}]")
}

func TestAPlannedMoveEndsWhatWasBegunAndBeginsNothingMore(t *testing.T) {
	p := newPlay(t, 4).step(emission.LinkUp{})
	p.route("a", 5, "1").sent("a").pulse("b").want("emit a [{crosspoint/video/5 1}]", "start b")
	p.step(emission.Finish{}).route("c", 6, "2").pulse("d").want()
	p.settled(false).ack("a").reports(5, "1").want("log [{crosspoint/video/5 1}]", "end a confirmed")
	p.settled(false).step(emission.StartCounts{UID: "b"}).want("emit b []")
	p.settled(false).sent("b").settled(false).answer("b", domain.Done, "").want("end b confirmed")
	p.settled(true).step(emission.Resume{}).wait(time.Second).want()
}

func TestAPlannedMoveWaitsForALeaseThatRanOutMeanwhile(t *testing.T) {
	p := newPlay(t, 4).step(emission.LinkUp{}).pulse("a").step(emission.Finish{}).step(emission.Hold{})
	p.step(emission.StartCounts{UID: "a"}).settled(false).want("start a")
	p.step(emission.Resume{}).want("emit a []")
}

func TestAQueueWithoutALeaseDoesNotWaitForAWriteAhead(t *testing.T) {
	p := newPlay(t, 4).step(emission.LinkUp{})
	p.route("a", 5, "1").sent("a").pulse("b").step(emission.Hold{}).settled(false)
	p.ack("a").reports(5, "1").settled(true)
	p.log = nil
	p.step(emission.StartCounts{UID: "b"}).settled(true).want()
}

func TestADeviceThatWasAwayGetsTheNewestRoutesAndNoOldOneShot(t *testing.T) {
	p := newPlay(t, 4)
	for i := range 100 {
		p.pulse(fmt.Sprintf("p%d", i)).route(fmt.Sprintf("r%d", i), 1+i%2, fmt.Sprint(i))
	}
	p.log = nil
	fresh := p.work("last", domain.Absolute, value(1, "7"))
	fresh.Deadline = p.now + time.Hour
	p.step(emission.Accept{Work: fresh}).wait(2 * time.Minute)
	expired := 0
	for _, l := range p.log {
		if strings.HasPrefix(l, "end p") && strings.HasSuffix(l, " expired") {
			expired++
		}
	}
	if expired != 100 {
		t.Fatalf("%d of 100 one-shots expired", expired)
	}
	p.log = nil
	p.step(emission.LinkUp{}).want("")
	for i := range 100 {
		p.step(emission.EndCounts{UID: fmt.Sprintf("p%d", i)}).step(emission.EndCounts{UID: fmt.Sprintf("r%d", i)})
	}
	p.want("emit last [{crosspoint/video/1 7}]")
}

// A next primary that does not find the outcome of what was given up would send it
// after what came behind it.
func TestNothingPassesACommandThatEndedUnsentUntilThatCounts(t *testing.T) {
	p := newPlay(t, 4).pulse("old")
	p.wait(9 * time.Second).pulse("new")
	p.log = nil
	p.wait(2 * time.Second).want("end old expired")
	p.log = nil
	p.step(emission.LinkUp{}).want("")
	p.step(emission.EndCounts{UID: "old"}).want("start new")

	q := polledPlay(t, value(1, "5")).step(emission.LinkUp{})
	q.fresh().query("so", 1, "5").route("next", 2, "3")
	q.fresh()
	q.log = nil
	q.step(emission.Timer{}).want("")
	q.step(emission.EndCounts{UID: "so"}).want("emit next [{crosspoint/video/2 3}]")
}

func TestAnAbsoluteActionIsSentAgainAfterAReconnection(t *testing.T) {
	p := newPlay(t, 4).step(emission.LinkUp{})
	p.route("a", 5, "12").sent("a").step(emission.LinkDown{})
	p.log = nil
	p.step(emission.LinkUp{}).want("emit a [{crosspoint/video/5 12}]")
}

func TestASalvoHasAResultForEachCrosspoint(t *testing.T) {
	q := emission.NewQueue(emission.Settings{ConfirmWithin: time.Second, Window: 4}, nil)
	q.Step(1, emission.LinkUp{})
	w := emission.Work{UID: "s", Effect: domain.Absolute, Wishes: []domain.Value{value(1, "1"), value(2, "2"), value(3, "3")}, Deadline: time.Minute}
	ref := q.Step(1, emission.Accept{Work: w})[0].(emission.Emit).Ref
	q.Step(2, emission.Emitted{Ref: ref})
	q.Step(3, emission.Accept{Work: emission.Work{UID: "n", Effect: domain.Absolute, Wishes: []domain.Value{value(3, "9")}, Deadline: time.Minute}})
	q.Step(3, emission.Emitted{Ref: ref + 1})
	q.Step(4, emission.Answer{Answered: domain.Answered{Ref: ref, Verdict: domain.Acknowledged}})
	q.Step(5, emission.Report{Values: []domain.Value{value(1, "1"), value(3, "9")}})
	effects := q.Step(5*time.Second, emission.Timer{})
	for _, e := range effects {
		end, ok := e.(emission.End)
		if !ok || end.UID != "s" {
			continue
		}
		want := []domain.Outcome{domain.Confirmed, domain.Failed, domain.Superseded}
		for i, item := range end.Items {
			if item.Outcome != want[i] {
				t.Errorf("crosspoint %d: %s, want %s", i+1, item.Outcome, want[i])
			}
		}
		if end.Outcome != domain.Failed || len(end.Items) != 3 {
			t.Fatalf("salvo: %+v", end)
		}
		return
	}
	t.Fatalf("no outcome of the salvo in %v", effects)
}

func TestAQueryableActionIsDecidedByAReadingThatWasBegunForIt(t *testing.T) {
	p := newPlay(t, 1).step(emission.LinkUp{}).reports(5, "12") // some time ago
	p.log = nil
	p.query("same", 5, "12").want("read")
	p.reports(5, "3").fresh().want("log [{crosspoint/video/5 3}]", "emit same [{crosspoint/video/5 12}]")
	p.sent("same").ack("same").reports(5, "12").want("log [{crosspoint/video/5 12}]", "end same confirmed")
	p.reports(5, "4").query("done", 5, "7").want("log [{crosspoint/video/5 4}]", "read")
	p.reports(5, "7").fresh().want("log [{crosspoint/video/5 7}]", "end done confirmed")
}

func TestAReadingCountsForOneMomentOnly(t *testing.T) {
	p := newPlay(t, 1).step(emission.LinkUp{}).query("a", 5, "12").want("read")
	p.step(emission.Hold{}).fresh().want()
	p.step(emission.Resume{}).want("read")
	p.step(emission.LinkDown{}).fresh().want() // the answer comes from before the loss
	p.step(emission.LinkUp{}).want("read")
	p.fresh().want("emit a [{crosspoint/video/5 12}]")
	p.result("a", emission.Fenced).wait(5 * time.Millisecond).want("read")
}

func TestAReadingThatNobodyAnswersDoesNotKeepACommandForEver(t *testing.T) {
	p := newPlay(t, 1).step(emission.LinkUp{}).query("a", 5, "12").wait(10 * time.Second)
	p.want("read", "end a expired")
}

func TestAPlannedMoveBeginsNoQueryable(t *testing.T) {
	p := newPlay(t, 1).step(emission.LinkUp{}).query("a", 5, "12").step(emission.Finish{})
	p.settled(true).fresh().want("read")
}

func TestATakeoverReportsNothingOlderThanWhatTheLogKnows(t *testing.T) {
	p := polledPlay(t, value(5, "2")).step(emission.LinkUp{}).want("read")
	p.step(emission.Report{Values: []domain.Value{value(5, "1")}, Full: true}).want() // begun by the standby
	p.step(emission.Report{Values: []domain.Value{value(5, "3")}, Full: true}).want()
	p.fresh().want("log [{crosspoint/video/5 3}]")
	p.reports(5, "4").want("log [{crosspoint/video/5 4}]")
}

func TestATakeoverReadsADeviceThatComesBackOnlyLater(t *testing.T) {
	p := polledPlay(t, value(5, "2")).step(emission.LinkUp{}).step(emission.LinkDown{}).want("read")
	p.reports(5, "1").step(emission.LinkUp{}).want("read")
	p.reports(5, "3").fresh().want("log [{crosspoint/video/5 3}]")
}

func TestNoActionWaitsForTheReadingAtATakeover(t *testing.T) {
	p := polledPlay(t).route("a", 5, "1").step(emission.LinkUp{})
	p.want("emit a [{crosspoint/video/5 1}]", "read")
	q := emission.NewQueue(emission.Settings{Window: 4}, nil) // reports by itself
	p = &play{t: t, ref: make(map[string]uint64), now: time.Second, q: q}
	p.route("a", 1, "1").route("b", 2, "2").step(emission.LinkUp{}).sent("a").sent("b")
	p.want("emit a [{crosspoint/video/1 1}]", "emit b [{crosspoint/video/2 2}]", "read")
}

func TestTheCommandsOfADeviceThatIsRemovedEnd(t *testing.T) {
	p := newPlay(t, 4).step(emission.LinkUp{})
	p.route("a", 5, "1").sent("a").pulse("b").step(emission.StartCounts{UID: "b"}).sent("b").pulse("c")
	p.log = nil
	p.step(emission.Remove{}).want("end a failed device_removed", "end b in_doubt unknown_fate", "end c failed device_removed")
	started := p.work("e", domain.OneShot)
	started.Started = true
	p.route("d", 6, "1").step(emission.Accept{Work: started}).want("end d failed device_removed", "end e in_doubt unknown_fate")
}

// A device of the same name is not to do what the one before it was asked.
func TestTheCommandsOfADeviceThatIsAnotherOneEnd(t *testing.T) {
	p := newPlay(t, 4).step(emission.LinkUp{})
	p.log = nil
	for uid, effect := range map[string]domain.Effect{"a": domain.Absolute, "b": domain.OneShot} {
		gone := p.work(uid, effect)
		gone.Gone = true
		p.step(emission.Accept{Work: gone}).want("end " + uid + " failed device_removed")
		p.log = nil
	}
	p.pulse("c").want("start c")
}

func TestWhatExpiresSaysWhyTheDeviceWasAway(t *testing.T) {
	p := newPlay(t, 1).step(emission.LinkDown{Cause: "no driver"}).pulse("a")
	p.now += time.Minute
	effects := p.q.Step(p.now, emission.Timer{})
	if end, ok := effects[0].(emission.End); !ok || end.Outcome != domain.Expired || !strings.Contains(end.Detail, "no driver") {
		t.Fatalf("%+v", effects)
	}
}

func TestEveryCommandGetsExactlyOneOutcome(t *testing.T) {
	for seed := range int64(300) {
		walk(t, seed)
	}
}
