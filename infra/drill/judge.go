package drill

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// Sent is one command of the stream.
type Sent struct {
	Index   int // in the order of sending, from 0
	Device  string
	UID     string
	Target  domain.Target // of a route; empty for a one-shot
	Turn    int           // counts the routes of one target
	At      domain.Mono   // before the produce call
	Logged  bool          // the append was acknowledged
	OneShot bool
}

// Received is one action that a device received.
type Received struct {
	At     domain.Mono
	Server string // who sent it; empty for a client that is none of the servers
	Device string
	UID    string        // of a one-shot
	Target domain.Target // of a route
	Source int           // of a route, as the router received it
	Turn   int           // of a route, see Sent; Judge finds it
}

// Fault is one run: how the primary was ended, and when.
type Fault struct {
	At      domain.Mono // just before it was done
	Until   domain.Mono // when the run was over
	Old     string      // the server that was primary
	Planned bool        // a planned move: the gap is counted from the old one's last action
	Began   domain.Mono // when something was done to a server before At; zero if nothing was
}

// History is all that one drill has seen.
type History struct {
	Sent     []Sent
	Received []Received
	Faults   []Fault
	Outcomes map[string]domain.Outcome // by UID, from the log
	Counts   map[string]int            // outcome records by UID
}

// Findings are what the judge says of a history.
type Findings struct {
	Gaps       []time.Duration // fault to first action of another server
	Lost       []string        // logged commands without an outcome
	Repeated   []string        // commands with more than one outcome
	Doubled    []string        // one-shots that a device received twice
	Unsent     []string        // one-shots that ended confirmed, and no device received
	OutOfOrder int
	InDoubt    int
	Stale      int             // actions of the old primary after the first of the new one
	Unfinished int             // faults after which nobody else acted
	Absolute   []time.Duration // command to device
	OneShot    []time.Duration
	LongestGap time.Duration // between any two actions at all
	Changes    int           // how often another server acted than before

	CommandsPerSecond float64 // logged, from the first to the last
	ActionsPerSecond  float64 // received in that time
}

// Judge holds what devices received against what was asked for.
func Judge(h History) Findings {
	slices.SortStableFunc(h.Received, func(a, b Received) int { return cmp.Compare(a.At, b.At) })
	findTurns(h)
	f := Findings{}
	f.judgeFates(h)
	f.judgeOrder(h)
	f.judgeTakeovers(h)
	f.judgeLatency(h)
	f.judgeRates(h)
	return f
}

func (f *Findings) judgeFates(h History) {
	received := make(map[string]int)
	for _, r := range h.Received {
		if r.UID != "" {
			received[r.UID]++
		}
	}
	for _, s := range h.Sent {
		outcome, ended := h.Outcomes[s.UID]
		switch {
		case s.Logged && !ended:
			f.Lost = append(f.Lost, s.UID)
		case h.Counts[s.UID] > 1:
			f.Repeated = append(f.Repeated, s.UID)
		case s.OneShot && outcome == domain.Confirmed && received[s.UID] == 0:
			f.Unsent = append(f.Unsent, s.UID)
		}
		if outcome == domain.InDoubt {
			f.InDoubt++
		}
		if s.OneShot && received[s.UID] > 1 {
			f.Doubled = append(f.Doubled, s.UID)
		}
	}
}

// judgeOrder checks that nothing overtook: of one target, and of the one-shots
// of one device, whoever sent them; and of everything that one server sent to
// one device in one go.
func (f *Findings) judgeOrder(h History) {
	index := make(map[string]int)
	turn := make(map[domain.Target]map[int]int)
	for _, s := range h.Sent {
		index[s.UID] = s.Index
		if s.Target != "" {
			if turn[s.Target] == nil {
				turn[s.Target] = make(map[int]int)
			}
			turn[s.Target][s.Turn] = s.Index
		}
	}
	last := make(map[string]int)
	for _, r := range h.Received {
		key, at := r.Device+"/one-shots", index[r.UID]
		if r.Target != "" {
			key, at = r.Device+"/"+string(r.Target), turn[r.Target][r.Turn]
		}
		if before, ok := last[key]; ok && at < before {
			f.OutOfOrder++
		}
		last[key] = at
	}
}

func (f *Findings) judgeTakeovers(h History) {
	for _, fault := range h.Faults {
		first, lastOld := domain.Mono(0), fault.At
		for _, r := range h.Received {
			if r.At > fault.Until {
				break
			}
			switch {
			case r.Server == "":
			case r.Server == fault.Old && first == 0:
				lastOld = r.At
			case r.At < fault.At:
			case r.Server != fault.Old && first == 0:
				first = r.At
			case r.Server == fault.Old && first > 0:
				f.Stale++
			}
		}
		switch {
		case first == 0:
			f.Unfinished++
		case fault.Planned:
			f.Gaps = append(f.Gaps, first-lastOld)
		default:
			f.Gaps = append(f.Gaps, first-fault.At)
		}
	}
	acting := ""
	for i, r := range h.Received {
		if i > 0 {
			f.LongestGap = max(f.LongestGap, r.At-h.Received[i-1].At)
		}
		if r.Server == "" {
			continue
		}
		if acting != "" && r.Server != acting {
			f.Changes++
		}
		acting = r.Server
	}
}

// judgeLatency takes the time from before the produce call to the device, for
// commands that no fault fell upon.
func (f *Findings) judgeLatency(h History) {
	arrived := make(map[string]domain.Mono)
	routes := make(map[domain.Target]map[int]domain.Mono)
	for _, r := range h.Received {
		if r.UID != "" {
			if _, ok := arrived[r.UID]; !ok {
				arrived[r.UID] = r.At
			}
			continue
		}
		if routes[r.Target] == nil {
			routes[r.Target] = make(map[int]domain.Mono)
		}
		if _, ok := routes[r.Target][r.Turn]; !ok {
			routes[r.Target][r.Turn] = r.At
		}
	}
	for _, s := range h.Sent {
		if undisturbed(s, h.Faults) {
			if at, ok := arrived[s.UID]; ok && s.OneShot {
				f.OneShot = append(f.OneShot, at-s.At)
			} else if at, ok := routes[s.Target][s.Turn]; ok && !s.OneShot {
				f.Absolute = append(f.Absolute, at-s.At)
			}
		}
	}
}

// calm is how far from a fault a command must have been sent to count as undisturbed.
const calm = 50 * time.Millisecond

func undisturbed(s Sent, faults []Fault) bool {
	for _, fault := range faults {
		began := fault.At
		if fault.Began > 0 {
			began = fault.Began
		}
		if s.At > began-calm && s.At < fault.Until+calm {
			return false
		}
	}
	return true
}

// Quantiles of a list of durations, in milliseconds; zeros for an empty list.
type Quantiles struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// QuantilesOf sorts the list and takes the nearest rank.
func QuantilesOf(list []time.Duration) Quantiles {
	if len(list) == 0 {
		return Quantiles{}
	}
	slices.Sort(list)
	at := func(q float64) float64 {
		rank := int(math.Ceil(q * float64(len(list))))
		return float64(list[rank-1].Microseconds()) / 1000
	}
	return Quantiles{P50: at(0.50), P99: at(0.99), Max: float64(list[len(list)-1].Microseconds()) / 1000}
}
