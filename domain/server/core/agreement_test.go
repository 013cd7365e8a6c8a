package core

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// labelled folds n wishes, and gives the state hash behind each.
func labelled(t *testing.T, n int) (*play, []domain.StateHash) {
	t.Helper()
	p := newPlay(t, 1).mark(0, 1, "B").fact(0, 1, router, domain.Configured{Definition: definition()})
	hashes := []domain.StateHash{p.m.hash(0)}
	for i := range n {
		p.command(0, fmt.Sprint("u", i), router, domain.SetLabel{Port: domain.PortInput, Number: 1 + i%40, Text: fmt.Sprint("Cam ", i)})
		hashes = append(hashes, p.m.hash(0))
	}
	return p.quietly(), hashes
}

// twin is a server that has read less of the same log.
func (p *play) twin(next int64) *play {
	q := newPlay(p.t, 1)
	q.logs = p.logs
	return q.read(0, p.logs[0][:next]...).quietly()
}

func said(incarnation string, at int64, hashes ...domain.StateHash) Expect {
	return Expect{Checkpoint: domain.Checkpoint{Hashes: hashes}, At: at, Incarnation: incarnation}
}

func TestACheckpointCountsAsAgreedWhenEveryPartitionIsEqual(t *testing.T) {
	whole, hashes := labelled(t, 20)
	p := whole.twin(15)
	p.step(said("b1", 5))
	if h := p.health(); h.Hash != "" || h.Agreed != 0 {
		t.Fatalf("a checkpoint without a hash makes it %+v", h)
	}
	p.step(said("b1", 6, hashes[10]))
	if h := p.health(); h.Hash != domain.HashOK || h.Agreed != 6 || p.m.Proven()[0] != hashes[10].Position.Offset {
		t.Fatalf("it is %+v, proven up to %v", h, p.m.Proven())
	}
	p.step(said("b1", 7, hashes[18]))
	if p.health().Agreed != 6 {
		t.Fatal("agreed with what it has not folded yet")
	}
	p.read(0, whole.logs[0][15:]...)
	if h := p.health(); h.Agreed != 7 || p.m.Proven()[0] != hashes[18].Position.Offset {
		t.Fatalf("agreed at %d, want 7", h.Agreed)
	}
}

func TestADifferenceInOnePartitionIsNoAgreementOfTheOther(t *testing.T) {
	p := newPlay(t, 2).mark(0, 1, "B").mark(1, 1, "B")
	one, other := p.m.hash(0), p.m.hash(1)
	wrong := other
	wrong.Hash = domain.Hash{}
	p.step(said("b1", 6, one, wrong)).wants("notice", "refold")
	if h := p.health(); h.Hash != domain.HashDiffers || h.Agreed != 0 || p.m.proven[0] != one {
		t.Fatalf("it is %+v, proven %v", h, p.m.proven)
	}
	p.step(said("b1", 7, one, other))
	if p.health().Hash != domain.HashDiffers {
		t.Fatal("the same primary is believed although nobody knows yet who was wrong")
	}
	p.step(said("c1", 8, one, other))
	if h := p.health(); h.Hash != domain.HashOK || p.m.dispute != nil {
		t.Fatalf("it is %+v after another primary has agreed", h)
	}
}

func TestAPrimaryTrustsWhatAnotherServerHasAgreedWithAndNothingElse(t *testing.T) {
	p, hashes := labelled(t, issuedLength+10)
	for i, h := range hashes {
		p.step(Issued{Checkpoint: domain.Checkpoint{Hashes: []domain.StateHash{h}}, At: 1000 + int64(i)})
	}
	p.step(Agreed{At: 1001}, Agreed{At: 77}) // forgotten; never issued
	if got := p.m.Proven()[0]; got != 0 {
		t.Fatalf("proven up to %d without anybody's word", got)
	}
	for _, at := range []int64{1050, 1040} {
		if p.step(Agreed{At: at}); p.m.proven[0] != hashes[50] {
			t.Fatalf("after %d, proven up to %v, want %v", at, p.m.proven[0], hashes[50])
		}
	}
}

// A server of another build that starts while nobody is primary must not claim
// before it knows that it differs.
func TestAServerIsNotReadyBeforeItWasComparedWithWhatThePrimarySaidLast(t *testing.T) {
	whole, hashes := labelled(t, 12)
	p := newPlay(t, 1)
	p.logs[0] = whole.logs[0][:10]
	p.read(0, p.logs[0]...)
	ready := func() bool {
		p.read(0) // it sees the log
		return p.health().Ready
	}
	p.step(said("b1", 6, hashes[5]))
	if ready() {
		t.Fatal("ready before control was read to its end")
	}
	p.step(said("b1", 7, hashes[12]), Informed{})
	if ready() {
		t.Fatal("ready before the last checkpoint was compared")
	}
	p.logs = whole.logs
	p.read(0, whole.logs[0][10:]...)
	if !ready() {
		t.Fatal("not ready although all was compared")
	}
}

