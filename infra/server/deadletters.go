package server

import (
	"context"
	"fmt"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/clock"
)

// Bounds of the look for a UID among the dead letters: it must not weigh on a
// primary, however often somebody asks for a UID that nobody knows.
const (
	deadLettersBack   = 256
	deadLettersBytes  = 1 << 20
	deadLettersWithin = time.Second
	deadLettersPause  = 200 * time.Millisecond // from one look to the next
)

// unremembered says of a UID that the fold does not know what is known of it: a
// record that could not be understood is no command, and has no outcome. A device that
// there is not has a dead letter at most.
func (s *Server) unremembered(ctx context.Context, device, uid string, exists bool) error {
	if s.turn(ctx) {
		if d := s.deadLetter(ctx, device, uid); d != nil {
			return fmt.Errorf("the record with UID %s at %s of %s could not be understood, so it is no command and has no outcome: %s (%s). "+
				"`understudy log tail --topic deadletter` shows it. Mend its producer, and send it again: %w",
				uid, d.Record, d.Topic, d.Reason, d.Detail, domain.ErrNotFound)
		}
	}
	if !exists {
		return fmt.Errorf("no device %q is configured, so no command of it is remembered; `understudy state list` shows those that are: %w", device, domain.ErrNotFound)
	}
	return fmt.Errorf("no command with UID %s is remembered; a UID is kept for 24 h. If its record could not be understood it is a dead letter: "+
		"`understudy log tail --topic deadletter` shows them: %w", uid, domain.ErrNotFound)
}

// turn waits until one may look again, so that who asks twice gets one answer; false where
// too many wait.
func (s *Server) turn(ctx context.Context) bool {
	s.looking.Lock()
	now := clock.Boot()
	at := max(now, s.lookAgain)
	if at-now > deadLettersWithin {
		s.looking.Unlock()
		return false
	}
	s.lookAgain = at + deadLettersPause
	s.looking.Unlock()
	if at == now {
		return true
	}
	wait := time.NewTimer(at - now)
	defer wait.Stop()
	select {
	case <-wait.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// deadLetter finds the newest dead letter whose record claimed a UID; nil if
// there is none within reach.
func (s *Server) deadLetter(ctx context.Context, device, uid string) (found *domain.DeadLetter) {
	ctx, cancel := context.WithTimeout(ctx, deadLettersWithin)
	defer cancel()
	topic := domain.Topic(s.options.Landscape, domain.TopicDeadLetter)
	bounds, err := s.options.Data.Bounds(ctx, topic)
	if err != nil || len(bounds) == 0 {
		return nil
	}
	end := bounds[0].End
	for next := max(bounds[0].Start, end-deadLettersBack); next < end; {
		answers, err := s.options.Data.Fetch(ctx, []domain.FetchFrom{{Topic: topic, Offset: next}}, fetchWait, deadLettersBytes)
		if err != nil || len(answers) == 0 || answers[0].Err != nil {
			return found
		}
		for _, m := range answers[0].Messages {
			r := s.options.Codec.Decode(domain.TopicDeadLetter, 0, m)
			d, ok := r.Payload.(domain.DeadLetter)
			if ok && r.Signed && d.Headers["ce_id"] == uid && (device == "" || d.Headers["ce_subject"] == device) {
				found = &d
			}
		}
		next = max(next, answers[0].Next)
	}
	return found
}
