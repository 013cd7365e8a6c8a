package outside

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// hypervisors are the names of PTP clocks that a host gives its guests. Those of
// network cards are no clocks from outside: they may stop with the guest.
var hypervisors = []string{"KVM virtual PTP", "hyperv"}

// PTP is the clock of the host.
type PTP struct {
	file *os.File
	name string
}

// Find opens the host's clock.
func Find() (*PTP, error) {
	names, _ := filepath.Glob("/sys/class/ptp/ptp*/clock_name") // the pattern is right
	for _, path := range names {
		b, err := os.ReadFile(path)
		name := strings.TrimSpace(string(b))
		if err != nil || !slices.Contains(hypervisors, name) {
			continue
		}
		device := "/dev/" + filepath.Base(filepath.Dir(path))
		f, err := os.Open(device)
		if err != nil {
			return nil, fmt.Errorf("let this process read %s: %w", device, err)
		}
		return &PTP{f, name}, nil
	}
	return nil, ErrNone
}

// Name is the kernel's name of the clock.
func (p *PTP) Name() string { return p.name }

// Now implements Clock.
func (p *PTP) Now() (time.Duration, error) {
	var t unix.Timespec
	const clockFD = 3 // see clock_gettime(2), dynamic clocks
	if err := unix.ClockGettime(int32(^p.file.Fd()<<3|clockFD), &t); err != nil {
		return 0, fmt.Errorf("read %s: %w", p.file.Name(), err)
	}
	return time.Duration(t.Nano()), nil
}

// Close ends it.
func (p *PTP) Close() error { return p.file.Close() }
