//go:build !linux

package socket

import (
	"syscall"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// Elsewhere a write may wait, and nobody can know what the kernel holds.
const canWriteRaw = false

func write(uintptr, []byte, domain.Gate) (int, error) { panic("not on this system") }

func unacknowledged(syscall.RawConn) bool { return true }

// setUserTimeout does nothing: only Linux has the option.
func setUserTimeout(syscall.RawConn, time.Duration) error { return nil }
