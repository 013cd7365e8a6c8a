// Package checkup judges what each server of a landscape says of itself and of the
// others: whether all is as it should be, and what to do where it is not.
//
//	for _, f := range checkup.Of(answers) { fmt.Println(f.Server, f.Check, f.State, f.Detail) }
//
// It is pure: the same answers give the same findings, in the same order.
package checkup

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// State is how a check has ended.
type State string

// The states. What fails keeps a server from its work, or the landscape from its own;
// what warns will do so when something else goes wrong too.
const (
	OK    State = "ok"
	Warns State = "warning"
	Fails State = "failed"
)

// Finding is one check of one server.
type Finding struct {
	Server string `json:"server"`
	Check  string `json:"check"`
	State  State  `json:"state"`
	Detail string `json:"detail,omitempty"`
}

// Answer is what one server says, or that it does not.
type Answer struct {
	Server  string
	Address string
	Failure string // why it does not answer; empty if it does
	Left    bool   // it was stopped in good order; of no other server, and with nothing else said

	Primary   string // as it sees it
	Epoch     uint64
	Ready     bool
	Reasons   []string // why it is not
	SyncMode  int
	Lag       int64 // records; below 0: unknown
	Hash      string
	Build     string
	Identity  string // public key of its data folder; empty for one of 0.1.0
	Guarded   bool
	Valve     string
	ValveWhy  string
	Drained   bool
	DrainedBy string // who, and why
	Falls     int
	Missing   int64             // devices that standbys connect to, and it is not connected to
	Members   int               // how many servers take part, as it sees it
	Limit     int               // how many may
	Paused    string            // by whom automatic failover is, as it sees it
	Suspect   bool              // a record's time was too far ahead
	Clock     time.Duration     // its wall clock less the asker's
	Within    time.Duration     // how exactly that is known
	Checks    []SelfCheck       // what it stands on
	Heard     map[string]string // members that it does not hear, and since when
	Behind    string            // why it has not gone over to the active revision of the configuration
	Signs     []string          // verifier keys of the checkpoints that it signs while it is primary
}

// SelfCheck is what a server has found about one thing that it stands on.
type SelfCheck struct{ Check, Failure string }

// clockOff is how far wall clocks may be apart until it is said: nothing is decided by
// them, but people compare the times that servers show.
const clockOff = 2 * time.Second

// Of gives all findings, by server, the worst check of each first.
func Of(answers []Answer) []Finding {
	var out []Finding
	primary, builds := common(answers)
	for i := range answers {
		if a := &answers[i]; a.Left {
			out = append(out, Finding{Server: a.Server, Check: "member", State: Warns, Detail: fmt.Sprintf(
				"it was stopped in good order, and takes over from nobody: start it, or take it out for good with `understudy cluster remove %s`", a.Server)})
			continue
		}
		one := of(&answers[i], primary, builds, copies(answers, i))
		if answers[i].Failure == "" {
			one = append(one, signing(answers, i))
		}
		slices.SortStableFunc(one, func(a, b Finding) int { return cmp.Compare(rank(a.State), rank(b.State)) })
		out = append(out, one...)
	}
	return out
}

// Worst is the worst state of all.
func Worst(all []Finding) State {
	worst := OK
	for _, f := range all {
		if rank(f.State) < rank(worst) {
			worst = f.State
		}
	}
	return worst
}

func rank(s State) int { return slices.Index([]State{Fails, Warns, OK}, s) }

// common is what those who answer agree in: the primary of the highest epoch, and the
// builds that there are.
func common(answers []Answer) (primary string, builds []string) {
	epoch := uint64(0)
	for _, a := range answers {
		if a.Failure != "" || a.Left {
			continue
		}
		if a.Epoch >= epoch && a.Primary != "" {
			epoch, primary = a.Epoch, a.Primary
		}
		if !slices.Contains(builds, a.Build) {
			builds = append(builds, a.Build)
		}
	}
	slices.Sort(builds)
	return primary, builds
}

// copies are the others that answer with the identity of one. Two that started at the same
// moment did not hear one another, and under two names both have joined.
func copies(answers []Answer, one int) (names []string) {
	for i, a := range answers {
		if i != one && a.Failure == "" && a.Identity != "" && a.Identity == answers[one].Identity && a.Server != answers[one].Server {
			names = append(names, a.Server)
		}
	}
	return names
}

