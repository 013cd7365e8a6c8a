package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
	"github.com/understudy-io/understudy/domain/server/core"
)

var _ httpapi.Backend = (*Server)(nil)

// Submit implements httpapi.Backend: any server takes a command, because all it
// has to do is to append it. The outcome is read from the log.
func (s *Server) Submit(ctx context.Context, cmd httpapi.Command, wait time.Duration) (httpapi.Result, error) {
	p := domain.Partition(cmd.Device, s.options.Partitions)
	record := domain.Record{
		Type: cmd.Payload.Type(), UID: cmd.UID, Subject: cmd.Device,
		Source: cmd.Source, User: cmd.User,
		Created: domain.InstantOf(cmd.Created), ValidFor: cmd.ValidFor, Payload: cmd.Payload,
	}
	if record.Source == "" {
		record.Source = domain.ServerSource(s.options.Election.Member)
	}
	return s.appendAndWait(ctx, p, record, wait)
}

// appendAndWait appends one record of a producer or operator and waits until
// the fold has an answer to it.
func (s *Server) appendAndWait(ctx context.Context, p int32, record domain.Record, wait time.Duration) (httpapi.Result, error) {
	message, err := s.options.Codec.Encode(domain.TopicLog, p, record)
	if err != nil {
		return httpapi.Result{}, err
	}
	var one *waiter
	if err := s.core.call(ctx, func() { one = s.core.waiters.add(record.Subject, record.UID) }); err != nil {
		return httpapi.Result{}, err
	}
	defer s.core.later(func() { s.core.waiters.drop(one) })
	position, err := s.appendOnce(ctx, p, message)
	if err != nil {
		return httpapi.Result{}, fmt.Errorf("append command %s of %s: %w", record.UID, record.Subject, err)
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	pending := httpapi.Result{UID: record.UID, Device: record.Subject, Position: position, User: record.User, Source: record.Source}
	select {
	case change := <-one.done:
		return s.result(ctx, change, position)
	case <-timer.C:
	case <-ctx.Done():
	}
	if r, ok := s.refused(context.WithoutCancel(ctx), p, record); ok {
		return r, nil
	}
	if _, held := s.holder(context.WithoutCancel(ctx)); !held {
		pending.NoPrimary = true
	}
	return pending, nil
}

// refused tells that the fold has refused a command whose outcome nobody has
// written yet, because no server acts.
func (s *Server) refused(ctx context.Context, p int32, record domain.Record) (httpapi.Result, bool) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	var entry partition.Entry
	var known bool
	if err := s.core.call(ctx, func() { entry, known = s.core.machine.States()[p].Lookup(record.Subject, record.UID) }); err != nil {
		return httpapi.Result{}, false
	}
	if !known || entry.Outcome != domain.Refused {
		return httpapi.Result{}, false
	}
	return s.describe(ctx, entry), true
}

// appendOnce appends a command. Two attempts are no risk: the UID makes them one
// command.
func (s *Server) appendOnce(ctx context.Context, p int32, m domain.Message) (domain.Position, error) {
	if err := s.Closed(); err != nil {
		return domain.Position{}, err
	}
	batch := []domain.Batch{{Topic: domain.Topic(s.options.Landscape, domain.TopicLog), Partition: p, Messages: []domain.Message{m}}}
	var err, unknown error
	for range 2 {
		try, cancel := context.WithTimeout(ctx, appendTimeout)
		var done []domain.Appended
		done, err = s.options.Data.Append(try, batch)
		cancel()
		if err == nil {
			return domain.Position{Partition: p, Offset: done[0].Offset}, nil
		}
		if errors.Is(err, domain.ErrUnknownFate) {
			unknown = err // whatever a later attempt says, this one may still land
		}
		if errors.Is(err, domain.ErrInvalid) || ctx.Err() != nil {
			break
		}
	}
	if unknown != nil {
		err = unknown
	}
	return domain.Position{}, err
}

// result tells what a waiter has been told. A command whose own record is not
// the one that counts is a repeat.
func (s *Server) result(ctx context.Context, change partition.Change, own domain.Position) (httpapi.Result, error) {
	var entry partition.Entry
	var known bool
	err := s.core.call(ctx, func() {
		entry, known = s.core.machine.States()[change.Position.Partition].Lookup(change.Device, change.UID)
	})
	if err != nil {
		return httpapi.Result{}, err
	}
	if !known {
		return httpapi.Result{
			UID: change.UID, Device: change.Device, Position: own,
			Outcome: domain.Refused, Reason: change.Reason,
		}, nil
	}
	r := s.describe(ctx, entry)
	r.Duplicate = entry.Command != own
	answer, answered := change.Counted.(domain.Answer)
	r.Conflict = change.Verdict == partition.Conflict || answered && answer.Conflict && answer.Repeat == own
	return r, nil
}

