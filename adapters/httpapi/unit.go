package httpapi

import "time"

// Milliseconds is a duration on the wire: a number, in a field whose name ends
// in _ms.
type Milliseconds float64

// MillisecondsOf converts a duration.
func MillisecondsOf(d time.Duration) Milliseconds {
	return Milliseconds(float64(d) / float64(time.Millisecond))
}

// Duration converts back.
func (m Milliseconds) Duration() time.Duration {
	return time.Duration(float64(m) * float64(time.Millisecond))
}
