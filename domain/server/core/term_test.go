package core

import (
	"slices"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
	"github.com/understudy-io/understudy/domain/server/clerk"
	"github.com/understudy-io/understudy/domain/server/device"
)

func TestAPartitionIsDrivenFromItsOwnMarkOn(t *testing.T) {
	p := newPlay(t, 2, definition())
	other := 1 - p.at()
	p.mark(p.at(), 1, "B").fact(p.at(), 1, router, domain.Configured{Definition: definition()}).wants("opendevice")
	p.command(p.at(), "before", router, domain.Take{Destination: 1, Source: 2}).wants()
	p.step(Won{Epoch: 2}).wants("beginterm", "journal 0:epoch.opened.v1 1:epoch.opened.v1")
	p.command(p.at(), "meanwhile", router, domain.Take{Destination: 2, Source: 2}).wants()
	p.mark(other, 2, "A").wants()
	p.mark(p.at(), 2, "A")
	if work := p.promoted().Work; len(work) != 2 || work[0].UID != "before" || work[1].UID != "meanwhile" {
		t.Errorf("the router is handed over with %+v", work)
	}
	p.wants("promote", "opened")
	p.command(p.at(), "after", router, domain.Take{Destination: 3, Source: 2}).wants("accept")
}

// A device was taken out and is back, and nobody has ended its commands in between.
func TestWhatADeviceWasAskedBeforeItWasTakenOutIsHandedOverAsThat(t *testing.T) {
	p := newPlay(t, 1, definition()).mark(0, 1, "B").fact(0, 1, router, domain.Configured{Definition: definition()})
	p.command(0, "before", router, domain.Take{Destination: 1, Source: 2})
	p.fact(0, 1, router, domain.Configured{Definition: definition(), Removed: true}).fact(0, 1, router, domain.Configured{Definition: definition()})
	p.command(0, "after", router, domain.Take{Destination: 1, Source: 3})
	work := p.step(Won{Epoch: 2}).mark(0, 2, "A").promoted().Work
	if len(work) != 2 || !work[0].Gone || len(work[0].Wishes) != 1 || work[0].Lost != nil || work[1].Gone {
		t.Errorf("the router is handed over with %+v", work)
	}
}

// Another server's mark opens nothing here.
func TestTheMarkOfAnotherEpochOpensNothing(t *testing.T) {
	p := newPlay(t, 1, definition()).step(Won{Epoch: 2}).quietly()
	p.mark(0, 1, "B").wants()
	p.mark(0, 3, "C").wants()
	if p.m.Acting() {
		t.Error("it acts")
	}
}

func TestAgeIsNeverLessThanItIs(t *testing.T) {
	p := newPlay(t, 1, definition()).mark(0, 1, "B").fact(0, 1, router, domain.Configured{Definition: definition()})
	p.record(0, domain.Record{UID: "u", Source: "/test", Subject: router, Created: p.now.Wall, ValidFor: 10 * time.Second, Payload: domain.Take{Destination: 1, Source: 2}})
	p.wait(4 * time.Second).step(Won{Epoch: 2})
	won := p.now.Mono
	p.wait(time.Second).mark(0, 2, "A") // the mark took its time
	if got, want := p.promoted().Work[0].Deadline, won+10*time.Second-5*time.Second; got != want {
		t.Errorf("the deadline of what waited is %s, wanted %s", got, want)
	}
	p.record(0, domain.Record{UID: "v", Source: "/test", Subject: router, Created: p.now.Wall, ValidFor: 10 * time.Second, Payload: domain.Take{Destination: 1, Source: 2}})
	in := Read{At: p.now.Mono, Since: p.now.Mono - time.Second}
	for _, e := range p.last {
		if d, ok := e.(Device); ok {
			if a, ok := d.Input.(device.Accept); ok && a.Deadline != p.now.Mono+10*time.Second {
				t.Errorf("the deadline of what comes is %s", a.Deadline)
			}
		}
	}
	if got := deadline(&in, p.m.states[0].Devices()[0].Pending()[0]); got != p.now.Mono+9*time.Second {
		t.Errorf("the age does not count from when the log was known not to hold it: %s", got)
	}
}

