package core

import (
	"fmt"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

// maxUnsent bounds what is remembered of one-shots that were not sent. What is beyond
// stays in doubt until an operator says what became of it.
const maxUnsent = 1000

// unsent is a one-shot that was written ahead.
type unsent struct{ device, uid string }

// remember takes what a term that is over has left: who takes over finds these one-shots
// in doubt, because it cannot know that not a byte of them has left. This server does.
func (m *Machine) remember(in Unsent) {
	if m.unsent == nil {
		m.unsent = make(map[unsent]uint64)
	}
	for _, uid := range in.UIDs {
		if len(m.unsent) < maxUnsent {
			m.unsent[unsent{in.Device, uid}] = in.Epoch
		}
		m.recall(m.states[m.owner(in.Device)], in.Device, uid)
	}
}

// recall resolves a doubt that is none for this server, once the fold has it. A one-shot
// that a later primary has written ahead is another matter.
func (m *Machine) recall(s *partition.State, name, uid string) {
	epoch, known := m.unsent[unsent{name, uid}]
	if e, _ := s.Lookup(name, uid); !known || !e.Done {
		return
	}
	delete(m.unsent, unsent{name, uid})
	dev, ok := s.Device(name)
	if !ok {
		return
	}
	for _, x := range dev.Doubts() {
		if x.UID == uid && x.Epoch == epoch {
			m.do(Testify{Device: name, Resolve: domain.Resolve{
				UID: uid, As: domain.ResolvedNotDone,
				Reason: fmt.Sprintf("%s wrote it ahead in epoch %d, and then did not send it: not a byte has left", m.cfg.Server, epoch),
			}})
		}
	}
}
