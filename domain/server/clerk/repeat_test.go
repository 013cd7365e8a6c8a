package clerk_test

import (
	"testing"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/server/clerk"
)

// A parameter is wished again with all that the first command said, under a UID of its
// own; what was no call of a verb is given up, and holds nobody up.
func TestAParameterIsWishedAgainByTheCommandThatSetIt(t *testing.T) {
	asked := domain.Position{Partition: 1, Offset: 2}
	repeat := clerk.Repeat{Because: at, Asked: asked, Device: "d", UID: "again-1"}
	call := domain.Invoke{Verb: "set", Args: map[string]string{"value": "7", "ramp": "2s"}}
	m := newClerk()
	if f := one[clerk.Fetch](t, m.Step(noon, clerk.Do{Errand: repeat})); f.At != asked {
		t.Errorf("it reads %s", f.At)
	}
	a := one[clerk.Append](t, m.Step(noon, clerk.Fetched{Record: domain.Record{Position: asked, UID: "u", User: "ann", Signed: true, Payload: call}}))
	got, ok := a.Record.Payload.(domain.Invoke)
	if !ok || got.Args["ramp"] != "2s" || a.Record.UID != "again-1" || a.Record.User != "ann" || a.Record.Subject != "d" || a.Topic != domain.TopicLog || a.Partition != at.Partition {
		t.Errorf("it appends %+v", a)
	}
	m.Step(noon, clerk.Appended{})
	one[clerk.Fetch](t, m.Step(noon, clerk.Do{Errand: repeat}))
	if g := one[clerk.GaveUp](t, m.Step(noon, clerk.Fetched{Record: domain.Record{Position: asked, Payload: domain.Take{}}})); g.Errand != clerk.Errand(repeat) {
		t.Errorf("it gave up %+v", g)
	}
	one[clerk.Fetch](t, m.Step(noon, clerk.Do{Errand: repeat}))
}
