package server

import "sync"

// mailbox is a queue that never blocks the sender: the receiver takes all that
// has come since it last looked. What may be sent is bounded elsewhere (pending
// commands by the fold, reports by the size of a device).
type mailbox[T any] struct {
	mu    sync.Mutex
	items []T
	spare []T
	ready chan struct{}
}

func newMailbox[T any]() *mailbox[T] { return &mailbox[T]{ready: make(chan struct{}, 1)} }

func (m *mailbox[T]) put(item T) {
	m.mu.Lock()
	m.items = append(m.items, item)
	m.mu.Unlock()
	select {
	case m.ready <- struct{}{}:
	default:
	}
}

// take returns what is there; the slice is valid until the next take.
func (m *mailbox[T]) take() []T {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := m.items
	clear(m.spare)
	m.items, m.spare = m.spare[:0], out
	return out
}
