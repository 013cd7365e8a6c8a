package reader_test

import (
	"testing"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/server/reader"
)

// A transaction's mark takes up an offset and is no record. What is read again after an
// interruption is the last record, not what stands before the next offset; and who has
// folded all records has folded all.
func TestATransactionsMarkIsNoRecord(t *testing.T) {
	log := []domain.Stored{message(0, "a"), message(2, "b")} // the mark stands at 1
	p, asked := &play{m: reader.New(make([]domain.Fingerprint, 1), false), now: domain.Mono(1)}, int64(0)
	step := func(in reader.Input) {
		for _, e := range p.m.Step(p.now, in) {
			switch e := e.(type) {
			case reader.Fetch:
				asked = e.Offsets[0]
			case reader.Hand:
				p.last = e
			case reader.Stop:
				t.Fatal(e.Err)
			}
		}
	}
	answer := func(high int64) reader.Input {
		a := domain.Fetched{Next: high, HighWatermark: high}
		for _, m := range log {
			if m.Offset >= asked && m.Offset < high {
				a.Messages = append(a.Messages, m)
			}
		}
		return reader.Fetched{Answers: []domain.Fetched{a}}
	}
	step(reader.Begin{})
	step(answer(2))
	if p.last.High != 1 {
		t.Errorf("the last record stands at 0, and there are records up to %d: nobody is ever caught up", p.last.High)
	}
	step(reader.Failed{Err: domain.ErrTransient})
	p.now = p.m.NextWake()
	step(reader.Timer{})
	step(answer(3))
	if n := len(p.last.Messages); n != 1 || string(p.last.Messages[0].Value) != "b" {
		t.Errorf("%d records are new", n)
	}
}