// A term can be old when a device is configured anew, or when a partition that
// was away takes its mark: that is no age of what waits.
func TestTheAgeOfATermIsNoneOfWhatWaits(t *testing.T) {
	want := func(p *play) {
		t.Helper()
		if got, want := p.promoted().Work[0].Deadline, p.now.Mono-time.Second+10*time.Second-5*time.Second; got != want {
			t.Errorf("the deadline of what waits is %s, wanted %s", got, want)
		}
	}
	take := domain.Record{UID: "u", Source: "/test", Subject: router, ValidFor: 10 * time.Second, Payload: domain.Take{Destination: 1, Source: 2}}

	p := primary(t).wait(5 * time.Minute)
	take.Created = p.now.Wall
	p.record(0, take).wait(5 * time.Second)
	p.since = p.now.Mono - time.Second // the log was read to its end then
	want(p.fact(0, 2, router, domain.Configured{Definition: definition()}))

	p = newPlay(t, 1, definition()).mark(0, 1, "B").fact(0, 1, router, domain.Configured{Definition: definition()})
	p.step(Won{Epoch: 2}).wait(5 * time.Minute)
	take.Created = p.now.Wall
	p.record(0, take).wait(5 * time.Second)
	p.since = p.now.Mono - time.Second
	want(p.mark(0, 2, "A"))
}

func TestTheWordOfTheLogReachesTheDevice(t *testing.T) {
	gate := domain.Definition{Device: router, Driver: domain.DriverHTTP, ValidOneShot: time.Minute, Verbs: []domain.Verb{{Name: "pulse", Effect: domain.OneShot}}}
	p := newPlay(t, 1, gate).mark(0, 1, "B").fact(0, 1, router, domain.Configured{Definition: gate})
	p.step(Won{Epoch: 2}).mark(0, 2, "A").quietly()
	p.command(0, "p", router, domain.Invoke{Verb: "pulse"}).wants("accept")
	at := domain.Position{Offset: int64(len(p.logs[0]) - 1)}
	p.fact(0, 2, router, domain.Started{UID: "p", Command: at}).wants("startcounts")
	p.fact(0, 2, router, domain.Ended{UID: "p", Command: at, Outcome: domain.Confirmed}).wants()
	p.command(0, "old", router, domain.Invoke{Verb: "pulse"}).wants("accept")
	at.Offset = int64(len(p.logs[0]) - 1)
	p.fact(0, 2, router, domain.Ended{UID: "old", Command: at, Outcome: domain.Expired}).wants("endcounts")
	p.command(0, "gone", router, domain.Invoke{Verb: "pulse"}).wants("accept")
	at.Offset = int64(len(p.logs[0]) - 1)
	p.fact(0, 2, router, domain.Ended{UID: "gone", Command: at, Outcome: domain.Failed, Reason: domain.ReasonDisconnected}).wants("endcounts")
	p.step(Over{}).wants("endterm", "demote")
	p.command(0, "q", router, domain.Invoke{Verb: "pulse"}).wants()
}

// G3: whether a one-shot was sent is not guessed by the next primary.
func TestATakeoverHandsOverWhatWasStarted(t *testing.T) {
	gate := domain.Definition{Device: router, Driver: domain.DriverHTTP, ValidOneShot: time.Minute, Verbs: []domain.Verb{{Name: "pulse", Effect: domain.OneShot}}}
	p := newPlay(t, 1, gate).mark(0, 1, "B").fact(0, 1, router, domain.Configured{Definition: gate})
	p.command(0, "p", router, domain.Invoke{Verb: "pulse"}).fact(0, 1, router, domain.Started{UID: "p", Command: domain.Position{Offset: 2}})
	p.command(0, "q", router, domain.Invoke{Verb: "pulse"}).step(Won{Epoch: 2}).mark(0, 2, "A")
	if w := p.promoted().Work; len(w) != 2 || !w[0].Started || w[1].Started {
		t.Errorf("it is handed over as %+v", w)
	}
}

func TestADeviceThatIsConfiguredAnewIsClosedOpenedAndHandedOver(t *testing.T) {
	p := primary(t)
	def := definition()
	def.Outputs, def.Revision = 20, 2
	p.fact(0, 2, router, domain.Configured{Definition: def}).wants("closedevice", "opendevice", "promote")
	p.fact(0, 2, router, domain.Configured{Definition: def, Removed: true}).wants("closedevice")
}

