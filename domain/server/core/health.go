package core

import (
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
	"github.com/understudy-io/understudy/domain/partition"
)

// Silence is how long a partition may leave a fetch unanswered until it counts
// as out of sight. Fetch so that an empty answer comes well within it.
const Silence = 1500 * time.Millisecond

// sight is which partitions of the log answer this server. One may fail while
// the others go on: they can lie at several brokers.
type sight struct {
	answered []domain.Mono // the last good answer of each
	lostAt   domain.Mono   // when a fetch last failed, as a whole or in part
	blindAt  domain.Mono   // when some were last found missing
}

// missing are the partitions that cannot be read: they have not answered since a
// fetch failed, or for too long.
func (s *sight) missing(now domain.Mono) []int {
	var out []int
	for p, at := range s.answered {
		if at <= s.lostAt || now-at > Silence {
			out = append(out, p)
		}
	}
	return out
}

// tellFloor tells the election the highest epoch that the log has shown: a
// control topic that was lost must not fall behind it.
func (m *Machine) tellFloor() {
	var highest uint64
	for _, s := range m.states {
		highest = max(highest, s.Epoch())
	}
	m.do(Control{election.Floor{Epoch: highest}})
}

// tellHealth tells the election how this server is, for its heartbeats.
func (m *Machine) tellHealth() {
	now := m.now.Mono
	blind := len(m.sight.missing(now)) > 0
	if blind {
		m.sight.blindAt = now
	}
	h := election.Health{Hash: m.verdict, Agreed: m.agreedAt, OldestPending: m.oldest(now)}
	for p, s := range m.states {
		h.Position += s.Next()
		h.Lag += max(0, m.high[p]-s.Next())
	}
	if blind {
		h.Lag = domain.LagUnknown
	}
	h.Sync = m.syncMode(h.Lag)
	h.Ready = h.Sync == domain.InSync && !m.cfg.Unfit
	m.countReach()
	h.Missing, h.Counted, h.Reaches = m.reach.missing, m.reach.counted, m.reach.reaches
	m.keep()
	m.said = m.acknowledged()
	h.Acknowledged = m.said
	m.do(Control{h})
}

// oldest is for how long an action or an append has waited for nothing but this
// primary. While it had lost the log, or some of it, it could not do better.
func (m *Machine) oldest(now domain.Mono) time.Duration {
	if m.term == nil {
		return m.idle
	}
	waits := m.idle
	if m.appending > 0 {
		waits = max(waits, now-m.appending)
	}
	return min(waits, now-max(m.term.resumed, m.sight.blindAt))
}

// MaxPromoteLag is how many records a server that takes over may have to fold first:
// what takes less than a second.
const MaxPromoteLag = 50_000

// syncMode is how far this server is from all others.
func (m *Machine) syncMode(lag int64) domain.SyncMode {
	switch {
	case !m.caughtUp:
		return domain.Replaying
	case !m.informed || m.verdict == domain.HashDiffers || lag == domain.LagUnknown || lag > MaxPromoteLag:
		return domain.CatchingUp
	}
	return domain.InSync
}

// Acting says whether this server has opened an epoch that it holds, and its
// lease has not lapsed.
func (m *Machine) Acting() bool { return m.term != nil && !m.term.held && m.term.isOpen() }

// CaughtUp says whether the log has been read to its end once.
func (m *Machine) CaughtUp() bool { return m.caughtUp }

// Missing are the partitions that this server cannot read at the moment.
func (m *Machine) Missing(now domain.Mono) []int { return m.sight.missing(now) }

// States are the folds, by partition. They are the machine's own: read them.
func (m *Machine) States() []*partition.State { return m.states }

// Unconfigured are the devices whose definitions this primary has still to see
// in the log: until then it refuses their commands.
func (m *Machine) Unconfigured() []string {
	if m.term == nil {
		return nil
	}
	var out []string
	all := m.wanted
	if m.ActiveRevision() > 0 {
		all = m.plan.wanted
	}
	for p, wanted := range all {
		for _, def := range wanted {
			if _, ok := m.states[p].Device(def.Device); !ok {
				out = append(out, def.Device)
			}
		}
	}
	return out
}

// owner is the partition that owns a device.
func (m *Machine) owner(device string) int32 { return domain.Partition(device, int32(len(m.states))) }
