package copier_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/server/copier"
)

// play drives one copier and writes down what it appends.
type play struct {
	m    *copier.Machine
	now  domain.Now
	said []string
}

func newPlay() *play {
	scribe := domain.Scribe{Server: "A", UID: func() string { return "u" }}
	return &play{m: copier.New(scribe, func(m domain.Stored) domain.Copied { return domain.Copied{Control: m.Offset} }), now: domain.Now{Mono: time.Second}}
}

func (p *play) step(ins ...copier.Input) *play {
	for _, in := range ins {
		for _, e := range p.m.Step(p.now, in) {
			switch e := e.(type) {
			case copier.Append:
				var at []string
				for _, r := range e.Records {
					at = append(at, fmt.Sprint(r.Payload.(domain.Copied).Control))
				}
				p.said = append(p.said, strings.Join(at, " "))
			case copier.Publish:
				p.said = append(p.said, fmt.Sprint("view of ", e.View.At))
			case copier.Dropped:
				p.said = append(p.said, fmt.Sprint("dropped ", e.Offset))
			}
		}
	}
	return p
}

func (p *play) wants(t *testing.T, lines ...string) *play {
	t.Helper()
	if got, want := strings.Join(p.said, ", "), strings.Join(lines, ", "); got != want {
		t.Errorf("it did %q, wanted %q", got, want)
	}
	p.said = nil
	return p
}

func saw(offset int64) copier.Saw {
	return copier.Saw{Member: "A", Stored: domain.Stored{Offset: offset}}
}

func heard(offset int64) copier.Saw {
	s := saw(offset)
	s.Heard = true
	return s
}

// G7: an election can be derived from the elections topic alone.
func TestBeforeEachRecordComesTheLastHeartbeatThatCounted(t *testing.T) {
	p := newPlay().step(saw(0), saw(1), heard(2), heard(3), saw(4), saw(5), heard(6), saw(7)).wants(t)
	p.step(copier.Reign{Is: true}).wants(t, "0 1 3 4 5 6 7")
	p.step(saw(8), copier.Landed{}).wants(t, "8").step(copier.Landed{}).wants(t)
	if p.m.Through() != 8 {
		t.Errorf("copied through %d", p.m.Through())
	}
}

// The contest of a holder is copied before anybody claims. Its last heartbeat would
// lie behind what is copied by then.
func TestAHeartbeatIsCopiedThoughNoClaimFollowsItAtOnce(t *testing.T) {
	p := newPlay().step(copier.Reign{Is: true}, saw(0), copier.Landed{}, heard(1), saw(2), copier.Landed{}, saw(3))
	p.wants(t, "0", "1 2", "3")
}

// Who begins with a view sees nothing of what it covers, and so cannot copy it.
func TestAViewIsPublishedWhenAllThatItCoversIsCopied(t *testing.T) {
	p := newPlay().step(copier.Reign{Is: true}, saw(0), saw(1), copier.View{View: domain.View{At: 1}}, saw(2)).wants(t, "0")
	p.step(copier.Landed{}).wants(t, "1 2")
	p.step(copier.Failed{}).wants(t)
	p.now.Mono = p.m.NextWake()
	p.step(copier.Timer{}).wants(t, "1 2").step(copier.Landed{}).wants(t, "view of 1")
	p.step(copier.View{View: domain.View{At: 2}}).wants(t, "view of 2")
	p.step(saw(3), copier.View{View: domain.View{At: 3}}, copier.Reign{}, copier.Landed{}).wants(t, "3")
}

func TestAStandbyRemembersWhatThePrimaryHasNotCopied(t *testing.T) {
	p := newPlay().step(saw(0), saw(1), saw(2), copier.Copied{}, copier.Copied{Through: 1}, saw(3))
	p.step(copier.Reign{Is: true}).wants(t, "2 3")
	p.step(copier.Landed{}, copier.Reign{}, saw(4)).wants(t)
}

func TestTheFirstRecordOfControlIsCopiedOnceToo(t *testing.T) {
	newPlay().step(copier.Copied{}, saw(0), copier.Reign{Is: true}, copier.Landed{}, saw(1)).wants(t, "0", "1")
}

func TestAFailedAppendIsRepeatedAfterAWhile(t *testing.T) {
	p := newPlay().step(copier.Reign{Is: true}, saw(0), copier.Failed{}, saw(1)).wants(t, "0")
	p.now.Mono = p.m.NextWake()
	p.step(copier.Timer{}).wants(t, "0 1")
}

func TestWhatWaitsIsBounded(t *testing.T) {
	p := newPlay()
	for i := range int64(10_002) {
		p.step(saw(i))
	}
	p.wants(t, "dropped 0", "dropped 1")
}

// Otherwise a batch that the topic does not take is tried again without end, and no view
// is published any more.
func TestABatchIsWhatTheTopicTakes(t *testing.T) {
	large := func(offset int64, size int) copier.Saw {
		s := saw(offset)
		s.Stored.Value = make([]byte, size)
		return s
	}
	p := newPlay().step(large(0, 300<<10), large(1, 300<<10), saw(2), large(3, 900<<10), saw(4))
	p.step(copier.Reign{Is: true}, copier.Landed{}, copier.Landed{}, copier.Landed{}).wants(t, "0", "1 2", "3", "4")
}
