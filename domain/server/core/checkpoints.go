package core

import "github.com/understudy-io/understudy/domain"

// issuedLength is how many of the primary's own checkpoints wait for another
// server to agree.
const issuedLength = 64

// issued is a checkpoint of this server's own, read back from control.
type issued struct {
	at     int64
	hashes []domain.StateHash
}

// checkpoint publishes the primary's state hashes.
func (m *Machine) checkpoint() {
	if !m.Acting() || m.sinceCheckpoint == 0 {
		return
	}
	m.sinceCheckpoint = 0
	cp := domain.Checkpoint{Epoch: m.term.epoch, Hashes: make([]domain.StateHash, len(m.states))}
	for p := range m.states {
		cp.Hashes[p] = m.hash(int32(p))
	}
	m.do(Publish{cp})
}

// hash is the state hash of a partition where this server is.
func (m *Machine) hash(p int32) domain.StateHash {
	s := m.states[p]
	return domain.StateHash{Position: domain.Position{Partition: p, Offset: s.Next()}, Hash: s.Hash()}
}

// greet publishes a checkpoint for a server that has joined: on a log where
// nothing happens it would be compared with nothing.
func (m *Machine) greet() {
	m.sinceCheckpoint++
	m.checkpoint()
}

// issue notes a checkpoint of this server's own, which others may agree with.
func (m *Machine) issue(cp domain.Checkpoint, at int64) {
	if len(m.issued) == issuedLength {
		m.issued = m.issued[1:]
	}
	m.issued = append(m.issued, issued{at: at, hashes: cp.Hashes})
}

// confirmed notes that another server's state was equal to one of this server's
// checkpoints.
func (m *Machine) confirmed(at int64) {
	for i, cp := range m.issued {
		if cp.at != at {
			continue
		}
		for _, h := range cp.hashes {
			m.prove(h)
		}
		m.issued = m.issued[i+1:]
		return
	}
}

// prove notes that a state hash is right: another server has the same, or the
// log has given it once more. Folding again may begin there.
func (m *Machine) prove(h domain.StateHash) {
	p := h.Position.Partition
	if p >= 0 && int(p) < len(m.proven) && h.Position.Offset > m.proven[p].Position.Offset {
		m.proven[p] = h
	}
}

// Proven is how far the state of each partition is known to be right.
func (m *Machine) Proven() []int64 {
	out := make([]int64, len(m.proven))
	for p, h := range m.proven {
		out[p] = h.Position.Offset
	}
	return out
}
