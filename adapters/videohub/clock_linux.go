package videohub

import (
	"golang.org/x/sys/unix"

	"github.com/understudy-io/understudy/domain"
)

// sinceBoot reads the monotonic clock that also runs through suspend.
func sinceBoot() domain.Mono {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return 0
	}
	return domain.Mono(ts.Nano())
}
