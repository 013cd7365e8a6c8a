package clock

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-io/understudy/domain"
)

// Suspend says that Boot also counts the time in which the machine was
// suspended.
const Suspend = true

var started = time.Now()

// Boot is the time since the machine was started.
func Boot() domain.Mono {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		// Kernels before 2.6.39 lack the clock. They lack it always, so the
		// readings of one process still belong together.
		return time.Since(started)
	}
	return time.Duration(ts.Nano())
}
