package reader_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/server/reader"
)

// play drives a reader of one partition and writes down what it does.
type play struct {
	m    *reader.Machine
	now  domain.Mono
	said []string
	last reader.Hand
}

func newPlay(from domain.Fingerprint) *play {
	p := &play{m: reader.New([]domain.Fingerprint{from}, false), now: time.Second}
	return p.step(reader.Begin{})
}

func (p *play) step(in reader.Input) *play {
	for _, e := range p.m.Step(p.now, in) {
		switch e := e.(type) {
		case reader.Fetch:
			p.said = append(p.said, fmt.Sprintf("fetch %d", e.Offsets[0]))
		case reader.Hand:
			p.last = e
			p.said = append(p.said, fmt.Sprintf("hand %d", len(e.Messages)))
		case reader.Lost:
			p.said = append(p.said, "lost")
		case reader.Back:
			p.said = append(p.said, "back")
		case reader.Stop:
			p.said = append(p.said, "stop")
		}
	}
	return p
}

// give answers the fetch with messages, at the end of the log.
func (p *play) give(rest time.Duration, messages ...domain.Stored) *play {
	a := domain.Fetched{Messages: messages}
	if n := len(messages); n > 0 {
		a.Next = messages[n-1].Offset + 1
		a.HighWatermark = a.Next
	}
	return p.step(reader.Fetched{Answers: []domain.Fetched{a}, Rest: rest})
}

func (p *play) wants(t *testing.T, words ...string) *play {
	t.Helper()
	if got, want := strings.Join(p.said, ", "), strings.Join(words, ", "); got != want {
		t.Errorf("it did %q, wanted %q", got, want)
	}
	p.said = nil
	return p
}

func message(offset int64, text string) domain.Stored {
	return domain.Stored{Offset: offset, Message: domain.Message{Value: []byte(text)}}
}

func TestAfterAnInterruptionTheLastRecordIsReadAgain(t *testing.T) {
	p := newPlay(domain.Fingerprint{}).give(0, message(0, "a"), message(1, "b")).wants(t, "fetch 0", "hand 2", "fetch 2")
	p.step(reader.Failed{Err: domain.ErrTransient}).wants(t, "lost")
	p.now = p.m.NextWake()
	p.step(reader.Timer{}).wants(t, "fetch 1")
	p.step(reader.Failed{Err: domain.ErrTransient}).wants(t)
	p.now = p.m.NextWake()
	p.step(reader.Timer{}).give(0, message(1, "b"), message(2, "c")).wants(t, "fetch 1", "hand 1", "back", "fetch 3")
	p.step(reader.Failed{Err: domain.ErrTransient})
	p.now = p.m.NextWake()
	p.step(reader.Timer{}).give(0, message(2, "another")).wants(t, "lost", "fetch 2", "stop")
	p.step(reader.Timer{}).step(reader.Hurry{}).wants(t)
}

func TestAReaderBeginsWithTheRecordThatWasFoldedLast(t *testing.T) {
	b := message(1, "b")
	newPlay(domain.FingerprintOf(b)).give(0, b, message(2, "c")).wants(t, "fetch 1", "hand 1", "fetch 3")
	newPlay(domain.FingerprintOf(b)).give(0, message(1, "another")).wants(t, "fetch 1", "stop")
}

// What the age of a command is counted from.
func TestTheLogIsKnownNotToHoldARecordAtTheLastFetchThatFoundItsEnd(t *testing.T) {
	p := newPlay(domain.Fingerprint{})
	p.now += time.Second
	p.give(0, message(0, "a"))
	if p.last.Since != 0 || p.last.At != 2*time.Second {
		t.Errorf("the first answer is of %s, and the log did not hold it at %s", p.last.At, p.last.Since)
	}
	p.now += time.Second
	p.give(0, message(1, "b"))
	if p.last.Since != time.Second || p.last.At != 3*time.Second {
		t.Errorf("the second is of %s, and the log did not hold it at %s, when the first fetch was sent", p.last.At, p.last.Since)
	}
}

// Where partitions lie at several brokers, a fetch gives what one of them has, and
// the question to the other stays open until a later one.
func TestAnAnswerIsAsOldAsItsQuestion(t *testing.T) {
	m := reader.New(make([]domain.Fingerprint, 2), false)
	now := time.Second
	give := func(answers ...domain.Fetched) (last reader.Hand) {
		now += time.Second
		for _, e := range m.Step(now, reader.Fetched{Answers: answers}) {
			if h, ok := e.(reader.Hand); ok {
				last = h
			}
		}
		return last
	}
	m.Step(now, reader.Begin{})
	give(domain.Fetched{Partition: 0})
	give(domain.Fetched{Partition: 1}) // was asked at 1 s
	h := give(domain.Fetched{Partition: 1, Messages: []domain.Stored{message(0, "a")}, Next: 1, HighWatermark: 1})
	if h.Since != time.Second {
		t.Errorf("the log is said not to have held it at %s", h.Since)
	}
	h = give(domain.Fetched{Partition: 1, Messages: []domain.Stored{message(1, "b")}, Next: 2, HighWatermark: 2})
	if h.Since != 3*time.Second {
		t.Errorf("the log is said not to have held the next one at %s", h.Since)
	}
}

func TestAStandbyRestsUntilSomebodyHurries(t *testing.T) {
	p := newPlay(domain.Fingerprint{}).give(3*time.Millisecond, message(0, "a")).wants(t, "fetch 0", "hand 1")
	p.step(reader.Timer{}).wants(t)
	p.step(reader.Hurry{}).wants(t, "fetch 1")
	p.step(reader.Hurry{}).wants(t)
	p.give(3*time.Millisecond).wants(t, "hand 0")
	p.now += 3 * time.Millisecond
	p.step(reader.Timer{}).wants(t, "fetch 1")
	p.step(reader.Failed{Err: domain.ErrTransient}).step(reader.Hurry{}).wants(t, "lost")
}

