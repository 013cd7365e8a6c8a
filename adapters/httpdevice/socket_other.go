//go:build !linux

package httpdevice

import (
	"net"
	"time"

	"github.com/understudy-io/understudy/domain"
)

const canWriteRaw = false

func writeRaw(uintptr, []byte, domain.Gate) (int, error) { panic("not on this system") }

// unacknowledged is known to Linux only: a connection is reset to be sure.
func unacknowledged(net.Conn) bool { return true }

// setUserTimeout is known to Linux only.
func setUserTimeout(net.Conn, time.Duration) error { return nil }
