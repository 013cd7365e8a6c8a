package server

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/projections/letters"
)

// letterWithin bounds the reading of a dead letter and of what was decided behind it.
const letterWithin = 10 * time.Second

var _ httpapi.Letters = (*Server)(nil)

// Discard implements httpapi.Letters.
func (s *Server) Discard(ctx context.Context, user string, letter int64, reason string) (httpapi.Decision, error) {
	l, err := s.letter(ctx, letter)
	if err != nil {
		return httpapi.Decision{}, err
	}
	if l.Decision != nil {
		return httpapi.Decision{}, decidedAlready(l)
	}
	if err := s.decideLetter(ctx, user, l, domain.Discarded, reason); err != nil {
		return httpapi.Decision{}, err
	}
	return httpapi.Decision{Done: fmt.Sprintf("dead letter %d is discarded", letter)}, nil
}

// Requeue implements httpapi.Letters. The decision is in the log before the command. One
// that was requeued may be requeued again: this server or another one may have ended
// between the two, and a UID has one effect.
func (s *Server) Requeue(ctx context.Context, user string, letter int64, reason string) (httpapi.Result, error) {
	l, err := s.letter(ctx, letter)
	if err != nil {
		return httpapi.Result{}, err
	}
	if l.Decision != nil && l.Decision.As != domain.Requeued {
		return httpapi.Result{}, decidedAlready(l)
	}
	command, err := s.revived(l)
	if err != nil {
		return httpapi.Result{}, err
	}
	if l.Decision == nil {
		if err := s.decideLetter(ctx, user, l, domain.Requeued, reason); err != nil {
			return httpapi.Result{}, err
		}
	}
	return s.appendAndWait(ctx, domain.Partition(command.Subject, s.options.Partitions), command, httpapi.DefaultWait)
}

func decidedAlready(l *letters.Letter) error {
	d := l.Decision
	return fmt.Errorf("dead letter %d was %s by %s at %s (%s): %w", l.Offset, d.As, d.By, d.Time.Format(time.RFC3339), d.Reason, domain.ErrConflict)
}

// letter reads a dead letter and what was decided about it.
func (s *Server) letter(ctx context.Context, offset int64) (*letters.Letter, error) {
	if err := s.mayChange(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, letterWithin)
	defer cancel()
	topic := domain.Topic(s.options.Landscape, domain.TopicDeadLetter)
	bounds, err := s.options.Data.Bounds(ctx, topic)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", topic, err)
	}
	all := letters.New(offset)
	for next := max(offset, bounds[0].Start); next < bounds[0].End; {
		answers, err := s.options.Data.Fetch(ctx, []domain.FetchFrom{{Topic: topic, Offset: next}}, fetchWait, deadLettersBytes)
		if err == nil && len(answers) > 0 {
			err = answers[0].Err
		}
		switch {
		case err != nil:
			return nil, fmt.Errorf("read %s from %d: %w", topic, next, err)
		case len(answers) == 0:
			continue
		}
		for _, m := range answers[0].Messages {
			r := s.options.Codec.Decode(domain.TopicDeadLetter, 0, m)
			all.Apply(&r)
		}
		next = max(next, answers[0].Next)
	}
	l := all.Find(offset)
	if l == nil {
		return nil, fmt.Errorf("there is no dead letter %d: `understudy deadletter list` shows them: %w", offset, domain.ErrNotFound)
	}
	return l, nil
}

// decideLetter appends a decision about a letter.
func (s *Server) decideLetter(ctx context.Context, user string, l *letters.Letter, as domain.LetterVerdict, reason string) error {
	subject := l.Letter.Headers["ce_subject"]
	if subject == "" || len(subject) > domain.MaxSubject {
		subject = s.me()
	}
	m, err := s.options.Codec.Encode(domain.TopicDeadLetter, 0, domain.Record{
		Type: domain.TypeLetterDecided, UID: uuid.NewString(), Subject: subject, User: user,
		Source: domain.ServerSource(s.me()), Created: domain.InstantOf(time.Now()),
		Payload: domain.LetterDecided{Letter: l.Offset, As: as, Reason: reason},
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, appendTimeout)
	defer cancel()
	done, err := s.options.Data.Append(ctx, []domain.Batch{{Topic: domain.Topic(s.options.Landscape, domain.TopicDeadLetter), Messages: []domain.Message{m}}})
	if err == nil {
		err = done[0].Err
	}
	if err != nil {
		return fmt.Errorf("append the decision about dead letter %d; see `understudy deadletter show %[1]d` before you try again: %w", l.Offset, err)
	}
	return nil
}

// revived is the command that a letter holds, as this build understands it.
func (s *Server) revived(l *letters.Letter) (domain.Record, error) {
	d := &l.Letter
	no := func(format string, args ...any) (domain.Record, error) {
		return domain.Record{}, fmt.Errorf("dead letter %d cannot be requeued: "+format+": %w", append(append([]any{l.Offset}, args...), domain.ErrConflict)...)
	}
	switch {
	case d.Topic != domain.Topic(s.options.Landscape, domain.TopicLog):
		return no("it stood in %s, and only commands of the log can be", d.Topic)
	case d.Truncated:
		return no("it holds only a part of its record; have it sent anew")
	}
	r := s.options.Codec.Exhume(d)
	switch class := domain.ClassOf(r.Type); {
	case r.Defect != domain.DefectNone:
		return no("this version does not understand it either, %s (%s); have it sent anew as it should be", r.Defect, r.Detail)
	case class != domain.ClassCommand:
		return no("%s is a server's record, and only commands can be", r.Type)
	}
	command := domain.Record{
		Type: r.Type, UID: r.UID, Source: r.Source, Subject: r.Subject, Created: r.Created, ValidFor: r.ValidFor, Payload: r.Payload,
	}
	if r.Signed { // a server vouched for it, where it stood
		command.User = r.User
	}
	return command, nil
}
