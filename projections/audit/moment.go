package audit

import (
	"time"

	"github.com/understudy-io/understudy/domain"
)

// Moment is an instant as people and programs read it in a report: RFC 3339, UTC.
type Moment domain.Instant

func (m Moment) String() string { return domain.Instant(m).String() }

// Time converts to a time.Time in UTC.
func (m Moment) Time() time.Time { return domain.Instant(m).Time() }

// MarshalText implements encoding.TextMarshaler.
func (m Moment) MarshalText() ([]byte, error) {
	if m == 0 {
		return nil, nil
	}
	return []byte(m.String()), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *Moment) UnmarshalText(text []byte) error {
	*m = 0
	if len(text) == 0 {
		return nil
	}
	t, err := time.Parse(time.RFC3339Nano, string(text))
	*m = Moment(domain.InstantOf(t))
	return err
}