// Nothing is sent to where a device may not be any more, and what waits for it ends once.
func TestADeviceThatThePrimaryConfiguresAnewIsHandedOverWithItsNewDefinition(t *testing.T) {
	def := definition()
	def.Outputs = 20
	takeover := func() *play {
		p := newPlay(t, 1, def).mark(0, 1, "B").fact(0, 1, router, domain.Configured{Definition: definition()})
		return p.step(Won{Epoch: 2}).quietly().mark(0, 2, "A").wants("journal 0:device.configured.v1", "opened")
	}
	def.Revision = 2
	takeover().fact(0, 2, router, domain.Configured{Definition: def}).wants("closedevice", "opendevice", "promote")
	def.Inputs = -1 // it does not count, for whatever reason
	takeover().fact(0, 2, router, domain.Configured{Definition: def}).wants("promote", "clerk deadletter")
}

func TestTheConfigurationOfThePrimaryIsWrittenAndOthersAreRemoved(t *testing.T) {
	other := definition()
	other.Device = "other"
	p := newPlay(t, 1, definition()).mark(0, 1, "B").fact(0, 1, "other", domain.Configured{Definition: other})
	p.step(Won{Epoch: 2}).quietly().mark(0, 2, "A").
		wants("journal 0:device.configured.v1", "notice", "journal 0:device.configured.v1", "opened")
	if missing := p.m.Unconfigured(); len(missing) != 1 || missing[0] != router {
		t.Errorf("it waits for the definitions of %v", missing)
	}
	p = newPlay(t, 1).mark(0, 1, "B").fact(0, 1, "other", domain.Configured{Definition: other})
	p.step(Won{Epoch: 2}).quietly().mark(0, 2, "A").wants("promote", "opened") // an empty list is a forgotten one
}

// G3: what is opened after an end has begun begins nothing either.
func TestATermThatIsAboutToEndTellsTheDevicesThatItOpens(t *testing.T) {
	for name, c := range map[string]struct {
		before          []Input
		held, finishing bool
	}{
		"an ordinary term":        {nil, false, false},
		"a planned end":           {[]Input{Finish{}}, false, true},
		"a contest":               {[]Input{Drain{}}, true, false},
		"a lapse":                 {[]Input{Suspend{Lapsed: true}}, true, false},
		"a lapse that has an end": {[]Input{Suspend{Lapsed: true}, Resume{}}, false, false},
	} {
		p := newPlay(t, 1, definition()).mark(0, 1, "B").fact(0, 1, router, domain.Configured{Definition: definition()})
		p.step(Won{Epoch: 2}).step(c.before...).mark(0, 2, "A")
		if got := p.promoted(); got.Held != c.held || got.Finishing != c.finishing {
			t.Errorf("%s: handed over as held %v, finishing %v", name, got.Held, got.Finishing)
		}
	}
	p := newPlay(t, 1, definition()).mark(0, 1, "B").fact(0, 1, router, domain.Configured{Definition: definition()})
	p.step(Leave{}, Won{Epoch: 2}).mark(0, 2, "A")
	if !p.promoted().Finishing {
		t.Error("a term that begins while the server ends begins something")
	}
}

func TestAPlannedEndWaitsForTheDevicesAndThenForTheLog(t *testing.T) {
	then := []Effect{Control{election.Release{}}}
	p := primary(t).step(Finish{Then: then}).wants("finish")
	p.step(Settled{Device: router, Settle: 7}).wants()
	p.step(Settled{Device: router, Settle: 1}).wants("flush")
	p.step(Flushed{ID: 9}).wants()
	p.step(Flushed{ID: 1}).wants("release")
	p.step(Flushed{ID: 1}).wait(time.Minute).quietly()

	p = primary(t).step(Finish{Then: then}, Drain{Then: []Effect{Control{election.Drained{}}}}).wants("finish", "hold")
	p.wait(drainLimit).wants("hold", "drained")
	p.wait(FinishLimit).wants("publish state.checkpoint.v1", "release")

	primary(t).step(Finish{Then: then}, Over{}).wants("finish", "endterm", "demote", "release")
	newPlay(t, 1).step(Finish{Then: then}).wants("release")
}

// What an operator has asked for may come when the epoch is over and another one has
// begun: that one would do nothing more, and keep the primacy.
func TestAPlannedEndOfAnotherEpochEndsNothing(t *testing.T) {
	then := []Effect{Control{election.Release{Epoch: 1}}}
	primary(t).step(Finish{Epoch: 1, Then: then}).wants().step(Finish{Epoch: 2, Then: then}).wants("finish")
	newPlay(t, 1).step(Finish{Epoch: 1, Then: then}).wants()
}

