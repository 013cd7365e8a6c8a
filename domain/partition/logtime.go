package partition

import (
	"time"

	"github.com/understudy-io/understudy/domain"
)

// advance moves log time to a record's append time. Log time never goes back,
// and a leap of more than MaxJump needs a server's word (see confirm): one
// wrong clock must not push the window over every UID that is remembered.
func (s *State) advance(appended domain.Instant) {
	switch {
	case !s.begun:
		s.begun, s.logTime = true, appended
	case appended <= s.logTime:
	case after(appended, s.logTime, MaxJump):
		s.suspect = true
		s.counters.ClockJumps++
	default:
		s.logTime, s.suspect = appended, false
	}
}

// confirm takes a server's word for the append time of its record.
func (s *State) confirm(appended, says domain.Instant) {
	if after(appended, says, MaxJump) || after(says, appended, MaxJump) {
		return
	}
	if appended > s.logTime {
		s.logTime, s.suspect = appended, false
	}
}

// after says that a is more than d after b. It cannot overflow.
func after(a, b domain.Instant, d time.Duration) bool {
	return a > b && uint64(a)-uint64(b) > uint64(d)
}
