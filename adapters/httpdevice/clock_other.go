//go:build !linux

package httpdevice

import (
	"time"

	"github.com/understudy-io/understudy/domain"
)

var started = time.Now()

// bootTime counts from the start of this process.
func bootTime() domain.Mono { return time.Since(started) }
