package broker

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// fullDiskEvery is how often a full disk is told: each append finds it anew, and
// what is told may well go to the same disk.
const fullDiskEvery = 30 * time.Second

// brokerLogger passes the broker's warnings on; the rest is noise.
type brokerLogger struct {
	logger *slog.Logger
	folder string

	mu   sync.Mutex
	told time.Time // when a full disk was told
}

var _ kfake.Logger = (*brokerLogger)(nil)

// Logf implements kfake.Logger.
func (l *brokerLogger) Logf(level kfake.LogLevel, format string, args ...any) {
	if level > kfake.LogLevelWarn {
		return
	}
	if cause := fullDisk(args); cause != nil {
		if l.due() {
			l.logger.Error("the disk of the log is full: nothing is acknowledged, so nobody acts; free some space and it goes on by itself",
				"folder", l.folder, "cause", cause)
		}
		return
	}
	l.logger.Warn("embedded broker", "cause", fmt.Sprintf(format, args...))
}

func (l *brokerLogger) due() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.told.IsZero() && time.Since(l.told) < fullDiskEvery {
		return false
	}
	l.told = time.Now()
	return true
}

// fullDisk finds the error that says so; nil if none does.
func fullDisk(args []any) error {
	for _, a := range args {
		if err, ok := a.(error); ok && (errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)) {
			return err
		}
	}
	return nil
}
