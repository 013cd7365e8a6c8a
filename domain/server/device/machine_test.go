package device_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/emission"
	"github.com/understudy-io/understudy/domain/server/device"
)

// play drives one device and writes down what it does, one word an effect.
type play struct {
	m       *device.Machine
	now     domain.Mono
	said    []string
	opening uint64
	reading uint64
	action  uint64
}

type kind struct {
	driver domain.DriverName
	hot    bool
}

var (
	hotRouter  = kind{domain.DriverVideohub, true}
	warmRouter = kind{domain.DriverVideohub, false}
	hotGate    = kind{domain.DriverHTTP, true}
)

func newPlay(k kind) *play {
	p := &play{now: time.Second, m: device.New(device.Settings{Server: "A", Definition: &domain.Definition{
		Device: "d", Driver: k.driver, StandbyPolling: k.hot, ConfirmWithin: time.Second,
	}})}
	return p.step(device.Begin{})
}

func (p *play) step(ins ...device.Input) *play {
	for _, in := range ins {
		for _, e := range p.m.Step(p.now, in) {
			p.note(e)
		}
	}
	return p
}

func (p *play) note(e device.Effect) {
	word := strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", e), "device."))
	switch e := e.(type) {
	case device.Append:
		for _, entry := range e.Entries {
			p.said = append(p.said, fmt.Sprintf("%s@%d", entry.Payload.Type(), e.Epoch))
		}
		return
	case device.Open:
		p.opening = e.Opening
	case device.Read:
		p.reading = e.Ref
	case device.Emit:
		p.action = e.Action.Ref
		word = fmt.Sprintf("emit %s@%d", e.Action.UID, e.Epoch)
	case device.Unsent:
		word = fmt.Sprintf("unsent %s@%d", strings.Join(e.UIDs, " "), e.Epoch)
	case device.Settled:
		word = fmt.Sprintf("settled %d", e.Settle)
	case device.Connection:
		word = fmt.Sprintf("connection %t", e.Up)
	}
	p.said = append(p.said, word)
}

// connect has the present link say that the device is there.
func (p *play) connect(values ...domain.Value) *play {
	return p.step(device.Reported{Opening: p.opening, Values: values, Full: true}, device.Up{Opening: p.opening})
}

// fresh answers the last reading.
func (p *play) fresh() *play {
	return p.step(device.Answered{Opening: p.opening, Answered: domain.Answered{Ref: p.reading, Verdict: domain.Fresh}})
}

func (p *play) sent() *play {
	return p.step(device.Emitted{Emitted: emission.Emitted{Ref: p.action, Result: emission.Sent}})
}

func (p *play) quietly() *play {
	p.said = nil
	return p
}

func (p *play) wants(t *testing.T, words ...string) *play {
	t.Helper()
	if !slices.Equal(p.said, words) {
		t.Errorf("it did %q, wanted %q", p.said, words)
	}
	p.said = nil
	return p
}

func route(uid string) device.Accept {
	return device.Accept{Work: emission.Work{
		UID: uid, Effect: domain.Absolute, Deadline: time.Hour, Wishes: []domain.Value{{Target: "crosspoint/video/1", Value: "5"}},
	}}
}

func pulse(uid string) device.Accept {
	return device.Accept{Work: emission.Work{UID: uid, Effect: domain.OneShot, Deadline: time.Hour}}
}

// G2, G6: a standby hears everything and sends nothing.
func TestAStandbySendsNothing(t *testing.T) {
	p := newPlay(hotRouter).connect().quietly()
	p.step(route("r"), pulse("p"), device.StartCounts{UID: "p"}, device.Resume{}, device.Timer{}).wants(t)
}

func TestAPrimarySendsAndWritesOneShotsAhead(t *testing.T) {
	p := newPlay(hotGate).connect().quietly()
	p.step(device.Promote{Epoch: 3, Connected: true, Work: []emission.Work{route("r").Work}}).wants(t, "emit r@3", "read")
	p.sent().step(pulse("p")).wants(t)
	p.step(device.Answered{Opening: p.opening, Answered: domain.Answered{Ref: p.action, Verdict: domain.Done}}).
		wants(t, "action.outcome.v1@3", "action.started.v1@3")
	p.step(device.StartCounts{UID: "other"}).wants(t)
	p.step(device.StartCounts{UID: "p"}).wants(t, "emit p@3")
	p.sent().step(device.Demote{}).wants(t, "reset")
	p.step(device.Answered{Opening: p.opening, Answered: domain.Answered{Ref: p.action, Verdict: domain.Done}}, pulse("q")).wants(t)
}

