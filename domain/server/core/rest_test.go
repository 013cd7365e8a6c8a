package core

import (
	"strings"
	"testing"

	"github.com/understudy-io/understudy/domain"
)

// changing is a primary that has come to know that the active revision has another
// router than the log.
func changing(t *testing.T) *play {
	t.Helper()
	p := primary(t)
	def := definition()
	def.Outputs = 20
	p.record(0, domain.Record{Signed: true, Subject: domain.SubjectOfRevisions, UID: "r1", Payload: domain.Published{
		Revision: 1, Hash: strings.Repeat("ab", 32), Size: 1, Parts: []int64{0}, Server: "A", Epoch: 2, Activate: true,
	}}).wants("load")
	return p.step(Loaded{Revision: 1, Devices: []domain.Definition{def}}).wants("planned", "finish")
}

// What a device has said stands before its new definition: it is not handed over with
// less than that.
func TestADeviceIsAtRestBeforeItIsConfiguredAnew(t *testing.T) {
	p := changing(t).step(Settled{Device: router, Settle: 1}).wants("demote")
	p.step(Settled{Device: router, Settle: 1}).wants() // an answer to what was asked for before
	p.step(Settled{Device: router, Settle: 2}).wants("journal 0:device.configured.v1 0:configuration.applied.v1")
	def := definition()
	def.Outputs, def.Revision = 20, 2
	p.fact(0, 2, router, domain.Reported{Values: []domain.Value{{Target: "crosspoint/video/1", Value: "7"}}}).wants()
	p.fact(0, 2, router, domain.Configured{Definition: def}).wants("closedevice", "opendevice", "promote")
}

func TestADeviceThatDoesNotAnswerIsConfiguredAnewAllTheSame(t *testing.T) {
	changing(t).wait(FinishLimit).quietly().step(Settled{Device: router, Settle: 2}).wants("journal 0:device.configured.v1 0:configuration.applied.v1")
}

// A definition that the fold refuses leaves the device as it is, and at work.
func TestADeviceGoesOnWhereItsNewDefinitionDoesNotCount(t *testing.T) {
	p := changing(t).step(Settled{Device: router, Settle: 1}, Settled{Device: router, Settle: 2}).quietly()
	def := definition()
	def.Inputs = -1
	p.fact(0, 2, router, domain.Configured{Definition: def}).wants("promote", "clerk deadletter")
}

func TestWhoGivesPrimacyUpConfiguresNothingAnew(t *testing.T) {
	p := changing(t).step(Settled{Device: router, Settle: 1}, Over{}).quietly()
	p.step(Settled{Device: router, Settle: 2}).wants()
	p = changing(t).step(Settled{Device: router, Settle: 1}).quietly().step(Drain{}).quietly()
	p.step(Settled{Device: router, Settle: 2}).wants()
}

// A device that is taken out, and had nothing under way, is gone when that is folded: the
// next revision does not wait for it.
func TestADeviceThatIsGoneHoldsNoFurtherRevisionUp(t *testing.T) {
	p := changing(t).step(Settled{Device: router, Settle: 1}, Settled{Device: router, Settle: 2}).quietly()
	p.fact(0, 2, router, domain.Configured{Definition: definition(), Removed: true}).wants("closedevice")
	p.record(0, domain.Record{Signed: true, Subject: domain.SubjectOfRevisions, UID: "r2", Payload: domain.Published{
		Revision: 2, Parent: 1, Hash: strings.Repeat("cd", 32), Size: 1, Parts: []int64{0}, Server: "A", Epoch: 2, Activate: true,
	}}).wants("load")
	p.step(Loaded{Revision: 2, Devices: []domain.Definition{definition()}}).wants("planned", "journal 0:device.configured.v1 0:configuration.applied.v1")
}

// An append that timed out may land once more, late. The second copy of an old definition says
// nothing of the new one that is on its way: the device stays at rest until that one is there.
func TestALateCopyOfAnOldDefinitionHandsNoDeviceOver(t *testing.T) {
	p := primary(t)
	first := definition()
	first.Outputs, first.Revision = 30, 2
	p.fact(0, 2, router, domain.Configured{Definition: first}).wants("closedevice", "opendevice", "promote")
	old := p.logs[0][len(p.logs[0])-1]
	p.record(0, domain.Record{Signed: true, Subject: domain.SubjectOfRevisions, UID: "r1", Payload: domain.Published{
		Revision: 1, Hash: strings.Repeat("ab", 32), Size: 1, Parts: []int64{0}, Server: "A", Epoch: 2, Activate: true,
	}}).quietly()
	p.step(Loaded{Revision: 1, Devices: []domain.Definition{definition()}}).wants("planned", "finish")
	p.record(0, old).wants()
}
