package main

import (
	"math/rand/v2"
	"time"
)

// The kinds of faults.
const (
	kindKillServer  = "kill server"         // SIGKILL to the server's process
	kindKillGuard   = "kill guard"          // SIGKILL to its guard alone
	kindKillHost    = "kill server+guard"   // both at once
	kindKillBroker  = "kill broker"         // SIGKILL; it comes back with the same data
	kindKillAll     = "kill everything"     // all servers, guards and the broker at once; devices live on
	kindPauseServer = "pause server"        // SIGSTOP, SIGCONT
	kindPauseHost   = "pause server+guard"  //
	kindPauseBroker = "pause broker"        //
	kindCutLog      = "cut log"             // one server loses the log: drop, in, out or reset
	kindSlowLog     = "slow log"            // every piece between one server and the log is late
	kindCutDevices  = "cut devices"         // one server's packets to and from devices are dropped
	kindLateDevices = "late devices"        // both answer late, so that much is under way when something else happens
	kindFullDisk    = "full disk"           // of the broker
	kindSwitchover  = "switchover"          // planned, by an operator
	kindTakeover    = "forced takeover"     // by an operator
	kindLeave       = "leave and come back" // a server is stopped in good order, and started
)

// takesLog is whether servers have no log while the fault lasts.
func takesLog(kind string) bool {
	return kind == kindPauseBroker || kind == kindKillBroker || kind == kindCutLog
}

// aims is whether a kind can be aimed at an action that is under way.
func aims(kind string) bool {
	switch kind {
	case kindKillServer, kindKillHost, kindKillAll, kindPauseServer, kindPauseHost, kindCutLog, kindCutDevices:
		return true
	}
	return false
}

// loads is whether a kind is worse for who has much left to do.
func loads(kind string) bool {
	return takesLog(kind) || kind == kindPauseServer || kind == kindPauseHost
}

// weights say how often a kind is drawn.
var weights = []struct {
	kind   string
	weight int
}{
	{kindKillServer, 20},
	{kindKillGuard, 6},
	{kindKillHost, 10},
	{kindKillBroker, 5},
	{kindKillAll, 2},
	{kindPauseServer, 16},
	{kindPauseHost, 6},
	{kindPauseBroker, 7},
	{kindCutLog, 16},
	{kindSlowLog, 5},
	{kindCutDevices, 10},
	{kindLateDevices, 14},
	{kindFullDisk, 3},
	{kindSwitchover, 10},
	{kindTakeover, 5},
	{kindLeave, 5},
}

// step is one entry of the schedule.
type step struct {
	gap     time.Duration // after the step before
	calm    bool          // heal all, wait until everybody is whole, and only then go on
	kind    string
	primary bool // on whoever is primary then, rather than on server
	server  int
	mode    string        // of a cut
	aimed   bool          // at a moment at which an action is under way …
	backlog bool          // … or much is left to do
	hold    time.Duration // how long it lasts, where it does not end by itself
}

// The pace of a schedule: steps follow on each other, whether or not the one before is over.
const (
	meanGap   = 1800 * time.Millisecond
	maxGap    = 6 * time.Second
	meanHold  = 1500 * time.Millisecond
	minHold   = 100 * time.Millisecond
	maxHold   = 6 * time.Second
	calmEvery = 12 // steps, about
)

// schedule draws steps for ever.
func schedule(r *rand.Rand, servers int) func() step {
	total := 0
	for _, w := range weights {
		total += w.weight
	}
	first := r.Perm(len(weights)) // every kind comes once before chance rules
	drawn := 0
	return func() step {
		s := step{
			gap:     min(time.Duration(r.ExpFloat64()*float64(meanGap)), maxGap),
			hold:    min(max(time.Duration(r.ExpFloat64()*float64(meanHold)), minHold), maxHold),
			primary: r.IntN(100) < 65,
			server:  r.IntN(servers),
			mode:    []string{"drop", "in", "out", "reset"}[r.IntN(4)],
			aimed:   r.IntN(2) == 0,
			backlog: r.IntN(2) == 0,
			calm:    r.IntN(calmEvery) == 0,
		}
		n := r.IntN(total)
		if drawn < len(first) {
			s.kind = weights[first[drawn]].kind
		}
		drawn++
		for _, w := range weights {
			if n -= w.weight; n < 0 && s.kind == "" {
				s.kind = w.kind
			}
		}
		switch s.kind { // the silence behind the last lease is to be long enough to say something
		case kindKillBroker, kindPauseBroker, kindCutLog, kindFullDisk:
			s.hold += lapse
		case kindLateDevices: // so that something else happens meanwhile
			s.hold = maxHold
		}
		return s
	}
}
