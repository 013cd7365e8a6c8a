package httpdevice

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-io/understudy/domain"
)

// bootTime reads CLOCK_BOOTTIME, which all processes of a machine share.
func bootTime() domain.Mono {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
