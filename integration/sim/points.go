package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/server/clerk"
	"github.com/understudy-io/understudy/domain/server/control"
	"github.com/understudy-io/understudy/domain/server/copier"
	"github.com/understudy-io/understudy/domain/server/core"
	"github.com/understudy-io/understudy/domain/server/device"
	"github.com/understudy-io/understudy/domain/server/journal"
	"github.com/understudy-io/understudy/domain/server/reader"
	"github.com/understudy-io/understudy/infra/guard"
)

// point is a place in a program at which it can be killed or frozen: before it
// carries out one kind of effect, after that (the next number), or in the middle of
// what an effect does.
type point int

// points are the names of all points, by their numbers.
var points []string

// register gives what a program does two points, before and after.
func register(name string) point {
	before := single("before " + name)
	single("after " + name)
	return before
}

// single gives a point of its own a name.
func single(name string) point {
	if slices.Contains(points, name) {
		panic("a point is there twice: " + name)
	}
	points = append(points, name)
	return point(len(points) - 1)
}

// String is what a point is called.
func (p point) String() string { return points[p] }

// Points are the names of all points.
func Points() []string { return slices.Clone(points) }

// Points in the middle of what effects do.
var (
	pointLanded   = single("after its record's landing in control")
	pointInLog    = single("after its batch's landing in the log")
	pointRequest  = single("after the device's taking of its request")
	pointExported = single("after export of a partition")
	pointHalf     = single("in the middle of the write of a snapshot")
	pointWrite    = register("write of a snapshot")
	pointRename   = register("rename of a snapshot")
	pointFlush    = register("flush of the snapshots' folder")
	pointRemove   = register("removal of an old snapshot")
)

var (
	controlAppends = table[domain.Type]("control append ", domain.TypeJoined, domain.TypeHeartbeat, domain.TypeClaim,
		domain.TypeRelease, domain.TypeContest, domain.TypeLeft, domain.TypeCleared, domain.TypeFloor)
	publishes   = table[domain.Type]("core publish ", domain.TypeCheckpoint, domain.TypeQuarantined, domain.TypeCleared)
	journalAdds = table[domain.Type]("core journal ", domain.TypeEpochOpened, domain.TypeTick, domain.TypeConfigured, domain.TypeOutcome, domain.TypeAnswer, domain.TypeRevisionApplied)
	deviceAdds  = table[domain.Type]("device journal ", domain.TypeStarted, domain.TypeOutcome, domain.TypeReported, domain.TypeConnection)
	emits       = table[domain.Effect]("device emit ", domain.Absolute, domain.Queryable, domain.OneShot)
	clerkKinds  = table[domain.TopicKind]("clerk append to ", domain.TopicLog, domain.TopicDeadLetter)
)

// table registers a name for each of a list.
func table[K comparable](prefix string, kinds ...K) map[K]point {
	out := make(map[K]point, len(kinds))
	for _, k := range kinds {
		out[k] = register(prefix + fmt.Sprint(k))
	}
	return out
}

func registerEffect(e any) point { return register(effectName(e)) }

// lastEffect is one behind which there is nothing: the program ends with it.
func lastEffect(e any) point { return single("before " + effectName(e)) }

func effectName(e any) string { return strings.Replace(fmt.Sprintf("%T", e), ".", " ", 1) }

var (
	pLease, pControlCore, pReign, pOver         = registerEffect(control.Lease{}), registerEffect(control.Core{}), registerEffect(control.Reign{}), registerEffect(control.Over{})
	pCopy, pCopied, pView, pRole, pYield, pQuit = registerEffect(control.Copy{}), registerEffect(control.Copied{}), registerEffect(control.View{}), registerEffect(control.Role{}), registerEffect(control.Yield{}), lastEffect(control.Quit{})
)

func controlPoint(e control.Effect) point {
	switch e := e.(type) {
	case control.Append:
		return controlAppends[e.Payload.Type()]
	case control.Lease:
		return pLease
	case control.Core:
		return pControlCore
	case control.Reign:
		return pReign
	case control.Over:
		return pOver
	case control.Copy:
		return pCopy
	case control.Copied:
		return pCopied
	case control.View:
		return pView
	case control.Role, control.Refused:
		return pRole
	case control.Yield:
		return pYield
	}
	return pQuit
}

var (
	pControl, pBeginTerm, pEndTerm, pFlush = registerEffect(core.Control{}), registerEffect(core.BeginTerm{}), registerEffect(core.EndTerm{}), registerEffect(core.Flush{})
	pClerk, pOpen, pClose, pDevice         = registerEffect(core.Clerk{}), registerEffect(core.OpenDevice{}), registerEffect(core.CloseDevice{}), registerEffect(core.Device{})
	pOpened, pRefold, pLeft, pCoreQuit     = registerEffect(core.Opened{}), registerEffect(core.Refold{}), registerEffect(core.Left{}), registerEffect(core.Quit{})
	pNotice, pLoad, pPlanned, pKeep        = registerEffect(core.Notice{}), registerEffect(core.Load{}), registerEffect(core.Planned{}), registerEffect(core.Keep{})
	pTestify                               = registerEffect(core.Testify{})
)