func TestWhatTheDeviceHasShownAStandbyIsWhatATermBeginsWith(t *testing.T) {
	p := newPlay(hotRouter).connect(domain.Value{Target: "crosspoint/video/1", Value: "5"}).quietly()
	p.step(device.Reported{Opening: p.opening, Values: []domain.Value{{Target: "crosspoint/video/2", Value: "6"}}})
	var reported domain.Reported
	for _, e := range p.m.Step(p.now, device.Promote{Epoch: 3, Connected: true}) {
		if a, ok := e.(device.Append); ok {
			reported, _ = a.Entries[0].Payload.(domain.Reported)
		}
	}
	if len(reported.Values) != 2 || !reported.Full {
		t.Errorf("the log is told %+v", reported)
	}
}

// What becomes of a connection when this server may not act any more.
func TestTheConnectionAtTheEndOfTheLease(t *testing.T) {
	lapse, contest := device.Hold{Lapsed: true}, device.Hold{}
	for name, c := range map[string]struct {
		kind   kind
		inputs []device.Input
		wants  []string
	}{
		"hot, a lapse":             {hotRouter, []device.Input{lapse}, []string{"resetunacknowledged"}},
		"hot, a contest":           {hotRouter, []device.Input{contest, device.Demote{}}, []string{"reset"}},
		"warm, the end":            {warmRouter, []device.Input{device.Demote{}}, []string{"close"}},
		"warm, a lapse and return": {warmRouter, []device.Input{lapse, device.Resume{}, device.Demote{}}, []string{"close", "open", "close"}},
		"warm, an end and a lapse": {warmRouter, []device.Input{device.Finish{Settle: 4}, lapse, device.Resume{}}, []string{"close", "settled 4"}},
		"warm, a planned end":      {warmRouter, []device.Input{device.Finish{Settle: 4}}, []string{"close", "settled 4"}},
	} {
		t.Run(name, func(t *testing.T) {
			newPlay(c.kind).step(device.Promote{Epoch: 3}).quietly().step(c.inputs...).wants(t, c.wants...)
		})
	}
}

// A planned end brings to its end what was begun, also over a lapse: a one-shot that
// was written ahead and not sent would be left in doubt.
func TestAWarmDeviceIsOpenedAgainForWhatAPlannedEndHasToFinish(t *testing.T) {
	p := newPlay(warmRouter).step(device.Promote{Epoch: 3}).connect().fresh().step(pulse("p")).quietly()
	p.step(device.Finish{Settle: 4}).wants(t)
	p.step(device.Hold{Lapsed: true}).wants(t, "device.connection.v1@3", "close", "connection false")
	p.step(device.StartCounts{UID: "p"}).wants(t)
	p.step(device.Resume{}).wants(t, "open")
	p.connect().wants(t, "device.connection.v1@3", "connection true", "emit p@3")
	p.sent().quietly().step(device.Answered{Opening: p.opening, Answered: domain.Answered{Ref: p.action, Verdict: domain.Done}})
	p.wants(t, "action.outcome.v1@3", "device.connection.v1@3", "close", "connection false", "settled 4")
	p.step(device.Hold{Lapsed: true}, device.Resume{}).wants(t)
}

// A device that is asked was read before its link says that it is back. So in a
// term that has read it once, it is not asked again.
func TestADeviceThatIsBackIsKnownAsItIs(t *testing.T) {
	p := newPlay(hotGate).connect().step(device.Promote{Epoch: 3, Connected: true}).fresh().quietly()
	p.step(device.Down{Opening: p.opening, Cause: "gone"}).wants(t, "device.connection.v1@3", "connection false")
	p.connect(domain.Value{Target: "parameter/level", Value: "5"}).
		wants(t, "device.reported.v1@3", "device.connection.v1@3", "connection true")
	// Where the first reading was lost with the link, the next one is asked for.
	p = newPlay(hotGate).connect().step(device.Promote{Epoch: 3, Connected: true}).quietly()
	p.step(device.Down{Opening: p.opening, Cause: "gone"}).quietly().connect(domain.Value{Target: "parameter/level", Value: "5"}).
		wants(t, "device.connection.v1@3", "connection true", "read")
	p.fresh().wants(t, "device.reported.v1@3")
}

func TestAWarmDeviceIsOpenedByThePrimaryAlone(t *testing.T) {
	newPlay(warmRouter).wants(t).step(device.Promote{Epoch: 3}).wants(t, "open")
	newPlay(warmRouter).step(device.Promote{Epoch: 3, Finishing: true}).wants(t, "device.connection.v1@3")
	newPlay(hotRouter).wants(t, "open")
}

// A late word of a link that was closed is not the word of the next one.
func TestAClosedLinkIsNotHeard(t *testing.T) {
	p := newPlay(warmRouter).step(device.Promote{Epoch: 3}).connect()
	old := p.opening
	p.step(device.Hold{Lapsed: true}, device.Resume{}).quietly()
	p.step(device.Up{Opening: old}, device.NotOpened{Opening: old}, device.Down{Opening: old, Cause: "late"}).wants(t)
	p.connect().wants(t, "device.connection.v1@3", "connection true", "read")
}

