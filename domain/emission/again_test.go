package emission_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/emission"
)

func TestAWishThatANewerOneOvertookIsNotSentAgainAfterAReconnection(t *testing.T) {
	p := newPlay(t, 1).step(emission.LinkUp{})
	p.route("a", 1, "2").sent("a").route("b", 1, "3").want("emit a [{crosspoint/video/1 2}]")
	p.step(emission.LinkDown{}).step(emission.LinkUp{})
	p.want("end a superseded b", "emit b [{crosspoint/video/1 3}]")
}

func TestNoMoreActionsAreWithTheDeviceThanItsWindowAllows(t *testing.T) {
	p := newPlay(t, 2).step(emission.LinkUp{})
	p.route("a", 1, "2").sent("a").route("b", 2, "3").sent("b").route("c", 3, "4")
	p.want("emit a [{crosspoint/video/1 2}]", "emit b [{crosspoint/video/2 3}]")
	p.ack("a").reports(1, "2").want("log [{crosspoint/video/1 2}]", "end a confirmed", "emit c [{crosspoint/video/3 4}]")
}

// A device that is configured anew while its write-ahead is on its way is handed over
// as not started: no second write-ahead would ever count.
func TestAWriteAheadOfAnEarlierQueueCounts(t *testing.T) {
	p := newPlay(t, 1).pulse("p").step(emission.StartCounts{UID: "p"}).want()
	p.step(emission.LinkUp{}).want("emit p []")
	p.sent("p").answer("p", domain.Done, "").want("end p confirmed")
}

func TestWhatMayHaveBeenSentDoesNotExpireAsUnsent(t *testing.T) {
	p := newPlay(t, 1).step(emission.LinkUp{})
	p.route("a", 1, "2").wait(time.Millisecond).result("a", emission.UnknownFate).want("emit a [{crosspoint/video/1 2}]")
	p.wait(time.Minute).want("end a failed disconnected")
	p.step(emission.LinkUp{}).route("b", 2, "3").want() // a next primary that does not find that outcome may send it again
	p.step(emission.EndCounts{UID: "a"}).want("emit b [{crosspoint/video/2 3}]")
}

// The link outlives the queue: what an earlier one has asked for says nothing to this one.
func TestAReadingOfAnEarlierQueueDecidesNothing(t *testing.T) {
	q := emission.NewQueue(emission.Settings{ConfirmWithin: time.Second, Window: 1, Polled: true, LastRef: 7}, []domain.Value{value(5, "2")})
	p := &play{t: t, ref: make(map[string]uint64), now: time.Second, q: q}
	p.step(emission.LinkUp{}).reports(5, "1").want("read")
	if p.read != 8 {
		t.Errorf("its first reading is %d", p.read)
	}
	old := emission.Answer{Answered: domain.Answered{Ref: 7, Verdict: domain.Fresh}}
	p.step(old).want()
	p.reports(5, "3").fresh().want("log [{crosspoint/video/5 3}]")
}

// It may have been changed since it was read, and an acknowledgement is not yet an effect.
func TestAnAcknowledgementOfAPolledDeviceIsNotEnough(t *testing.T) {
	p := polledPlay(t, value(5, "2")).step(emission.LinkUp{}).reports(5, "2")
	p.route("a", 5, "2").sent("a").ack("a").want("read", "emit a [{crosspoint/video/5 2}]")
	p.reports(5, "1").fresh().want("log [{crosspoint/video/5 1}]")
	p.reports(5, "2").want("log [{crosspoint/video/5 2}]", "end a confirmed")
}

// What is written ahead and not sent is known not to be, by who has written it.
func TestAOneShotIsUnsentUntilAByteOfItMayHaveLeft(t *testing.T) {
	p := newPlay(t, 2).step(emission.LinkUp{})
	unsent := func(when string, want ...string) {
		t.Helper()
		if got := p.q.Unsent(); !slices.Equal(got, want) {
			t.Errorf("%s: %q are unsent, want %q", when, got, want)
		}
	}
	p.route("a", 1, "2").pulse("p")
	unsent("before a")
	p.sent("a")
	unsent("being written ahead", "p")
	p.step(emission.StartCounts{UID: "p"})
	unsent("handed to the link")
	p.result("p", emission.Fenced)
	unsent("refused by the lease", "p")
	p.wait(time.Second).sent("p")
	unsent("sent")
}

