package journal_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/server/journal"
)

// play drives one journal and writes down what it does.
type play struct {
	m    *journal.Machine
	now  domain.Mono
	said []string
}

func newPlay() *play {
	n := 0
	uid := func() string { n++; return fmt.Sprint("u", n) }
	return &play{m: journal.New(domain.Scribe{Server: "A", UID: uid}, 7, 3), now: time.Second}
}

func (p *play) step(ins ...journal.Input) *play {
	for _, e := range p.m.Step(domain.Now{Mono: p.now}, ins...) {
		switch e := e.(type) {
		case journal.Append:
			var parts []string
			for _, b := range e.Batches {
				for _, r := range b.Records {
					parts = append(parts, fmt.Sprintf("%d/%d#%d:%s", b.Partition, r.Epoch, r.Sequence, r.UID))
				}
			}
			p.said = append(p.said, fmt.Sprintf("append %d [%s]", e.Attempt, strings.Join(parts, " ")))
		default:
			p.said = append(p.said, strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", e), "journal.")))
		}
	}
	return p
}

func (p *play) wait(d time.Duration) *play {
	p.now += d
	return p.step(journal.Timer{})
}

func (p *play) wants(t *testing.T, lines ...string) {
	t.Helper()
	got, want := strings.Join(p.said, "\n"), strings.Join(lines, "\n")
	if got != want {
		t.Errorf("it did\n%s\nwanted\n%s", got, want)
	}
}

func add(partitions ...int32) journal.Add {
	var a journal.Add
	for _, p := range partitions {
		a.Entries = append(a.Entries, journal.Entry{Partition: p, Subject: "d", Payload: domain.Tick{}})
	}
	return a
}

func TestOneAppendIsUnderWayAndWhatComesMeanwhileIsTheNextOne(t *testing.T) {
	newPlay().step(add(0, 2, 0)).step(add(0)).step(add(1)).step(journal.Landed{}).step(journal.Landed{}).step(add(0)).wants(t,
		"append 1 [0/7#1:u1 0/7#2:u3 2/7#1:u2]",
		"append 1 [0/7#3:u4 1/7#1:u5]",
		"append 1 [0/7#4:u6]")
}

func TestWhatComesTogetherIsOneAppend(t *testing.T) {
	newPlay().step(add(0), add(1)).step(add(0), journal.Landed{}).wants(t,
		"append 1 [0/7#1:u1 1/7#1:u2]",
		"append 1 [0/7#2:u3]")
}

// G1: a failed append may have landed: other sequences would make two records of one.
func TestAnAppendOfUnknownFateIsSentAgainWithTheSameSequences(t *testing.T) {
	p := newPlay().step(add(0)).step(journal.Failed{}).step(add(0))
	if since := p.m.Since(); since != time.Second {
		t.Errorf("the append under way began at %s", since)
	}
	p.wait(10*time.Millisecond).wait(10*time.Millisecond).step(journal.Failed{}).wait(time.Second).step(journal.Landed{}).wants(t,
		"append 1 [0/7#1:u1]",
		"append 2 [0/7#1:u1]",
		"append 3 [0/7#1:u1]",
		"append 1 [0/7#2:u2]")
	if p.step(journal.Landed{}); p.m.Since() != 0 || p.m.NextWake() != 0 {
		t.Errorf("idle, it is under way since %s and waits for %s", p.m.Since(), p.m.NextWake())
	}
}

func TestAFlushIsAnsweredOnceAllHasLanded(t *testing.T) {
	newPlay().step(journal.Flush{}).step(add(0)).step(add(1), journal.Flush{}).step(journal.Landed{}).step(journal.Landed{}).wants(t,
		"flushed",
		"append 1 [0/7#1:u1]",
		"append 1 [1/7#1:u2]",
		"flushed")
}

// A planned move waits for it: on a busy log something is always under way.
func TestAFlushDoesNotWaitForWhatIsAddedAfterIt(t *testing.T) {
	p := newPlay().step(add(0)).step(add(1), journal.Flush{}, add(0))
	for range 2 {
		p.step(add(1), journal.Landed{})
	}
	p.wants(t,
		"append 1 [0/7#1:u1]",
		"append 1 [0/7#2:u3 1/7#1:u2 1/7#2:u4]",
		"flushed",
		"append 1 [1/7#3:u5]")
}

func TestWhatCanNeverBeAppendedBreaksTheJournal(t *testing.T) {
	newPlay().step(add(0)).step(journal.Failed{Invalid: true}).step(add(0), journal.Flush{}).wait(time.Second).wants(t,
		"append 1 [0/7#1:u1]",
		"broken")
}

func TestAnAppendIsBounded(t *testing.T) {
	p := newPlay()
	sizes := func(effects []journal.Effect) int {
		a, ok := effects[0].(journal.Append)
		if !ok {
			t.Fatalf("it did %T", effects[0])
		}
		return len(a.Batches[0].Records)
	}
	many := add(make([]int32, journal.MaxBatch+3)...)
	if n := sizes(p.m.Step(domain.Now{}, many)); n != journal.MaxBatch {
		t.Errorf("%d records in one append", n)
	}
	if n := sizes(p.m.Step(domain.Now{}, journal.Landed{})); n != 3 {
		t.Errorf("%d records in the next one", n)
	}
}