// describe fills a result from the index and, for what the index does not keep,
// from the records themselves.
func (s *Server) describe(ctx context.Context, e partition.Entry) httpapi.Result {
	r := httpapi.Result{
		UID: e.UID, Device: e.Device, Position: e.Command,
		Outcome: e.Outcome, Reason: e.Reason, Detail: e.Detail,
	}
	if e.Resolved != nil {
		r.Resolved = string(e.Resolved.As)
	}
	if command, err := s.readRecord(ctx, e.Command); err == nil {
		r.Accepted, r.Source = command.Appended.Time(), command.Source
		if command.Signed {
			r.User = command.User
		}
	}
	if !e.Done || e.OutcomeAt == (domain.Position{}) {
		return r
	}
	at := e.OutcomeAt
	if outcome, err := s.readRecord(ctx, at); err == nil {
		if ended, ok := outcome.Payload.(domain.Ended); ok {
			r.OutcomeAt, r.Epoch = &at, outcome.Epoch
			r.Detail, r.By, r.Server, r.Items = ended.Detail, ended.By, ended.Server, ended.Items
			r.Steps = httpapi.StepsOf(ended.Steps)
		}
	}
	return r
}

func (s *Server) readRecord(ctx context.Context, at domain.Position) (domain.Record, error) {
	stored, err := readStored(ctx, s.options.Data, s.options.Landscape, at)
	if err != nil {
		return domain.Record{}, err
	}
	return s.options.Codec.Decode(domain.TopicLog, at.Partition, stored), nil
}

// Command implements httpapi.Backend.
func (s *Server) Command(ctx context.Context, device, uid string) (httpapi.Result, error) {
	var found []partition.Entry
	exists := device == ""
	err := s.core.call(ctx, func() {
		for _, st := range s.core.machine.States() {
			if device != "" {
				if e, ok := st.Lookup(device, uid); ok {
					found = append(found, e)
				}
				_, is := st.Device(device)
				exists = exists || is
				continue
			}
			found = append(found, st.LookupUID(uid)...)
		}
	})
	switch {
	case err != nil:
		return httpapi.Result{}, err
	case len(found) == 0:
		return httpapi.Result{}, s.unremembered(ctx, device, uid, exists)
	case len(found) > 1:
		return httpapi.Result{}, fmt.Errorf("UID %s was used for %d devices: name the device: %w", uid, len(found), domain.ErrConflict)
	}
	return s.describe(ctx, found[0]), nil
}

// Doubts implements httpapi.Backend.
func (s *Server) Doubts(ctx context.Context) ([]httpapi.Doubt, error) {
	var out []httpapi.Doubt
	err := s.core.call(ctx, func() {
		for _, st := range s.core.machine.States() {
			for _, d := range st.Devices() {
				for _, x := range d.Doubts() {
					wish, _ := httpapi.WishOf(x.Payload)
					out = append(out, httpapi.Doubt{
						UID: x.UID, Device: d.ID(), Wish: wish, Position: x.Command, At: x.At,
						Since: x.Since.Time(), Epoch: x.Epoch, Detail: x.Detail,
					})
				}
			}
		}
	})
	return out, err
}

// resolveWait bounds the wait for a resolution's own way through the log.
const resolveWait = 5 * time.Second

// Resolve implements httpapi.Backend.
func (s *Server) Resolve(ctx context.Context, user string, r httpapi.Resolution) (httpapi.Result, error) {
	device := r.Device
	if device == "" {
		doubts, err := s.Doubts(ctx)
		if err != nil {
			return httpapi.Result{}, err
		}
		for _, d := range doubts {
			if d.UID != r.UID {
				continue
			}
			if device != "" {
				return httpapi.Result{}, fmt.Errorf("UID %s is in doubt on more than one device: name the device: %w", r.UID, domain.ErrConflict)
			}
			device = d.Device
		}
		if device == "" {
			return httpapi.Result{}, fmt.Errorf("UID %s is not in doubt; `understudy indoubt list` shows what is: %w", r.UID, domain.ErrNotFound)
		}
	}
	uid := r.ResolutionUID
	if uid == "" {
		uid = uuid.NewString()
	}
	return s.resolve(ctx, user, uid, device, domain.Resolve{UID: r.UID, As: r.As, Reason: r.Reason})
}

func (s *Server) resolve(ctx context.Context, user, uid, device string, v domain.Resolve) (httpapi.Result, error) {
	return s.appendAndWait(ctx, domain.Partition(device, s.options.Partitions), domain.Record{
		Type: domain.TypeResolve, UID: uid, Subject: device, User: user,
		Source: domain.ServerSource(s.me()), Created: domain.InstantOf(time.Now()), Payload: v,
	}, resolveWait)
}

// testify resolves a doubt by what this server knows. If that cannot be appended, an
// operator has to.
func (s *Server) testify(e core.Testify) {
	s.core.background.Go(func() {
		ctx, cancel := context.WithTimeout(s.core.loops, resolveWait)
		defer cancel()
		_, err := s.resolve(ctx, domain.ServerSource(s.me()), domain.DerivedUID(e.UID, "not-sent"), e.Device, e.Resolve)
		if err != nil {
			s.options.Logger.Warn("an action in doubt was not sent by this server, and nobody else knows that: resolve it as not-done", "device", e.Device, "uid", e.UID, "cause", err)
		}
	})
}