func TestAServerThatDoesNotSeeTheLogIsNotReady(t *testing.T) {
	p := newPlay(t, 1)
	p.read(0).step(Informed{})
	if h := p.health(); !h.Ready || h.Lag != 0 {
		t.Fatalf("it is %+v", h)
	}
	p.step(LogLost{})
	if h := p.health(); h.Ready || h.Lag != domain.LagUnknown {
		t.Fatalf("after a failed fetch it is %+v", h)
	}
	p.read(0)
	if h := p.health(); !h.Ready {
		t.Fatalf("after an answer it is %+v", h)
	}
	p.wait(Silence)
	if h := p.health(); h.Ready {
		t.Fatalf("after a long silence it is %+v", h)
	}
}

func TestWhatAPrimaryKeepsWaitingIsTold(t *testing.T) {
	p := primary(t)
	away := false
	oldest := func(idle, appending time.Duration) time.Duration {
		p.now.Mono += healthEvery
		if !away {
			p.read(0)
		}
		in := Timer{Idle: idle}
		if appending > 0 {
			in.Appending = p.now.Mono - appending
		}
		return p.step(in).told().OldestPending
	}
	p.now.Mono += time.Minute
	if got := oldest(3*time.Second, 0); got != 3*time.Second {
		t.Errorf("a device that waits for 3 s is told as %s", got)
	}
	if got := oldest(3*time.Second, 5*time.Second); got != 5*time.Second {
		t.Errorf("an append of 5 s is told as %s", got)
	}
	p.step(Suspend{Lapsed: true}, Resume{})
	if got := oldest(0, 5*time.Second); got != healthEvery {
		t.Errorf("an outage of the whole log counts as slowness of this server: %s", got)
	}
	if got := oldest(20*time.Second, 0); got != 2*healthEvery {
		t.Errorf("what waited through that outage counts as slowness of this server: %s", got)
	}
	p.now.Mono += time.Minute
	if got := oldest(20*time.Second, 0); got != 20*time.Second {
		t.Errorf("what waits for 20 s without an outage is told as %s", got)
	}
	p.step(LogLost{})
	away = true
	p.now.Mono += time.Minute
	if got := oldest(20*time.Second, 0); got != 0 {
		t.Errorf("while some of the log is away, %s is told", got)
	}
	away = false
	p.now.Mono += time.Second
	if got := oldest(20*time.Second, 0); got > time.Second+2*healthEvery {
		t.Errorf("what waited while some of the log was away counts as slowness of this server: %s", got)
	}
}

// Whichever of the two refolds ends first.
func TestADisputeEndsWhenTheOtherOneWasWrongAndThisOneWasRight(t *testing.T) {
	for name, order := range map[string][]Input{
		"its own refold ends first": {Refolded{}, Conceded{Incarnation: "b1"}},
		"the other one ends first":  {Conceded{Incarnation: "b1"}, Refolded{}},
	} {
		p, hashes := labelled(t, 10)
		wrong := hashes[10]
		wrong.Hash[0]++
		p.step(said("b1", 9, wrong)).quietly()
		p.step(Conceded{Incarnation: "c9"}) // a third server's quarantine says nothing of this one
		p.step(order[0])
		if differs, _ := p.m.Differs(); !differs || !p.m.Doubted() {
			t.Errorf("%s: settled before both have", name)
		}
		p.step(order[1])
		if differs, _ := p.m.Differs(); differs || p.m.Doubted() {
			t.Errorf("%s: it differs still", name)
		}
		if p.quietly().step(said("b1", 10, wrong)); p.m.dispute != nil {
			t.Errorf("%s: a checkpoint of a server that was wrong begins a dispute", name)
		}
	}
}