// Its commands must end, and say why.
func TestADeviceThatCannotBeOpenedIsToldToTheLog(t *testing.T) {
	for name, k := range map[string]kind{"hot": hotGate, "warm": warmRouter} {
		p := newPlay(k).step(device.NotOpened{Opening: 1, Cause: "no driver"})
		var told []string
		note := func(effects []device.Effect) {
			for _, e := range effects {
				a, ok := e.(device.Append)
				if !ok {
					continue
				}
				for _, entry := range a.Entries {
					switch said := entry.Payload.(type) {
					case domain.Connection:
						told = append(told, said.Detail)
					case domain.Ended:
						told = append(told, string(said.Outcome))
						if !strings.Contains(said.Detail, "no driver") || said.Server != "A" {
							t.Errorf("%s: it ends with %+v", name, said)
						}
					}
				}
			}
		}
		note(p.m.Step(p.now, device.Promote{Epoch: 3}))
		note(p.m.Step(p.now, device.NotOpened{Opening: 1, Cause: "no driver"}))
		note(p.m.Step(p.now, pulse("p")))
		note(p.m.Step(2*time.Hour, device.Timer{}))
		if n := len(told); n < 2 || told[n-2] != "no driver" || told[n-1] != string(domain.Expired) {
			t.Errorf("%s: the log is told %q", name, told)
		}
	}
}

// The link is the same in the next term: a late answer is not taken for another's.
func TestAnAnswerToAnEarlierTermSettlesNothing(t *testing.T) {
	p := newPlay(hotGate).connect().step(device.Promote{Epoch: 3, Connected: true, Work: []emission.Work{route("r").Work}}).sent()
	action, reading := p.action, p.reading
	p.step(device.Demote{}, device.Promote{Epoch: 5, Connected: true, Work: []emission.Work{route("s").Work}}).sent().quietly()
	for _, ref := range []uint64{action, reading} {
		p.step(device.Answered{Opening: p.opening, Answered: domain.Answered{Ref: ref, Verdict: domain.Done}}).wants(t)
	}
	p.step(device.Answered{Opening: p.opening, Answered: domain.Answered{Ref: p.action, Verdict: domain.Done}}).wants(t, "action.outcome.v1@5")
}

// A planned move: what was written ahead is sent before it is settled.
func TestADeviceIsSettledWhenNothingIsUnderWay(t *testing.T) {
	p := newPlay(hotRouter).connect().step(device.Promote{Epoch: 3, Connected: true}).fresh().quietly()
	p.step(pulse("p"), pulse("q"), device.Finish{Settle: 1}).wants(t, "action.started.v1@3")
	p.step(device.StartCounts{UID: "p"}).wants(t, "emit p@3")
	p.sent().wants(t)
	p.step(device.Answered{Opening: p.opening, Answered: domain.Answered{Ref: p.action, Verdict: domain.Done}}).
		wants(t, "action.outcome.v1@3", "settled 1")
	newPlay(hotRouter).quietly().step(device.Finish{Settle: 2}).wants(t, "settled 2")
}

// What gets its queue after a planned end has begun begins nothing either.
func TestATermThatIsAboutToEndWritesNothingAhead(t *testing.T) {
	for name, c := range map[string]struct {
		promote device.Promote
		then    []device.Input
		starts  int
	}{
		"an ordinary term":        {device.Promote{}, nil, 1},
		"a planned end":           {device.Promote{Finishing: true}, nil, 0},
		"a lapse":                 {device.Promote{Held: true}, nil, 0},
		"a lapse that has an end": {device.Promote{Held: true}, []device.Input{device.Resume{}}, 1},
	} {
		p := newPlay(hotRouter).connect().quietly()
		c.promote.Epoch, c.promote.Connected, c.promote.Work = 3, true, []emission.Work{pulse("p").Work}
		p.step(c.promote).step(c.then...)
		if n := strings.Count(strings.Join(p.said, " "), string(domain.TypeStarted)); n != c.starts {
			t.Errorf("%s: it did %q", name, p.said)
		}
	}
}

// Whoever takes over finds it in doubt, and cannot know.
func TestATermThatEndsNamesTheOneShotsThatWereNotSent(t *testing.T) {
	p := newPlay(hotGate).connect().step(device.Promote{Epoch: 3, Connected: true}).fresh()
	p.step(pulse("p"), device.StartCounts{UID: "p"}).sent().step(pulse("q")).quietly()
	p.step(device.Demote{}).wants(t, "reset")
	p = newPlay(hotGate).connect().step(device.Promote{Epoch: 3, Connected: true, Held: true}).fresh()
	p.step(device.Resume{}, pulse("p"), device.Hold{Lapsed: true}, device.StartCounts{UID: "p"}).quietly()
	p.step(device.Demote{}).wants(t, "unsent p@3", "reset")
}
