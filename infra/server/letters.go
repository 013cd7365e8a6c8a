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
	own, err := s.decideLetter(ctx, user, l, domain.Discarded, reason)
	if err != nil {
		return httpapi.Decision{}, err
	}
	if l.Decision.Offset != own {
		return httpapi.Decision{}, decidedAlready(l)
	}
	return httpapi.Decision{Done: fmt.Sprintf("dead letter %d is discarded", letter)}, nil
}

// Requeue implements httpapi.Letters. The decision is in the log before the command, and
// it counts: of two at the same time the first does. One that was requeued may be requeued
// again: this server or another one may have ended between the two, and a UID has one effect.
func (s *Server) Requeue(ctx context.Context, user string, letter int64, reason string) (httpapi.Result, error) {
	l, err := s.letter(ctx, letter)
	if err != nil {
		return httpapi.Result{}, err
	}
	if l.Decision != nil && l.Decision.As != domain.Requeued {
		return httpapi.Result{}, decidedAlready(l)
	}
	command, err := s.revived(l.Letter)
	if err != nil {
		return httpapi.Result{}, err
	}
	if l.Decision == nil {
		if _, err := s.decideLetter(ctx, user, l, domain.Requeued, reason); err != nil {
			return httpapi.Result{}, err
		}
		if l.Decision.As != domain.Requeued {
			return httpapi.Result{}, decidedAlready(l)
		}
	}
	return s.appendAndWait(ctx, domain.Partition(command.Subject, s.options.Partitions), command, httpapi.DefaultWait)
}

func decidedAlready(l *oneLetter) error {
	d := l.Decision
	return fmt.Errorf("dead letter %d was %s by %s at %s (%s): %w", l.Offset, d.As, d.By, d.Time.Format(time.RFC3339), d.Reason, domain.ErrConflict)
}

// oneLetter is a dead letter, and how far the topic behind it has been read.
type oneLetter struct {
	*letters.Letter
	fold *letters.Letters
	next int64
}

// letter reads a dead letter and what was decided about it.
func (s *Server) letter(ctx context.Context, offset int64) (*oneLetter, error) {
	if err := s.Closed(); err != nil {
		return nil, err
	}
	l := &oneLetter{fold: letters.Only(offset), next: offset}
	if err := s.readBehind(ctx, l); err != nil {
		return nil, err
	}
	if l.Letter = l.fold.Find(offset); l.Letter == nil {
		return nil, fmt.Errorf("there is no dead letter %d: `understudy deadletter list --all` shows them: %w", offset, domain.ErrNotFound)
	}
	return l, nil
}

// readBehind reads on to the end of the dead-letter topic.
func (s *Server) readBehind(ctx context.Context, l *oneLetter) error {
	ctx, cancel := context.WithTimeout(ctx, letterWithin)
	defer cancel()
	topic := domain.Topic(s.options.Landscape, domain.TopicDeadLetter)
	bounds, err := s.options.Data.Bounds(ctx, topic)
	if err != nil {
		return fmt.Errorf("read %s: %w", topic, err)
	}
	for l.next = max(l.next, bounds[0].Start); l.next < bounds[0].End; {
		answers, err := s.options.Data.Fetch(ctx, []domain.FetchFrom{{Topic: topic, Offset: l.next}}, fetchWait, deadLettersBytes)
		if err == nil && len(answers) > 0 {
			err = answers[0].Err
		}
		switch {
		case err != nil:
			return fmt.Errorf("read %s from %d: %w", topic, l.next, err)
		case len(answers) == 0:
			continue
		}
		for _, m := range answers[0].Messages {
			r := s.options.Codec.Decode(domain.TopicDeadLetter, 0, m)
			l.fold.Apply(&r)
		}
		l.next = max(l.next, answers[0].Next)
	}
	return nil
}

// decideLetter appends a decision about a letter, gives its offset, and reads the one that
// counts: another server may have been first.
func (s *Server) decideLetter(ctx context.Context, user string, l *oneLetter, as domain.LetterVerdict, reason string) (int64, error) {
	subject := l.Letter.Letter.Headers["ce_subject"]
	if subject == "" || len(subject) > domain.MaxSubject {
		subject = s.me()
	}
	m, err := s.options.Codec.Encode(domain.TopicDeadLetter, 0, domain.Record{
		Type: domain.TypeLetterDecided, UID: uuid.NewString(), Subject: subject, User: user,
		Source: domain.ServerSource(s.me()), Created: domain.InstantOf(time.Now()),
		Payload: domain.LetterDecided{Letter: l.Offset, As: as, Reason: reason},
	})
	if err != nil {
		return 0, err
	}
	appending, cancel := context.WithTimeout(ctx, appendTimeout)
	defer cancel()
	done, err := s.options.Data.Append(appending, []domain.Batch{{Topic: domain.Topic(s.options.Landscape, domain.TopicDeadLetter), Messages: []domain.Message{m}}})
	if err == nil {
		err = done[0].Err
	}
	if err != nil {
		return 0, fmt.Errorf("append the decision about dead letter %d; see `understudy deadletter show %[1]d` before you try again: %w", l.Offset, err)
	}
	if err = s.readBehind(ctx, l); err == nil && l.Decision == nil {
		err = fmt.Errorf("the log does not give it back: %w", domain.ErrUnknownFate)
	}
	if err != nil {
		return 0, fmt.Errorf("a decision about dead letter %d is in the log, and it is not known whether it counts; see `understudy deadletter show %[1]d`, and try again: %w", l.Offset, err)
	}
	return done[0].Offset, nil
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
