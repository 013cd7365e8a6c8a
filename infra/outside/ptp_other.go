//go:build !linux

package outside

import "time"

// PTP is what only Linux has here.
type PTP struct{}

// Find finds none.
func Find() (*PTP, error) { return nil, ErrNone }

// Name is of no use.
func (*PTP) Name() string { return "" }

// Now implements Clock.
func (*PTP) Now() (time.Duration, error) { return 0, ErrNone }

// Close does nothing.
func (*PTP) Close() error { return nil }