// What ends a term names it.
func TestAReleaseIsOfTheEpochThatItIsFor(t *testing.T) {
	p := primary(t).step(Broken{Epoch: 2, Cause: "full"}).wants("endterm", "demote", "release")
	if !slices.Contains(p.last, Effect(Control{election.Release{Epoch: 2, Reason: "full"}})) {
		t.Errorf("it did %+v", p.last)
	}
}

// The next primary may act once this one has released: what a device has not
// acknowledged until then must not reach it any more.
func TestADrainEndsAsALapse(t *testing.T) {
	for name, end := range map[string]func(*play){
		"with all answers": func(p *play) {
			p.step(Settled{Device: router, Settle: 1}).quietly().step(Flushed{ID: 1})
		},
		"without": func(p *play) { p.wait(drainLimit) },
	} {
		p := primary(t).step(Drain{Then: []Effect{Control{election.Drained{}}}}).wants("hold")
		end(p)
		p.wants("hold", "drained")
		if !slices.Contains(p.last, Effect(Device{Device: router, Input: device.Hold{Lapsed: true}})) {
			t.Errorf("%s: the device is told of no lapse: %+v", name, p.last)
		}
	}
	primary(t).step(Drain{}).quietly().step(Over{}).wants("endterm", "demote")
}

func TestADeviceThatGoesIsNotWaitedFor(t *testing.T) {
	p := primary(t).step(Finish{}).quietly()
	p.fact(0, 2, router, domain.Configured{Definition: definition(), Removed: true}).wants("closedevice", "flush")
}

func TestALapseStopsDevicesAndResumeLetsThemGoOn(t *testing.T) {
	p := primary(t)
	if !p.m.Acting() {
		t.Fatal("it does not act")
	}
	p.step(Suspend{Lapsed: true}).wants("hold")
	if p.m.Acting() {
		t.Error("it acts without a lease")
	}
	p.step(Resume{}).wants("resume")
	if !p.m.Acting() {
		t.Error("it does not act again")
	}
}

func TestABrokenJournalGivesTheEpochUp(t *testing.T) {
	primary(t).step(Broken{Epoch: 1}).wants().step(Broken{Epoch: 2}).wants("endterm", "demote", "release")
}

// Control was lost, and the log did not show its end when this server read it: the
// epoch is one that there was, and the next one must be above all that the log shows now.
func TestAnEpochThatALogHasSeenAlreadyIsGivenBack(t *testing.T) {
	p := newPlay(t, 1, definition()).mark(0, 1, "B").step(Won{Epoch: 2}).mark(0, 5, "C")
	p.quietly().mark(0, 2, "A").wants("endterm", "release")
	if floor := Effect(Control{election.Floor{Epoch: 5}}); !slices.Contains(p.last, floor) || p.m.Acting() {
		t.Errorf("it acts: %v, and did %+v", p.m.Acting(), p.last)
	}
}

// An epoch whose end was not noticed yet ends before the next one begins.
func TestANewEpochEndsTheOneBefore(t *testing.T) {
	primary(t).step(Won{Epoch: 3}).wants("endterm", "demote", "beginterm", "journal 0:epoch.opened.v1")
}

func TestChoresAreSetToWorkOnce(t *testing.T) {
	p := primary(t)
	p.command(0, "nowhere", "unknown", domain.Take{Destination: 1, Source: 1}).wants("journal 0:action.outcome.v1")
	p.record(0, domain.Record{UID: "x", Subject: router, Defect: domain.DefectPayload, Payload: domain.Take{}}).wants("clerk deadletter")
	p.command(0, "u", router, domain.Take{Destination: 1, Source: 1}).wants("accept")
	p.step(Over{}).quietly().step(Won{Epoch: 3}).quietly().mark(0, 3, "A").
		wants("promote", "journal 0:action.outcome.v1", "clerk deadletter", "opened") // what is not done is done by the next one
}

func TestAMisplacedCommandIsForwardedByThePrimary(t *testing.T) {
	p := newPlay(t, 2, definition()).step(Won{Epoch: 2}).mark(0, 2, "A").mark(1, 2, "A").quietly()
	p.command(1-p.at(), "u", router, domain.Take{Destination: 1, Source: 1})
	errand, ok := p.last[0].(Clerk).Errand.(clerk.Chore)
	if !ok || errand.Owner != p.at() {
		t.Errorf("the clerk gets %+v", p.last)
	}
}

