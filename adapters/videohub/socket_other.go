//go:build !linux

package videohub

import (
	"net"
	"time"

	"github.com/understudy-io/understudy/domain"
)

const canWriteRaw = false

func writeRaw(uintptr, []byte, domain.Gate) (int, bool, error) { panic("not on this system") }

// unacknowledged is known to Linux only: a connection is reset to be sure.
func unacknowledged(net.Conn) bool { return true }

// setUserTimeout does nothing: only Linux has the option.
func setUserTimeout(*net.TCPConn, time.Duration) error { return nil }

var started = time.Now()

// sinceBoot is the time since this process began: a clock that may stand still
// during suspend.
func sinceBoot() domain.Mono { return time.Since(started) }
