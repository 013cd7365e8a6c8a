package control_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
	"github.com/understudy-io/understudy/domain/server/control"
)

// play drives the control of server A on a control topic of its own.
type play struct {
	t       *testing.T
	m       *control.Machine
	now     domain.Mono
	next    int64
	waiting []domain.Payload // that A has appended
	said    []string         // what it did, but for appends and moves of the lease
	quit    error
	acting  bool
}

func newPlay(t *testing.T) *play {
	p := &play{t: t, now: time.Second, m: control.New(
		control.Config{Landscape: "test", Server: "A", Incarnation: "a1"},
		election.NewServer(election.Config{Member: "A", Incarnation: "a1", TTL: 300 * time.Millisecond}),
	)}
	return p.step(control.Begin{}).elect(election.Health{Ready: true})
}

func (p *play) step(in control.Input) *play {
	for _, e := range p.m.Step(p.now, in) {
		switch e := e.(type) {
		case control.Append:
			p.waiting = append(p.waiting, e.Payload)
		case control.View:
			p.waiting = append(p.waiting, e.View)
		case control.Lease:
			p.acting = e.Until > 0
		case control.Core:
			p.said = append(p.said, strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", e.Input), "core.")))
		case control.Copy:
			p.said = append(p.said, fmt.Sprint("copy ", e.Heard))
		case control.Quit:
			p.quit = e.Cause
		default:
			p.said = append(p.said, strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", e), "control.")))
		}
	}
	return p
}

func (p *play) elect(in election.Input) *play { return p.step(control.Election{Input: in}) }

// hear puts records of a server into the topic and has A read them.
func (p *play) hear(server string, payloads ...domain.Payload) *play {
	var in control.Read
	for _, payload := range payloads {
		in.Records = append(in.Records, domain.Record{
			Position: domain.Position{Offset: p.next}, Type: payload.Type(), UID: fmt.Sprint(p.next),
			Subject: server, Signed: true, Payload: payload,
		})
		p.next++
	}
	in.High = p.next
	return p.step(in)
}

// run lets time pass, and A read what it appends.
func (p *play) run(d time.Duration) *play {
	for until := p.now + d; p.now < until; p.now += 5 * time.Millisecond {
		own := p.waiting
		p.waiting = nil
		p.hear("A", own...)
		if p.m.NextWake() <= p.now {
			p.step(control.Timer{})
		}
	}
	return p
}

func (p *play) quietly() *play {
	p.said = nil
	return p
}

// wants compares what it did, each word once.
func (p *play) wants(words ...string) *play {
	p.t.Helper()
	if got := slices.Compact(p.said); !slices.Equal(got, words) {
		p.t.Errorf("it did %q, wanted %q", got, words)
	}
	return p.quietly()
}

// elected is the control of a server that holds epoch 1.
func elected(t *testing.T) *play {
	p := newPlay(t).run(3 * time.Second)
	if !p.acting {
		t.Fatalf("A holds no lease; it did %q", p.said)
	}
	return p.quietly()
}

// standby is the control of a server while B holds epoch 1.
func standby(t *testing.T) *play {
	p := newPlay(t).hear("B", domain.Joined{Incarnation: "b1"}, domain.Claim{Incarnation: "b1", Epoch: 1, Seen: -1, N: 1, TTL: election.LimitTTL})
	return p.run(50 * time.Millisecond).quietly()
}

func TestAServerThatIsAloneWins(t *testing.T) {
	p := newPlay(t).run(3 * time.Second)
	p.wants("informed", "copy false", "reign", "won", "copy false", "copy true")
}

func TestAnEpochIsOverOnceTheFoldSaysSo(t *testing.T) {
	p := elected(t)
	p.hear("B", domain.Joined{Incarnation: "b1"}).wants("copy false", "joined")
	p.hear("B", domain.Contest{Epoch: 1, By: "ann"})
	if p.acting {
		t.Error("it acts although it is contested")
	}
	p.wants("role", "suspend", "drain", "copy false")
	p.elect(election.Drained{Epoch: 7}).run(10 * time.Millisecond).wants() // of another one
	p.elect(election.Drained{Epoch: 1}).run(10 * time.Millisecond)
	if len(p.said) < 3 || p.said[0] != "over" || p.said[1] != "over" {
		t.Errorf("after its release it did %q", p.said)
	}
}

// A release may be on its way while the term that it is for ends and another begins.
func TestAReleaseOfAnotherEpochIsNotHeeded(t *testing.T) {
	p := elected(t).elect(election.Release{Epoch: 7})
	if !p.acting {
		t.Error("it gave up the epoch that it holds")
	}
	if p.elect(election.Release{Epoch: 1}); p.acting {
		t.Error("it goes on")
	}
}

func TestALapseThatNobodyHasUsedIsResumed(t *testing.T) {
	p := elected(t)
	p.now += 2 * time.Second
	p.step(control.Timer{}).wants("role", "suspend")
	if p.run(time.Second); !p.acting || !slices.Contains(p.said, "resume") {
		t.Errorf("it acts: %v; it did %q", p.acting, slices.Compact(p.said))
	}
}

func TestTheCoreHearsWhatConcernsItsState(t *testing.T) {
	p := elected(t).hear("B", domain.Joined{Incarnation: "b1"}).quietly()
	p.hear("A", domain.Checkpoint{Epoch: 1, Copied: 5}).wants("copied", "issued")
	p.hear("B", domain.Checkpoint{Epoch: 1}).wants()
	p.hear("A", domain.Checkpoint{Epoch: 7}).wants()
	p.hear("B", domain.Heartbeat{Incarnation: "b1", N: 1, TTL: time.Second, Agreed: 6}).wants("agreed", "contentment")
	p.hear("B", domain.Heartbeat{Incarnation: "b1", N: 2, TTL: time.Second, Hash: domain.HashDiffers}).wants("complaint")
	p.hear("B", domain.Quarantined{Incarnation: "b1"}).wants("copy false", "conceded")

	p = standby(t).hear("B", domain.Checkpoint{Epoch: 1}).wants("copied", "expect")
	p.hear("C", domain.Heartbeat{Incarnation: "c1", N: 1, TTL: time.Second, Agreed: 6, Hash: domain.HashDiffers}).wants()
}

func TestTheCoreHearsOfTheEndOfAPrimaryOfTheSameBuild(t *testing.T) {
	for name, test := range map[string]struct {
		build string
		end   domain.Payload
		wants []string
	}{
		"it died":               {"", domain.Died{Incarnation: "b1"}, []string{"copy false", "ended"}},
		"it left":               {"", domain.Left{Incarnation: "b1"}, []string{"copy false", "ended"}},
		"it was started anew":   {"", domain.Joined{Incarnation: "b2"}, []string{"copy false", "ended"}},
		"it is of another":      {"other", domain.Died{Incarnation: "b1"}, []string{"copy false"}},
		"it was right":          {"", domain.Died{Incarnation: "b1"}, []string{"copy false"}},
		"an earlier one died":   {"", domain.Died{Incarnation: "b0"}, []string{"copy false"}},
		"another server joined": {"", domain.Joined{Incarnation: "c1"}, []string{"copy false"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlay(t).hear("B", domain.Joined{Incarnation: "b1", Build: test.build})
			p.hear("B", domain.Claim{Incarnation: "b1", Epoch: 1, Seen: -1, N: 1, TTL: election.LimitTTL}).quietly()
			p.hear("B", domain.Checkpoint{Epoch: 1}).wants("copied", "expect")
			who := "B"
			if name == "it was right" {
				p.hear("B", domain.Heartbeat{Incarnation: "b1", Epoch: 1, N: 2, TTL: time.Second, Hash: domain.HashRight}).quietly()
			}
			if name == "another server joined" {
				who = "C"
			}
			p.hear(who, test.end).wants(test.wants...)
			p.hear("C", domain.Joined{Incarnation: "c2"}).wants("copy false") // it is told once
		})
	}
}

// What a server had wrong before its restart it may have kept in a snapshot, and then
// its own checkpoint of that time would say that it is right.
func TestACheckpointOfAnEarlierProcessOfThisServerProvesNothing(t *testing.T) {
	p := newPlay(t).hear("A", domain.Joined{Incarnation: "a0"}, domain.Claim{Incarnation: "a0", Epoch: 1, Seen: -1, N: 1, TTL: election.LimitTTL})
	p.run(50 * time.Millisecond).quietly()
	p.hear("A", domain.Checkpoint{Epoch: 1, Copied: 2}).wants("copied")
	p.hear("B", domain.Joined{Incarnation: "b1"}).quietly()
	p.hear("A", domain.Died{Incarnation: "a0"}).quietly()
	p.hear("B", domain.Claim{Incarnation: "b1", Epoch: 2, Seen: 1, N: 1, TTL: election.LimitTTL}).quietly()
	p.hear("B", domain.Checkpoint{Epoch: 2, Copied: 3}).wants("copied", "expect")
}

func TestAPrimaryWritesAViewEachMinute(t *testing.T) {
	p := elected(t)
	views := func() (n int) {
		for range 20 {
			own := p.waiting
			for _, payload := range own {
				if v, ok := payload.(domain.View); ok {
					n++
					if v.At != p.next-1 {
						t.Errorf("the view is of %d, the topic ends at %d", v.At, p.next-1)
					}
				}
			}
			p.run(5 * time.Millisecond)
		}
		return n
	}
	if n := views(); n != 0 {
		t.Errorf("%d views at the beginning", n)
	}
	p.now += time.Minute
	p.step(control.Timer{})
	if n := views(); n != 1 {
		t.Errorf("%d views after a minute", n)
	}
}

// Of two processes under one name the newer one stays.
func TestAServerIsReplacedByATwinThatLives(t *testing.T) {
	beat := domain.Heartbeat{Incarnation: "a2", N: 1, TTL: time.Second}
	p := standby(t).hear("A", domain.Joined{Incarnation: "a2"}).run(time.Second)
	if p.quit != nil {
		t.Fatalf("it has quit before the other one gave a sign of life: %v", p.quit)
	}
	if p.hear("A", beat); !errors.Is(p.quit, control.ErrReplaced) {
		t.Errorf("it quits with %v", p.quit)
	}

	p = standby(t).hear("A", domain.Joined{Incarnation: "a2"}).run(3 * time.Second)
	if !errors.Is(p.quit, domain.ErrFenced) || errors.Is(p.quit, control.ErrReplaced) {
		t.Errorf("after the late join of a dead process it quits with %v", p.quit)
	}

	p = elected(t).hear("A", domain.Joined{Incarnation: "a2"}).quietly()
	if p.hear("A", beat); p.quit != nil || !slices.Contains(p.said, "finish") {
		t.Errorf("a primary did %q, and quits with %v", p.said, p.quit)
	}
	p.quietly().elect(election.Release{}).run(50 * time.Millisecond)
	beat.N++
	if p.hear("A", beat); !errors.Is(p.quit, control.ErrReplaced) {
		t.Errorf("after its release it quits with %v", p.quit)
	}
}