func TestIdlePartitionsAreGivenATick(t *testing.T) {
	p := primary(t)
	p.now.Wall = p.now.Wall.Add(tickEvery)
	p.now.Mono += tickEvery
	p.step(Timer{}).wants("publish state.checkpoint.v1", "journal 0:log.tick.v1")
	p.step(Suspend{}).quietly().wait(tickEvery).wants()
}

func TestADeviceThatComesBackIsGivenItsWishesAgainWhereThatIsConfigured(t *testing.T) {
	for rule, words := range map[domain.ReconnectRule][]string{domain.Restore: {"clerk again"}, domain.Adopt: nil} {
		def := definition()
		def.OnReconnect = rule
		p := newPlay(t, 1, def).mark(0, 1, "B").fact(0, 1, router, domain.Configured{Definition: def})
		p.command(0, "u", router, domain.Take{Destination: 1, Source: 5}).step(Won{Epoch: 2}).mark(0, 2, "A").quietly()
		p.fact(0, 2, router, domain.Reported{Values: []domain.Value{{Target: domain.CrosspointTarget("", 1), Value: "9"}}}).wants()
		p.fact(0, 2, router, domain.Connection{Up: true}).wants(words...)
	}
}

// A parameter is wished again by the command that had set it.
func TestAParameterOfADeviceThatComesBackIsWishedAgainWhereThatIsConfigured(t *testing.T) {
	level := domain.ParameterTarget("level")
	for name, test := range map[string]struct {
		rule     domain.ReconnectRule
		reported string
		words    []string
	}{
		"it has lost it":    {domain.Restore, "0", []string{"clerk repeat"}},
		"it still has it":   {domain.Restore, "7", nil},
		"its word is taken": {domain.Adopt, "0", nil},
	} {
		t.Run(name, func(t *testing.T) {
			def := domain.Definition{
				Device: router, Driver: domain.DriverHTTP, OnReconnect: test.rule, ConfirmWithin: time.Second, StandbyPolling: true,
				Verbs: []domain.Verb{{Name: "set", Effect: domain.Absolute, Args: []string{"value", "ramp"}, Target: "level", Value: "value"}},
			}
			p := newPlay(t, 1, def).mark(0, 1, "B").fact(0, 1, router, domain.Configured{Definition: def})
			at := domain.Position{Offset: int64(len(p.logs[0]))}
			p.command(0, "u", router, domain.Invoke{Verb: "set", Args: map[string]string{"value": "7", "ramp": "2s"}})
			p.step(Won{Epoch: 2}).mark(0, 2, "A")
			p.fact(0, 2, router, domain.Reported{Values: []domain.Value{{Target: level, Value: "7"}}})
			p.fact(0, 2, router, domain.Ended{UID: "u", Command: at, Outcome: domain.Confirmed}).quietly()
			p.fact(0, 2, router, domain.Connection{Detail: "it is off"}).wants()
			p.fact(0, 2, router, domain.Reported{Values: []domain.Value{{Target: level, Value: test.reported}}, Full: true}).wants()
			p.fact(0, 2, router, domain.Connection{Up: true}).wants(test.words...)
			if len(test.words) == 0 || len(p.last) == 0 {
				return
			}
			if e, ok := p.last[0].(Clerk).Errand.(clerk.Repeat); !ok || e.Asked != at || e.Device != router || e.UID == "u" {
				t.Errorf("the clerk gets %+v", p.last)
			}
		})
	}
}

func TestALockThatLooksLikeAnothersIsTakenAgain(t *testing.T) {
	p := primary(t)
	lock := domain.LockTarget("", 3)
	p.command(0, "u", router, domain.SetLock{Destination: 3, State: domain.LockOn}).quietly()
	at := domain.Position{Offset: int64(len(p.logs[0]) - 1)}
	p.fact(0, 2, router, domain.Reported{Values: []domain.Value{{Target: lock, Value: domain.LockOwned}}})
	p.fact(0, 2, router, domain.Ended{UID: "u", Command: at, Outcome: domain.Confirmed}).quietly()
	p.step(Over{}, Won{Epoch: 3}).mark(0, 3, "A").quietly()
	p.fact(0, 3, router, domain.Reported{Values: []domain.Value{{Target: lock, Value: domain.LockForeign}}}).wants("clerk relock")
	if r, ok := p.last[0].(Clerk).Errand.(clerk.Relock); !ok || r.Asked != at {
		t.Errorf("the clerk gets %+v", p.last)
	}
}
