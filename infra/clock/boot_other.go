//go:build !linux

package clock

import (
	"time"

	"github.com/understudy-io/understudy/domain"
)

// Suspend says that Boot does not count the time in which the machine was
// suspended.
const Suspend = false

var started = time.Now()

// Boot is the time since this process was started, on the runtime's monotonic
// clock.
func Boot() domain.Mono { return time.Since(started) }
