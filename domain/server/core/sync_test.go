package core

import (
	"testing"

	"github.com/understudy-io/understudy/domain"
)

// T12: the mode is a number, and only a server at 0 may take over.
func TestOnlyAServerInSyncIsReady(t *testing.T) {
	p := newPlay(t, 1)
	expect := func(when string, mode domain.SyncMode) {
		t.Helper()
		if h := p.health(); h.Sync != mode || h.Ready != (mode == domain.InSync) {
			t.Errorf("%s: mode %d, ready %t, want mode %d", when, h.Sync, h.Ready, mode)
		}
	}
	expect("at its start", domain.Replaying)
	p.read(0)
	expect("at the end of the log", domain.CatchingUp)
	p.step(Informed{})
	expect("when it has been compared", domain.InSync)
	p.m.high[0] = MaxPromoteLag
	expect("as far behind as it may be", domain.InSync)
	p.m.high[0]++
	expect("too far behind", domain.CatchingUp)
	p.m.high[0] = 0
	p.step(LogLost{})
	expect("without the log", domain.CatchingUp)
}
