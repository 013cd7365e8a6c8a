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
	m.observed = nil
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
		m.observed = nil
	}
	for _, v := range r.Values {
		i, known := slices.BinarySearchFunc(m.observed, v.Target, byTarget)
		if known {
			m.observed[i] = v
		} else {
			m.observed = slices.Insert(m.observed, i, v)
		}
	}
}

func byTarget(v domain.Value, t domain.Target) int { return cmp.Compare(v.Target, t) }
