package sim

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
	"github.com/understudy-io/understudy/domain/partition"
	"github.com/understudy-io/understudy/domain/server/core"
)

// edition is what a revision of the configuration holds. The log of a history has
// its hash; who asks for it gets it from here.
type edition struct {
	devices []domain.Definition
}

// publishRevision is what an operator does: the definitions as they are now become
// the next revision. Now and then he has seen an older one, in two steps, or another
// server is to take over with it.
func (w *world) publishRevision(h *host, arg int) {
	s := w.checks.states[domain.PartitionOfRevisions]
	if s.Next() == 0 {
		return
	}
	if w.editions == nil {
		w.editions = make(map[string]edition)
	}
	hash := fmt.Sprintf("%x", sha256.Sum256(fmt.Append(nil, w.configured())))
	w.editions[hash] = edition{w.configured()}
	parent := s.LatestRevision()
	if arg%7 == 0 && parent > 0 {
		parent--
	}
	p := domain.Published{
		Revision: parent + 1, Parent: parent, Hash: hash, Size: 1, Parts: []int64{0}, Comment: "as it is now",
		Server: h.name, Activate: arg%3 > 0, Epoch: s.Epoch(),
	}
	w.write(p)
	if !p.Activate {
		w.after(w.between(time.Millisecond, time.Second), func() {
			w.write(domain.Activated{Revision: p.Revision, Server: h.name, Epoch: w.checks.states[domain.PartitionOfRevisions].Epoch()})
		})
	}
}

// write appends a change of the configuration.
func (w *world) write(p domain.Payload) {
	scribe := domain.Scribe{Server: "ops", UID: w.uid}
	r := scribe.Record(w.wall(), domain.SubjectOfRevisions, p)
	r.User = "ann"
	w.external(domain.TopicLog, domain.PartitionOfRevisions, w.encode(domain.TopicLog, domain.PartitionOfRevisions, r))
}

// loadRevision is a server's look into the log for what a revision holds. It takes its
// time, and fails now and then until all is healed.
func (s *server) loadRevision(r partition.Revision) {
	s.after(s.w.between(time.Millisecond, 50*time.Millisecond), func() {
		in := core.Loaded{Revision: r.Number, Devices: slices.Clone(s.w.editions[r.Hash].devices)}
		if !s.w.healed && s.w.chance(0.1) {
			in = core.Loaded{Revision: r.Number, Err: fmt.Errorf("read revision %d: %w", r.Number, domain.ErrTransient)}
		}
		s.core.tell(coreInput{in: in})
	})
}

// keepRevision is a server's write of a revision into its file. It takes its time, and
// until all is healed the disk is full now and then.
func (s *server) keepRevision(r partition.Revision) {
	s.after(s.w.between(time.Millisecond, 50*time.Millisecond), func() {
		in := core.Kept{Revision: r.Number}
		if !s.w.healed && s.w.chance(0.1) {
			in.Err = fmt.Errorf("write revision %d: no room: %w", r.Number, domain.ErrTransient)
		}
		s.core.tell(coreInput{in: in})
	})
}

// acknowledged sees that a server says no more than is true: every server goes over to
// a revision at the same position, after the devices of every partition have it.
func (c *checks) acknowledged(r *domain.Record, v *domain.RevisionAcknowledged, ruling election.Ruling) {
	if ruling.Void != "" {
		return
	}
	revision, ok := c.states[domain.PartitionOfRevisions].Revision(v.Revision)
	if !ok || revision.Hash != v.Hash || revision.Activated == 0 || revision.ActivatedAt != v.At {
		c.w.failf("%s acknowledges %+v, and the log has %+v", r.Subject, *v, revision)
		return
	}
	if v.Failure != "" {
		c.w.stats.unable++
		return
	}
	c.w.stats.acknowledged++
	for p, s := range c.states {
		if s.AppliedRevision() < v.Revision {
			c.w.failf("%s acknowledges revision %d, and partition %d has come to %d", r.Subject, v.Revision, p, s.AppliedRevision())
		}
	}
}

// unacknowledged is a living member that has not said that it has gone over to the
// active revision; empty if all have.
func (c *checks) unacknowledged() string {
	active := c.states[domain.PartitionOfRevisions].ActiveRevision()
	for _, h := range c.w.hosts {
		if h.server == nil || active == 0 {
			continue
		}
		m, ok := c.control.Member(h.name)
		if !ok || m.Removed || m.Died || m.Incarnation != h.server.incarnation {
			continue
		}
		if said := m.Acknowledged; said.Revision != active || said.Failure != "" {
			return m.Incarnation
		}
	}
	return ""
}

// revisions sees that in the end all devices are as the active revision has them, or as
// the primary's own file has.
func (c *checks) revisions() {
	active := c.states[domain.PartitionOfRevisions].ActiveRevision()
	if active == 0 {
		c.asConfigured("the primary's file", c.holder().configured)
		return
	}
	r, _ := c.states[domain.PartitionOfRevisions].Revision(active)
	c.w.stats.revisions++
	if who := c.unacknowledged(); who != "" {
		c.w.failf("revision %d is active, and %s has not acknowledged it", active, who)
	}
	for p, s := range c.states {
		if s.AppliedRevision() != active {
			c.w.failf("revision %d is active, and partition %d has come to %d", active, p, s.AppliedRevision())
		}
	}
	c.asConfigured(fmt.Sprintf("revision %d", active), c.w.editions[r.Hash].devices)
}

// asConfigured sees that the devices are those of a configuration, and as it says.
func (c *checks) asConfigured(name string, devices []domain.Definition) {
	for _, def := range devices {
		s := c.states[domain.Partition(def.Device, c.w.plan.Partitions)]
		if dev, ok := s.Device(def.Device); !ok || dev.Removed || !dev.Definition.Same(&def) {
			c.w.failf("%s is not as %s says: %+v", def.Device, name, def)
			return
		}
	}
	wanted := len(devices)
	for _, s := range c.states {
		for _, dev := range s.Devices() {
			if !dev.Removed { // one that is has commands or doubts left
				wanted--
			}
		}
	}
	if wanted != 0 {
		c.w.failf("there are %d devices that %s lacks", -wanted, name)
	}
}