// A primary that ends before it could fold again does not keep the right one out; but
// one that differs from the log itself is not right because the other one ended.
func TestADisputeEndsWithThePrimaryIfThisServerIsRight(t *testing.T) {
	for name, test := range map[string]struct {
		inputs  []Input
		settled bool
	}{
		"it ends after the refold":  {[]Input{Refolded{}, Ended{Incarnation: "b1"}}, true},
		"it ends before the refold": {[]Input{Ended{Incarnation: "b1"}, Refolded{}}, true},
		"another one ends":          {[]Input{Refolded{}, Ended{Incarnation: "b0"}}, false},
		"it ends, and all is open":  {[]Input{Ended{Incarnation: "b1"}, Refolded{Err: errors.New("the log is away")}}, false},
	} {
		p, hashes := labelled(t, 10)
		wrong := hashes[10]
		wrong.Hash[0]++
		p.step(said("b1", 9, wrong)).quietly()
		p.step(test.inputs...)
		if differs, _ := p.m.Differs(); differs == test.settled || p.m.Doubted() == test.settled {
			t.Errorf("%s: it differs: %v, in doubt: %v", name, differs, p.m.Doubted())
		}
	}
}

// With each of two primaries in turn that were wrong in their own ways: while it folds again
// because of the one, it reads what the other one has said.
func TestADisputeThatBeginsDuringARefoldIsDecidedToo(t *testing.T) {
	for name, first := range map[string]Refolded{
		"the first one is decided":     {},
		"the first one is not decided": {Err: errors.New("the log is away")},
	} {
		p, hashes := labelled(t, 10)
		wrong, other := hashes[9], hashes[10]
		wrong.Hash[0]++
		other.Hash[0]++
		p.step(said("b1", 9, wrong)).wants("notice", "refold")
		p.step(said("c1", 10, other)).wants() // one is under way
		p.step(first)
		p.now.Mono += decideEvery
		p.step(Timer{}).quietly().step(Refolded{}, Ended{Incarnation: "c1"})
		if differs, _ := p.m.Differs(); differs || p.m.Doubted() {
			t.Errorf("%s: it is out for ever", name)
		}
	}
}

func TestAnOperatorsWordEndsADisputeOfTheRightOne(t *testing.T) {
	p, hashes := labelled(t, 10)
	wrong := hashes[10]
	wrong.Hash[0]++
	p.step(said("b1", 9, wrong), Vouch{User: "ann"}).wants("notice", "refold")
	p.step(Refolded{}).wants("notice").step(Vouch{User: "ann"}).wants("publish member.cleared.v1", "notice")
	if differs, _ := p.m.Differs(); differs {
		t.Error("it differs still")
	}
}

// G5: an operator's word does not silence the comparison for ever. The other one may win
// again, when the server that was wanted is not a member yet.
func TestTheOtherOneIsComparedAgainWhenItWinsAnotherEpoch(t *testing.T) {
	whole, hashes := labelled(t, 20)
	p := whole.twin(15)
	wrong := hashes[10]
	wrong.Hash = domain.Hash{}
	in := func(epoch uint64, at int64) Expect {
		e := said("b1", at, wrong)
		e.Checkpoint.Epoch = epoch
		return e
	}
	p.step(in(5, 6)).wants("notice", "refold")
	p.step(Refolded{}, Vouch{User: "ann"}).quietly()
	p.step(in(5, 7)).wants()                              // said before it has heard of that
	p.step(Conceded{Incarnation: "c1"}, in(5, 7)).wants() // a word about somebody else changes nothing
	p.step(in(6, 8)).wants("notice", "refold")
	p.step(Refolded{}).wants("notice")
	if differs, right := p.m.Differs(); !differs || !right {
		t.Errorf("differs: %v, right: %v; want both", differs, right)
	}
}

// G5: the takeover that the operator wanted came to nothing, so the other one is the
// primary still.
func TestTheOtherOneIsComparedAgainWhenItStaysThePrimary(t *testing.T) {
	whole, hashes := labelled(t, 20)
	p := whole.twin(15)
	wrong := hashes[10]
	wrong.Hash = domain.Hash{}
	p.step(said("b1", 6, wrong)).wants("notice", "refold")
	p.step(Refolded{}, Vouch{User: "ann"}).quietly()
	p.now.Mono += vouchedFor - 1
	p.step(said("b1", 7, wrong)).wants()
	p.now.Mono++
	p.step(said("b1", 8, wrong)).wants("notice", "refold")
}

// G5: a primary stops before it says that it is wrong.
func TestAWrongPrimaryStopsDrainsReleasesAndQuits(t *testing.T) {
	p := primary(t).step(Complaint{Incarnation: "c1"}).wants("notice", "refold")
	p.step(Complaint{Incarnation: "c1"}).wants() // one is under way
	p.step(Refolded{Err: fmt.Errorf("partition 0: %w", ErrWrong)}).wants("notice", "hold", "hold")
	p.step(Settled{Device: router, Settle: 1}).wants("flush")
	p.step(Flushed{ID: 1}).wants("hold", "release", "publish member.quarantined.v1", "quit")
	p.step(Resume{}).wants()
	p.command(0, "nowhere", "unknown", domain.Take{Destination: 1, Source: 1}).wants() // it does no chores either
}