func TestAOneShotWithoutAnAnswerIsInDoubtAndHasNotFailed(t *testing.T) {
	p := newPlay(t, 1).step(emission.LinkUp{})
	p.pulse("p").step(emission.StartCounts{UID: "p"}).sent("p").want("start p", "emit p []")
	p.answer("p", domain.NoAnswer, "").want("end p in_doubt unknown_fate")
}

// The report may be older than the action, so it confirms nothing; but where only the
// acknowledgement is missing, the outcome must not be that the wish came to nothing.
func TestAnActionWhoseAcknowledgementIsLostIsSentOnceMore(t *testing.T) {
	lost := map[string]func(*play) *play{
		"the driver says so":  func(p *play) *play { return p.answer("a", domain.NoAnswer, "") },
		"nobody says so":      func(p *play) *play { return p.wait(time.Second) },
		"the connection ends": func(p *play) *play { return p.step(emission.LinkDown{}).step(emission.LinkUp{}) },
	}
	for name, loses := range lost {
		t.Run(name, func(t *testing.T) {
			p := newPlay(t, 4).step(emission.LinkUp{}).route("a", 5, "12").sent("a").reports(5, "12")
			p.want("emit a [{crosspoint/video/5 12}]", "log [{crosspoint/video/5 12}]")
			loses(p).want("emit a [{crosspoint/video/5 12}]")
			p.sent("a").ack("a").want("end a confirmed")
		})
	}
}

// Newer wishes that came to nothing have left all the same: what is older comes no more.
func TestAnActionIsNotSentOnceMoreBehindANewerWish(t *testing.T) {
	lost := map[string]func(*play) *play{
		"nobody acknowledges it": func(p *play) *play { return p.wait(time.Second) },
		"the connection ends":    func(p *play) *play { return p.step(emission.LinkDown{}).step(emission.LinkUp{}) },
	}
	for name, loses := range lost {
		t.Run(name, func(t *testing.T) {
			p := newPlay(t, 4).step(emission.LinkUp{}).reports(5, "12").route("a", 5, "12").sent("a").route("b", 5, "3").sent("b")
			p.answer("b", domain.Rejected, domain.ReasonNak)
			p.want("log [{crosspoint/video/5 12}]", "emit a [{crosspoint/video/5 12}]", "emit b [{crosspoint/video/5 3}]", "end b failed nak")
			loses(p).want("end a superseded b")
		})
	}
}

func TestAnActionThatIsNeverAcknowledgedIsNotSentForEver(t *testing.T) {
	p := newPlay(t, 4).step(emission.LinkUp{}).reports(5, "12").route("a", 5, "12").sent("a").answer("a", domain.NoAnswer, "").sent("a")
	p.log = nil
	effects := p.q.Step(p.now+time.Second, emission.Timer{})
	if end, ok := effects[0].(emission.End); !ok || end.Reason != domain.ReasonNoAnswer || !strings.Contains(end.Detail, "reports the wished value") {
		t.Fatalf("%+v", effects)
	}
}

func TestAnActionIsNotSentOnceMore(t *testing.T) {
	begin := func(t *testing.T, reports string) *play {
		p := newPlay(t, 4).step(emission.LinkUp{}).reports(5, reports).route("a", 5, "12").sent("a")
		p.log = nil
		return p
	}
	t.Run("when the device reports another value", func(t *testing.T) {
		begin(t, "3").answer("a", domain.NoAnswer, "").want("end a failed no_answer")
	})
	t.Run("when a newer one wishes something else", func(t *testing.T) {
		p := begin(t, "12").route("b", 5, "7").sent("b")
		p.log = nil
		p.answer("a", domain.NoAnswer, "").want("end a superseded b")
	})
	t.Run("when it is too old", func(t *testing.T) {
		p := begin(t, "12")
		p.now += 10 * time.Second
		p.answer("a", domain.NoAnswer, "").want("end a failed no_answer")
	})
	t.Run("when a planned move has begun", func(t *testing.T) {
		begin(t, "12").step(emission.Finish{}).answer("a", domain.NoAnswer, "").settled(true).want()
	})
}