func corePoint(e core.Effect) point {
	switch e := e.(type) {
	case core.Control:
		return pControl
	case core.Publish:
		return publishes[e.Payload.Type()]
	case core.BeginTerm:
		return pBeginTerm
	case core.EndTerm:
		return pEndTerm
	case core.Journal:
		return journalAdds[e.Entries[0].Payload.Type()]
	case core.Flush:
		return pFlush
	case core.Clerk:
		return pClerk
	case core.OpenDevice:
		return pOpen
	case core.CloseDevice:
		return pClose
	case core.Device:
		return pDevice
	case core.Testify:
		return pTestify
	case core.Opened:
		return pOpened
	case core.Refold:
		return pRefold
	case core.Load:
		return pLoad
	case core.Keep:
		return pKeep
	case core.Planned:
		return pPlanned
	case core.Left:
		return pLeft
	case core.Quit:
		return pCoreQuit
	}
	return pNotice
}

var (
	pLinkOpen, pLinkClose, pReset, pResetUnacked = registerEffect(device.Open{}), registerEffect(device.Close{}), registerEffect(device.Reset{}), registerEffect(device.ResetUnacknowledged{})
	pRead, pSettled, pConnection                 = registerEffect(device.Read{}), registerEffect(device.Settled{}), registerEffect(device.Connection{})
	pUnsent                                      = registerEffect(device.Unsent{})
)

func devicePoint(e device.Effect) point {
	switch e := e.(type) {
	case device.Append:
		return deviceAdds[e.Entries[0].Payload.Type()]
	case device.Open:
		return pLinkOpen
	case device.Close:
		return pLinkClose
	case device.Reset:
		return pReset
	case device.ResetUnacknowledged:
		return pResetUnacked
	case device.Emit:
		return emits[e.Action.Effect]
	case device.Read:
		return pRead
	case device.Settled:
		return pSettled
	case device.Unsent:
		return pUnsent
	}
	return pConnection
}

var pAppend, pFlushed, pBroken = registerEffect(journal.Append{}), registerEffect(journal.Flushed{}), registerEffect(journal.Broken{})

func journalPoint(e journal.Effect) point {
	switch e.(type) {
	case journal.Append:
		return pAppend
	case journal.Flushed:
		return pFlushed
	}
	return pBroken
}

var pClerkFetch, pClerkJournal, pRetrying = registerEffect(clerk.Fetch{}), registerEffect(clerk.Journal{}), registerEffect(clerk.Retrying{})

func clerkPoint(e clerk.Effect) point {
	switch e := e.(type) {
	case clerk.Fetch:
		return pClerkFetch
	case clerk.Append:
		return clerkKinds[e.Topic]
	case clerk.Journal:
		return pClerkJournal
	case clerk.GaveUp:
		return nowhere
	}
	return pRetrying
}

// nowhere is where nothing happens: ten thousand records of control that wait to be
// copied are too many for a history, and no errand in it is impossible.
const nowhere point = -2

var pCopies, pPublish = registerEffect(copier.Append{}), registerEffect(copier.Publish{})

func copierPoint(e copier.Effect) point {
	switch e.(type) {
	case copier.Append:
		return pCopies
	case copier.Publish:
		return pPublish
	}
	return nowhere
}

var (
	pFetch, pHand, pLost, pBack, pStop      = registerEffect(reader.Fetch{}), registerEffect(reader.Hand{}), registerEffect(reader.Lost{}), registerEffect(reader.Back{}), lastEffect(reader.Stop{})
	pStart, pWriteDeath, pForward, pFinish2 = registerEffect(guard.Start{}), registerEffect(guard.Write{}), registerEffect(guard.Forward{}), lastEffect(guard.Finish{})
)

func readerPoint(e reader.Effect) point {
	switch e.(type) {
	case reader.Fetch:
		return pFetch
	case reader.Hand:
		return pHand
	case reader.Lost:
		return pLost
	case reader.Back:
		return pBack
	}
	return pStop
}

func guardPoint(e guard.Effect) point {
	switch e.(type) {
	case guard.Start:
		return pStart
	case guard.Write:
		return pWriteDeath
	case guard.Forward:
		return pForward
	}
	return pFinish2
}

// armed is a fault that happens when a point is reached.
type armed struct {
	Fault
	at point
}

// reach is called at each point; false if the program does not go on from there,
// for good or for now.
func (p *program) reach(at point) bool {
	w := p.w
	if at < 0 {
		return !p.dead && !p.frozen
	}
	w.stats.reached[at]++
	for i, f := range w.armed {
		if f.at != at || f.Host >= 0 && f.Host != p.host.index {
			continue
		}
		w.armed = append(w.armed[:i], w.armed[i+1:]...)
		w.stats.fired[at]++
		if w.telling() {
			w.tell("FAULT: %s %s, %s", f.Do, p.label, at)
		}
		w.strike(p, f.Fault)
		break
	}
	return !p.dead && !p.frozen
}

// guardUnnoticed is how long nobody notices that a guard was killed at a point.
const guardUnnoticed = time.Second

// strike does to a program what a fault at a point does.
func (w *world) strike(p *program, f Fault) {
	w.troubled(f)
	switch f.Do {
	case "kill":
		if g := p.host.guard; g != nil && p == &g.program {
			p.host.killGuard(guardUnnoticed)
			w.troubled(Fault{For: guardUnnoticed})
			break
		}
		p.host.killProgram(p)
	case "kill host":
		p.host.crash()
		if !p.host.twin {
			w.after(f.For, p.host.on)
		}
	case "freeze":
		p.freeze(f.For)
	case "cut log":
		p.host.cutLog(cut{out: true, in: true, refuse: f.Arg%2 == 0}, f.For)
	}
}
