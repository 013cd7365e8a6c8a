//go:build !linux

package videohub

import (
	"time"

	"github.com/understudy-io/understudy/domain"
)

var started = time.Now()

// sinceBoot is the time since this process began: a clock that may stand still
// during suspend.
func sinceBoot() domain.Mono { return time.Since(started) }
