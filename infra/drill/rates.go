package drill

import "github.com/understudy-io/understudy/domain"

// judgeRates says what the stream and the servers have kept up while commands were
// sent: a rate that was asked for and not reached makes no drill at that rate.
func (f *Findings) judgeRates(h History) {
	var first, last domain.Mono
	logged, received := 0, 0
	for _, s := range h.Sent {
		if !s.Logged {
			continue
		}
		if logged == 0 {
			first, last = s.At, s.At
		}
		first, last = min(first, s.At), max(last, s.At)
		logged++
	}
	if last <= first {
		return
	}
	for _, r := range h.Received {
		if r.Server != "" && r.At >= first && r.At <= last {
			received++
		}
	}
	during := (last - first).Seconds()
	f.CommandsPerSecond, f.ActionsPerSecond = float64(logged-1)/during, float64(received)/during
}
