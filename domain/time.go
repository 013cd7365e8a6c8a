package domain

import "time"

// Instant is a point of time as a record carries it: nanoseconds since
// 1970-01-01 UTC. Zero means "not given". It is never read from a clock here.
type Instant int64

// Millis is the Instant of a Kafka timestamp, which counts milliseconds.
func Millis(ms int64) Instant { return Instant(ms) * Instant(time.Millisecond) }

// InstantOf converts a time.Time; the zero time gives zero.
func InstantOf(t time.Time) Instant {
	if t.IsZero() {
		return 0
	}
	return Instant(t.UnixNano())
}

// Time converts to a time.Time in UTC; zero gives the zero time.
func (i Instant) Time() time.Time {
	if i == 0 {
		return time.Time{}
	}
	return time.Unix(0, int64(i)).UTC()
}

// Add returns i moved by d.
func (i Instant) Add(d time.Duration) Instant { return i + Instant(d) }

// Sub returns the duration from j to i.
func (i Instant) Sub(j Instant) time.Duration { return time.Duration(i - j) }

// String is RFC 3339 with the digits that are there, or "-" for zero.
func (i Instant) String() string {
	if i == 0 {
		return "-"
	}
	return i.Time().Format(time.RFC3339Nano)
}

// Mono is a reading of a monotonic clock that also runs through suspend
// (CLOCK_BOOTTIME): the time since boot. Readings of two machines are never
// compared.
type Mono = time.Duration