func TestAPartitionThatFailsHoldsUpNoOther(t *testing.T) {
	const n = 2
	m := reader.New(make([]domain.Fingerprint, n), false)
	now := time.Second
	words := func(in reader.Input) string {
		var said []string
		for _, e := range m.Step(now, in) {
			switch e := e.(type) {
			case reader.Fetch:
				said = append(said, fmt.Sprintf("fetch %d within %s", e.Offsets, e.Within))
			case reader.Hand:
				said = append(said, fmt.Sprintf("hand %d of %d", len(e.Messages), e.Partition))
			default:
				said = append(said, strings.TrimPrefix(fmt.Sprintf("%T", e), "reader."))
			}
		}
		return strings.Join(said, ", ")
	}
	good := func(p int32, offset int64) domain.Fetched {
		return domain.Fetched{Partition: p, Messages: []domain.Stored{message(offset, "x")}, Next: offset + 1, HighWatermark: offset + 1}
	}
	bad := domain.Fetched{Partition: 0, Err: domain.ErrTransient}
	for _, step := range []struct {
		after time.Duration
		in    reader.Input
		want  string
	}{
		{0, reader.Begin{}, "fetch [0 0] within 0s"},
		{0, reader.Fetched{Answers: []domain.Fetched{good(0, 0), good(1, 0)}}, "hand 1 of 0, hand 1 of 1, fetch [1 1] within 0s"},
		// It fails: the other one is asked at once, and not to be trusted less for it.
		{0, reader.Fetched{Answers: []domain.Fetched{bad, good(1, 1)}}, "hand 1 of 1, Lost, fetch [-1 2] within 5ms"},
		{4 * time.Millisecond, reader.Fetched{Answers: []domain.Fetched{good(1, 2)}}, "hand 1 of 1, fetch [-1 3] within 1ms"},
		// Its turn has come: what was read of it last is read again.
		{time.Millisecond, reader.Fetched{Answers: []domain.Fetched{good(1, 3)}}, "hand 1 of 1, fetch [0 4] within 0s"},
		{0, reader.Fetched{Answers: []domain.Fetched{bad}}, "fetch [-1 4] within 10ms"},
		{10 * time.Millisecond, reader.Fetched{}, "fetch [0 4] within 0s"},
		{0, reader.Fetched{Answers: []domain.Fetched{good(0, 0)}}, "hand 0 of 0, Back, fetch [1 4] within 0s"},
	} {
		now += step.after
		if got := words(step.in); got != step.want {
			t.Errorf("at %s it did %q, wanted %q", now, got, step.want)
		}
	}
}

func TestWhenAllPartitionsFailTheyAreAskedAgainAfterAPause(t *testing.T) {
	p := newPlay(domain.Fingerprint{}).wants(t, "fetch 0")
	bad := reader.Fetched{Answers: []domain.Fetched{{Err: domain.ErrTransient}}}
	p.step(bad).wants(t, "lost")
	for _, pause := range []string{"5ms", "10ms", "20ms", "40ms", "80ms", "160ms", "200ms", "200ms"} {
		if got := (p.m.NextWake() - p.now).String(); got != pause {
			t.Errorf("it pauses for %s, not for %s", got, pause)
		}
		p.step(reader.Timer{}).wants(t)
		p.now = p.m.NextWake()
		p.step(reader.Timer{}).wants(t, "fetch 0").step(bad)
	}
}

func TestRetentionOvertakesAndOtherLossesAreAnotherLog(t *testing.T) {
	last := domain.FingerprintOf(message(5, "x"))
	for want, retained := range map[error]bool{reader.ErrOvertaken: true, reader.ErrLogReplaced: false} {
		m := reader.New([]domain.Fingerprint{last}, retained)
		m.Step(0, reader.Begin{})
		effects := m.Step(0, reader.Fetched{Answers: []domain.Fetched{{Err: domain.ErrNotFound, LogStart: 9, HighWatermark: 10}}})
		if stop, ok := effects[0].(reader.Stop); !ok || !errors.Is(stop.Err, want) {
			t.Errorf("it did %+v, wanted %v", effects, want)
		}
	}
}

// A broker that has become the leader shows less than what was read before, until it
// knows how much the others have.
func TestALogThatIsShorterForAWhileIsNotCut(t *testing.T) {
	b := message(1, "b")
	short := reader.Fetched{Answers: []domain.Fetched{{Next: 1, HighWatermark: 1}}}
	for _, test := range []struct {
		name   string
		lasts  time.Duration
		then   domain.Stored
		wanted string
	}{
		{"it is there again", reader.ShortWithin - time.Second, b, "fetch 1, hand 0, back, fetch 2"},
		{"another one stands there", time.Second, message(1, "another"), "fetch 1, stop"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newPlay(domain.FingerprintOf(b)).step(short).wants(t, "fetch 1", "lost")
			for end := p.now + test.lasts; p.now < end; p.said = nil {
				p.now = p.m.NextWake()
				p.step(reader.Timer{}).wants(t, "fetch 1").step(short).wants(t)
			}
			p.now = p.m.NextWake()
			p.step(reader.Timer{}).give(0, test.then).wants(t, test.wanted)
		})
	}
	p := newPlay(domain.FingerprintOf(b)).step(short).wants(t, "fetch 1", "lost")
	p.now += reader.ShortWithin
	p.step(reader.Timer{}).step(short).wants(t, "fetch 1", "stop")
}