// signing judges whether a server would sign as the others do: who verifies checkpoints
// has one key for all of them.
func signing(answers []Answer, one int) Finding {
	f := Finding{Server: answers[one].Server, Check: "signing", State: OK}
	for _, other := range answers {
		switch own := answers[one].Signs; {
		case other.Failure != "" || other.Left || slices.Equal(own, other.Signs):
			continue
		case len(own) == 0:
			f.State, f.Detail = Warns, "it has no signing_key_file, and others have: nothing is signed while it is primary; copy theirs to it, and name it"
			return f
		case len(other.Signs) > 0 && own[0] != other.Signs[0]:
			f.State, f.Detail = Warns, fmt.Sprintf("it signs checkpoints with another key than %s: whoever verifies them knows one of the two", other.Server)
		}
	}
	return f
}

// of judges one server.
func of(a *Answer, primary string, builds, copies []string) []Finding {
	var out []Finding
	say := func(check string, state State, format string, args ...any) {
		out = append(out, Finding{Server: a.Server, Check: check, State: state, Detail: fmt.Sprintf(format, args...)})
	}
	judge := func(check string, good bool, state State, format string, args ...any) {
		if good {
			say(check, OK, "")
		} else {
			say(check, state, format, args...)
		}
	}
	if a.Failure != "" {
		say("reachable", Fails, "%s does not answer at %s: %s", a.Server, a.Address, a.Failure)
		return out
	}
	say("reachable", OK, "")
	judge("primary", a.Primary != "" && a.Primary == primary, Fails, "it sees %s, others see %s", named(a.Primary), named(primary))
	judge("ready", a.Ready, Fails, "%s", strings.Join(a.Reasons, "; "))
	judge("sync", a.SyncMode == 0, Fails, "sync_mode %d: it would not take over", a.SyncMode)
	judge("lag", a.Lag >= 0, Fails, "it cannot read some of the log")
	judge("hash", a.Hash != "differs", Fails, "its state differs from the primary's at the same position")
	judge("build", len(builds) < 2, Warns, "the servers are of several builds: %s", strings.Join(builds, ", "))
	judge("identity", len(copies) == 0, Fails, "it has the identity of %s: one of the data folders is a copy. End that server, and give it an empty folder", strings.Join(copies, ", "))
	judge("guard", a.Guarded, Warns, "it has no guard: its end is noticed only when the lease runs out")
	judge("valve", a.Valve == "kernel", Warns, "%s: %s", a.Valve, a.ValveWhy)
	judge("clock", a.Clock.Abs() <= clockOff+a.Within, Warns, "its wall clock is %s off this machine's", a.Clock.Round(time.Millisecond))
	judge("log time", !a.Suspect, Warns, "a record's time was too far ahead to be believed; check the clocks of brokers and producers")
	judge("succession", !a.Drained, Warns, "it is drained%s: it does not take over", by(a.DrainedBy))
	judge("members", a.Limit == 0 || a.Members <= a.Limit, Fails, "%d servers take part, and the policy allows %d: one that starts again stays out. Raise the limit with `understudy cluster policy --max-members N`, or take some out", a.Members, a.Limit)
	judge("failover", a.Paused == "", Warns, "automatic failover is paused by %s", a.Paused)
	judge("flapping", a.Falls < 2, Warns, "it has lost primacy unasked %d times, each soon after the one before", a.Falls)
	judge("devices", a.Missing == 0, Warns, "it is not connected to %d of the devices that standbys connect to: who misses fewer takes over first. A device that takes one connection needs `standby_polling: false`", a.Missing)
	judge("configuration", a.Behind == "", Fails, "%s", a.Behind)
	for _, c := range a.Checks {
		judge(c.Check, c.Failure == "", Warns, "%s", c.Failure)
	}
	var silent []string
	for name, since := range a.Heard {
		silent = append(silent, name+" (for "+since+")")
	}
	slices.Sort(silent)
	judge("mesh", len(silent) == 0, Fails, "it does not hear %s", strings.Join(silent, ", "))
	return out
}

func by(whom string) string {
	if whom == "" {
		return ""
	}
	return " by " + whom
}

func named(server string) string {
	if server == "" {
		return "nobody as the primary"
	}
	return server
}
