package rehearse

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/projections/sendings"
)

const (
	upWithin     = 10 * time.Second // until the spare has answered first
	answerWithin = 2 * time.Second  // after the last sending
	emitWithin   = time.Second
)

// Report is what became of a rehearsal.
type Report struct {
	Sent         int           `json:"sent"`
	NotSent      int           `json:"not_sent"`
	FirstFault   string        `json:"first_fault,omitempty"`
	Acknowledged int           `json:"acknowledged"`
	Rejected     int           `json:"rejected"`
	Unanswered   int           `json:"unanswered"`
	Original     time.Duration `json:"original"` // from the first to the last sending, then
	Took         time.Duration `json:"took"`     // and now
	Latest       time.Duration `json:"latest"`   // how far behind its time the latest one was sent
}

// Play sends a list to a spare, at so many times the original speed; 0 is as fast as it
// takes them. The driver has to dial through the spare. What cannot be sent is counted and
// passed over; note is told of each.
func Play(ctx context.Context, driver domain.Driver, def domain.Definition, into *Spare, list []sendings.Sending, speed float64, note func()) (*Report, error) {
	def.Address = into.address
	s := &sink{up: make(chan struct{}), answers: make(map[domain.Verdict]int), open: make(map[uint64]bool)}
	link, err := driver.Open(def, s)
	if err != nil {
		return nil, fmt.Errorf("open %s as %s: %w", into.address, def.Driver, err)
	}
	defer func() { _ = link.Close() }()
	if err := s.await(ctx, into.address); err != nil {
		return nil, err
	}
	r := &Report{}
	began := time.Now()
	for i := range list {
		x := &list[i]
		r.Original = x.At.Sub(list[0].At)
		if speed > 0 {
			due := began.Add(time.Duration(float64(r.Original) / speed))
			if err := until(ctx, due); err != nil {
				return r, err
			}
			r.Latest = max(r.Latest, time.Since(due))
		}
		err := s.emit(ctx, link, uint64(i+1), x)
		if ctx.Err() != nil {
			return r, context.Cause(ctx)
		}
		if err != nil {
			if r.NotSent++; r.FirstFault == "" {
				r.FirstFault = fmt.Sprintf("UID %s: %v", x.UID, err)
			}
		} else {
			r.Sent++
		}
		note()
	}
	r.Took = time.Since(began)
	s.settle(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	r.Acknowledged = s.answers[domain.Acknowledged] + s.answers[domain.Done]
	r.Rejected = s.answers[domain.Rejected]
	r.Unanswered = r.Sent - r.Acknowledged - r.Rejected
	return r, nil
}

// sink hears what the spare says.
type sink struct {
	up   chan struct{}
	once sync.Once

	mu      sync.Mutex
	down    string
	answers map[domain.Verdict]int
	open    map[uint64]bool // sendings without an answer
}

func (s *sink) Up(string) { s.once.Do(func() { close(s.up) }) }

func (s *sink) Down(cause string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = cause
}

func (s *sink) Reported([]domain.Value, bool) {}

func (s *sink) Answered(a domain.Answered) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[a.Ref] {
		delete(s.open, a.Ref)
		s.answers[a.Verdict]++
	}
}

func (s *sink) await(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, upWithin)
	defer cancel()
	select {
	case <-s.up:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Errorf("%s did not answer as such a device within %s (%s); is it up, and the address right? %w", address, upWithin, s.down, domain.ErrNotFound)
}

func (s *sink) emit(ctx context.Context, link domain.Link, ref uint64, x *sendings.Sending) error {
	s.mu.Lock()
	s.open[ref] = true
	s.mu.Unlock()
	try, cancel := context.WithTimeout(ctx, emitWithin)
	defer cancel()
	err := link.Emit(try, domain.Action{Ref: ref, UID: x.UID, Command: x.Command, Effect: x.Effect, Payload: x.Payload, Wishes: x.Wishes}, ctx.Err)
	if err != nil {
		s.mu.Lock()
		delete(s.open, ref)
		s.mu.Unlock()
	}
	return err
}

// settle waits for the answers that are still to come.
func (s *sink) settle(ctx context.Context) {
	end := time.Now().Add(answerWithin)
	for {
		s.mu.Lock()
		n := len(s.open)
		s.mu.Unlock()
		if n == 0 || time.Now().After(end) || until(ctx, time.Now().Add(5*time.Millisecond)) != nil {
			return
		}
	}
}

// until waits for a time.
func until(ctx context.Context, at time.Time) error {
	t := time.NewTimer(time.Until(at))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return errors.Join(context.Cause(ctx), domain.ErrNotSent)
	case <-t.C:
		return nil
	}
}