// A claim that was under way when the server found itself to be wrong may still win.
func TestAServerInQuarantineGivesAnEpochThatItWinsBackAtOnce(t *testing.T) {
	p := newPlay(t, 1, definition()).mark(0, 1, "B").fact(0, 1, router, domain.Configured{Definition: definition()})
	other := p.m.hash(0)
	other.Hash = domain.Hash{}
	p.step(said("b1", 6, other), Refolded{Err: ErrWrong}).quietly()
	p.step(Won{Epoch: 2}).wants("release")
	p.mark(0, 2, "A").wants()
	if p.m.Acting() {
		t.Error("it acts")
	}
}

func TestAPrimaryFoldsAgainForOneAndTheSameOnlySoOften(t *testing.T) {
	p := primary(t).step(Complaint{Incarnation: "c1"}, Refolded{}).quietly()
	p.step(Complaint{Incarnation: "c1"}).wants()
	p.step(Complaint{Incarnation: "d1"}).wants("notice", "refold").step(Refolded{}).quietly()
	for pause := verifyFirst; pause < 4*verifyEvery; pause *= 2 { // it may have gone wrong since; but it must not do nothing else
		p.now.Mono += min(pause, verifyEvery) - 1
		p.step(Complaint{Incarnation: "d1"}).wants()
		p.now.Mono++
		p.step(Complaint{Incarnation: "d1"}).wants("notice", "refold").step(Refolded{}).quietly()
	}
	p.step(Contentment{Incarnation: "c1"}, Complaint{Incarnation: "d1"}).wants()
	p.step(Contentment{Incarnation: "d1"}, Complaint{Incarnation: "d1"}).wants("notice", "refold") // of something else
}

func TestAServerThatJoinsIsGivenACheckpointAlsoWhereNothingHappens(t *testing.T) {
	p := primary(t).wait(checkpointEvery).wants("publish state.checkpoint.v1")
	p.wait(checkpointEvery).wants()
	p.step(Joined{}).wants("publish state.checkpoint.v1")
}

func TestTheTrailRemembersTheNewestHashes(t *testing.T) {
	p, hashes := labelled(t, trailLength+20)
	for i, h := range hashes {
		got, ok := p.m.trail[0].at(h.Position.Offset)
		if kept := i >= 21; ok != kept || ok && got != h.Hash {
			t.Fatalf("of the hash at %d it knows %v, %v", h.Position.Offset, got, ok)
		}
	}
	if since := p.m.trail[0].since(hashes[len(hashes)-3].Position.Offset); len(since) != 2 || since[1].Hash != hashes[len(hashes)-1].Hash {
		t.Errorf("since the last but two there were %v", since)
	}
}

// G5: a log that is gone for a moment must not leave it open for ever who was wrong:
// the primary that differed may have ended, and nobody is left who says so again.
func TestWhatCouldNotBeDecidedIsFoldedAgain(t *testing.T) {
	undecided := Refolded{Err: domain.ErrTransient}
	differs := func(t *testing.T) *play {
		p := newPlay(t, 1).mark(0, 1, "B")
		wrong := p.m.hash(0)
		wrong.Hash = domain.Hash{}
		return p.quietly().step(said("b1", 6, wrong)).wants("notice", "refold")
	}
	t.Run("by a standby", func(t *testing.T) {
		p := differs(t).step(undecided).wants("notice")
		p.wait(decideEvery - 1).wants()
		p.wait(1).wants("refold")
		p.wait(decideEvery).wants() // it is under way
		p.step(undecided).wants("notice").wait(decideEvery).wants("refold")
		p.step(Refolded{}).wants("notice").wait(decideEvery).wants()
		if differs, right := p.m.Differs(); !differs || !right {
			t.Errorf("differs: %t, right: %t", differs, right)
		}
	})
	t.Run("unless another primary agrees", func(t *testing.T) {
		p := differs(t).step(undecided).quietly()
		p.step(said("c1", 7, p.m.hash(0))).wait(decideEvery).wants()
	})
	t.Run("by a primary", func(t *testing.T) {
		p := primary(t).step(Complaint{Incarnation: "b1"}).wants("notice", "refold").step(undecided).wants("notice")
		p.step(Complaint{Incarnation: "b1"}).wants()
		p.wait(decideEvery).quietly() // and a checkpoint
		if !p.m.refold.underWay {
			t.Error("it is not decided, and left so")
		}
		p.step(undecided, Over{}).quietly().wait(decideEvery).wants()
	})
}
