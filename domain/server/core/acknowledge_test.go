package core

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/understudy-io/understudy/domain"
)

// V23, V24: a server says that it has gone over to a revision when it has read what is
// in it, and folded that the devices of every partition have it; not before.
func TestARevisionIsAcknowledgedOnceItIsReadAndAppliedEverywhere(t *testing.T) {
	p := newPlay(t, 2)
	expect := func(when string, want domain.RevisionAcknowledged) {
		t.Helper()
		if got := p.health().Acknowledged; got != want {
			t.Errorf("%s: %+v is acknowledged, want %+v", when, got, want)
		}
	}
	none := domain.RevisionAcknowledged{}
	p.read(1).read(0).mark(0, 1, "B").mark(1, 1, "B")
	expect("without a revision", none)
	hash := strings.Repeat("ab", 32)
	p.record(0, domain.Record{Signed: true, Subject: domain.SubjectOfRevisions, UID: "r1", Payload: domain.Published{
		Revision: 1, Hash: hash, Size: 1, Parts: []int64{0}, Server: "B", Epoch: 1,
	}})
	expect("published", none)
	p.record(0, domain.Record{Signed: true, Subject: domain.SubjectOfRevisions, UID: "a1", Payload: domain.Activated{Revision: 1, Server: "B", Epoch: 1}})
	at := int64(len(p.logs[0]) - 1)
	expect("active", none)
	p.step(Loaded{Revision: 1, Err: errors.New("part 0 is gone")})
	expect("unreadable", domain.RevisionAcknowledged{Incarnation: "a1", Revision: 1, Hash: hash, At: at, Failure: "part 0 is gone"})
	p.wait(loadAgainAfter).step(Loaded{Revision: 1}).quietly()
	expect("read", none)
	p.fact(0, 1, domain.SubjectOfRevisions, domain.RevisionApplied{Revision: 1})
	expect("applied in one partition", none)
	p.wants() // nothing is kept yet
	p.fact(1, 1, domain.SubjectOfRevisions, domain.RevisionApplied{Revision: 1})
	expect("applied in both", none)
	p.step(Kept{Revision: 1, Err: errors.New("the disk is full")})
	expect("not to be kept", domain.RevisionAcknowledged{Incarnation: "a1", Revision: 1, Hash: hash, At: at, Failure: "the disk is full"})
	p.quietly().wait(keepAgainAfter).step(Kept{Revision: 1, Err: errors.New("open \xff\xfe: " + strings.Repeat("ä", domain.MaxText))})
	if said := p.health().Acknowledged.Failure; !utf8.ValidString(said) || len(said) > domain.MaxText || !strings.HasPrefix(said, "open : ä") {
		t.Errorf("of a text that is none it says %q", said)
	}
	p.wait(keepAgainAfter).step(Kept{Revision: 1, Err: errors.New("open \xff: no room")})
	expect("a short one that is none", domain.RevisionAcknowledged{Incarnation: "a1", Revision: 1, Hash: hash, At: at, Failure: "open : no room"})
	p.quietly().wait(keepAgainAfter).wants("keep").step(Kept{Revision: 1})
	expect("kept at last", domain.RevisionAcknowledged{Incarnation: "a1", Revision: 1, Hash: hash, At: at})
	p.record(0, domain.Record{Signed: true, Subject: domain.SubjectOfRevisions, UID: "r2", Payload: domain.Published{
		Revision: 2, Parent: 1, Hash: hash, Size: 1, Parts: []int64{0}, Server: "B", Epoch: 1, Activate: true,
	}})
	at = int64(len(p.logs[0]) - 1)
	p.fact(0, 1, domain.SubjectOfRevisions, domain.RevisionApplied{Revision: 2}).fact(1, 1, domain.SubjectOfRevisions, domain.RevisionApplied{Revision: 2})
	expect("applied everywhere, and not read here", none)
	p.step(Loaded{Revision: 2}).wait(healthEvery).step(Kept{Revision: 1}, Kept{Revision: 2})
	expect("read at last", domain.RevisionAcknowledged{Incarnation: "a1", Revision: 2, Hash: hash, At: at})
	if p.m.ActiveSince() == 0 {
		t.Error("it does not know since when")
	}
}
