package core

import (
	"slices"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
	"github.com/understudy-io/understudy/domain/server/device"
)

// configured follows a change of a device's definition.
func (m *Machine) configured(in *Read, r *domain.Record) {
	payload, ok := r.Payload.(domain.Configured)
	if !ok {
		return
	}
	m.closeDevice(r.Subject)
	if m.term != nil {
		delete(m.term.awaits, r.Subject)
	}
	s := m.states[m.owner(r.Subject)]
	dev, left := s.Device(r.Subject)
	if !left {
		return // a device that was removed is there while its commands have not ended
	}
	m.openDevice(dev.Definition, payload.Removed)
	if m.term != nil && m.term.opened[s.Partition()] {
		m.handOver(s, dev.ID(), in.Since, s.LogTime())
	}
}

// unchanged hands a device over whose new definition, by this primary, does not count.
func (m *Machine) unchanged(in *Read, r *domain.Record) {
	if m.term == nil || r.Epoch != m.term.epoch || !m.term.awaits[r.Subject] {
		return
	}
	delete(m.term.awaits, r.Subject)
	if _, known := m.devices[r.Subject]; known {
		s := m.states[m.owner(r.Subject)]
		m.handOver(s, r.Subject, in.Since, s.LogTime())
	}
}

// openDevice starts a device. A standby connects to it too if the device allows
// that, so that a takeover opens no socket.
func (m *Machine) openDevice(def domain.Definition, removed bool) {
	settings := device.Settings{Server: m.cfg.Server, Definition: &def, Partition: m.owner(def.Device), Removed: removed}
	m.devices[def.Device] = settings
	if i, known := slices.BinarySearch(m.names, def.Device); !known {
		m.names = slices.Insert(m.names, i, def.Device)
	}
	if def.StandbyPolling && !removed {
		m.reach.open(def.Device, m.now.Mono)
	}
	m.do(OpenDevice{Settings: settings})
}

func (m *Machine) closeDevice(name string) {
	if _, known := m.devices[name]; !known {
		return
	}
	delete(m.devices, name)
	delete(m.reach.links, name)
	if i, known := slices.BinarySearch(m.names, name); known {
		m.names = slices.Delete(m.names, i, i+1)
	}
	if m.term != nil {
		delete(m.term.handed, name)
		delete(m.term.resting, name)
	}
	m.do(CloseDevice{Device: name})
	for _, s := range m.settlings {
		m.without(s, name)
	}
}

// configure writes the definitions of a partition's devices where the log has
// others or none.
func (m *Machine) configure(s *partition.State) {
	for _, wanted := range m.wanted[s.Partition()] {
		def := *wanted
		revision := uint64(0)
		if dev, ok := s.Device(def.Device); ok {
			revision = dev.Definition.Revision
			if !dev.Removed && dev.Definition.Same(wanted) {
				continue
			}
		}
		def.Revision = revision + 1
		m.define(s, domain.Configured{Definition: def})
	}
}

func (m *Machine) define(s *partition.State, c domain.Configured) {
	m.term.awaits[c.Definition.Device] = true
	m.say(s.Partition(), c.Definition.Device, c)
}

// removeOthers takes away the devices that the log has and the configuration of
// this server lacks. An empty list is taken for a missing one.
func (m *Machine) removeOthers(s *partition.State) {
	if len(m.isWanted) == 0 {
		return
	}
	for _, dev := range s.Devices() {
		if dev.Removed || m.isWanted[dev.ID()] {
			continue
		}
		m.do(Notice{Event: Removing, Device: dev.ID()})
		m.define(s, domain.Configured{Definition: dev.Definition, Removed: true})
	}
}

// byPartition sorts definitions by the partition that owns the device.
func (m *Machine) byPartition(devices []domain.Definition) (wanted [][]*domain.Definition, isWanted map[string]bool) {
	wanted = make([][]*domain.Definition, len(m.states))
	isWanted = make(map[string]bool, len(devices))
	for i := range devices {
		def := &devices[i]
		p := m.owner(def.Device)
		wanted[p] = append(wanted[p], def)
		isWanted[def.Device] = true
	}
	return wanted, isWanted
}
