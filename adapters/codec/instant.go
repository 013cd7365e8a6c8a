package codec

import (
	"time"

	"github.com/understudy-io/understudy/domain"
)

// The times that an Instant can hold, without the moment that means "not given".
var (
	earliest = time.Unix(0, 1)
	latest   = time.Unix(0, 1<<63-1)
)

// minute is one that was read before, as it is written and when it begins. Times
// of one run of records are mostly of the same.
type minute struct {
	text  [len("2026-01-31T20:14:")]byte
	start domain.Instant // 0: none
}

// instant reads a time in RFC 3339, if an Instant can hold it.
func (a *arena) instant(b []byte) (domain.Instant, bool) {
	if a != nil {
		if at, ok := a.minute.instant(b); ok {
			return at, true
		}
	}
	var t time.Time
	if err := t.UnmarshalText(b); err != nil || t.Before(earliest) || t.After(latest) {
		return 0, false
	}
	at := domain.InstantOf(t)
	if a != nil {
		a.minute.remember(b, at, t)
	}
	return at, true
}

// remember keeps the minute of a time in UTC that is written in the usual way.
func (m *minute) remember(b []byte, at domain.Instant, t time.Time) {
	const span = domain.Instant(time.Minute)
	start := at - domain.Instant(t.Second())*domain.Instant(time.Second) - domain.Instant(t.Nanosecond())
	if !usual(b) || start <= 0 || start+span < start {
		return
	}
	copy(m.text[:], b)
	m.start = start
}

// usual says that b has the places of 2026-01-31T20:14:07Z, or of that with a
// fraction of up to nine digits.
func usual(b []byte) bool {
	const shortest, longest = len("2026-01-31T20:14:07Z"), len("2026-01-31T20:14:07.123456789Z")
	return len(b) >= shortest && len(b) <= longest && b[13] == ':' && b[16] == ':' && b[len(b)-1] == 'Z' &&
		(len(b) == shortest || len(b) > shortest+1 && b[19] == '.')
}

// instant reads a time of the remembered minute. Everything else is for the
// library, also what is wrong.
func (m *minute) instant(b []byte) (domain.Instant, bool) {
	if m.start == 0 || !usual(b) || string(b[:len(m.text)]) != string(m.text[:]) {
		return 0, false
	}
	seconds, ok := digits(b[17:19])
	if !ok || seconds >= 60 {
		return 0, false
	}
	var nanos domain.Instant
	if len(b) > len("2026-01-31T20:14:07Z") {
		fraction := b[20 : len(b)-1]
		if nanos, ok = digits(fraction); !ok {
			return 0, false
		}
		for range 9 - len(fraction) {
			nanos *= 10
		}
	}
	return m.start + seconds*domain.Instant(time.Second) + nanos, true
}

func digits(b []byte) (n domain.Instant, ok bool) {
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + domain.Instant(c-'0')
	}
	return n, true
}
