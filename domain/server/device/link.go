package device

import (
	"cmp"
	"slices"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/emission"
)

// warm says that only the primary connects.
func (m *Machine) warm() bool { return !m.settings.Definition.StandbyPolling }

func (m *Machine) open() {
	if m.linked || m.settings.Removed {
		return
	}
	m.opening++
	m.linked = true
	m.do(Open{Opening: m.opening})
}

// shut ends a connection that this server must not have for now.
func (m *Machine) shut(now domain.Mono, cause string) {
	if m.linked {
		m.linked = false
		m.opening++
		m.do(Close{})
	}
	clear(m.observed)
	if m.up {
		m.connection(now, false, cause, false)
	}
}

// connection takes what is said of the connection. It is told to the log when it
// has changed, or anew.
func (m *Machine) connection(now domain.Mono, up bool, detail string, anew bool) {
	changed := m.up != up
	if changed || !m.known {
		m.do(Connection{Up: up, Detail: detail})
	}
	m.known, m.up, m.detail = true, up, detail
	if m.queue == nil {
		return
	}
	if changed || anew {
		m.say(domain.Connection{Up: up, Detail: detail})
	}
	if up {
		m.feed(now, emission.LinkUp{})
	} else {
		m.feed(now, emission.LinkDown{Cause: detail})
	}
}

// observe keeps what the device says of itself, so that a takeover starts from
// the device as it is.
func (m *Machine) observe(r Reported) {
	if r.Full {
		clear(m.observed)
	}
	for _, v := range r.Values {
		m.observed[v.Target] = v.Value
	}
}

// seen is what the device has said of itself, by target.
func (m *Machine) seen() []domain.Value {
	values := make([]domain.Value, 0, len(m.observed))
	for t, v := range m.observed {
		values = append(values, domain.Value{Target: t, Value: v})
	}
	slices.SortFunc(values, func(a, b domain.Value) int { return cmp.Compare(a.Target, b.Target) })
	return values
}
