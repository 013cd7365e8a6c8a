//go:build !linux

package httpdevice

import (
	"net"
	"time"
)

// setUserTimeout is known to Linux only.
func setUserTimeout(net.Conn, time.Duration) error { return nil }
