package server

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

// choreKey names a chore: one record can owe one thing of each kind.
type choreKey struct {
	position domain.Position
	kind     partition.ChoreKind
}

// maxDischarged is how many chores may be marked as under way before the marks
// of those that are done are dropped.
const maxDischarged = 4096

// dischargeChores sets to work on what the fold says that the primary owes.
// A chore stays in the fold until its own record is folded, so whatever is lost
// on the way is done by the next primary.
func (c *core) dischargeChores(p int32) {
	if c.term == nil || !c.term.opened[p] || c.quarantined {
		return
	}
	r := c.term
	s := c.states[p]
	if len(r.working) > maxDischarged {
		r.forgetChores(c)
	}
	if s.Owed() == 0 {
		return
	}
	for _, ch := range s.Chores() {
		k := choreKey{position: ch.Position, kind: ch.Kind}
		if r.working[k] {
			continue
		}
		r.working[k] = true
		switch ch.Kind {
		case partition.Refuse:
			r.journal.add(p, serverRecord(r.server, ch.Device, domain.Ended{
				UID: ch.UID, Command: ch.Position, Outcome: domain.Refused,
				Reason: ch.Reason, Detail: ch.Detail, Server: r.server,
			}))
		case partition.GiveAnswer:
			r.journal.add(p, serverRecord(r.server, ch.Device, ch.Answer))
		default:
			r.clerk.inbox.put(r.clerk.errand(ch))
		}
	}
}

// forgetChores drops the marks of chores that are done.
func (r *reign) forgetChores(c *core) {
	owed := make(map[choreKey]bool)
	for p, s := range c.states {
		if !r.opened[p] {
			continue
		}
		for _, ch := range s.Chores() {
			owed[choreKey{position: ch.Position, kind: ch.Kind}] = true
		}
	}
	for k := range r.working {
		if !owed[k] {
			delete(r.working, k)
		}
	}
}

// errand is something that the clerk does until it has succeeded.
type errand struct {
	what string
	at   domain.Position
	do   func(ctx context.Context) error
}

// clerk copies records to where they belong: dead letters to their topic,
// commands to the partition that owns their device. It reads the record again
// by its position, so the fold keeps no bytes of it.
type clerk struct {
	log       Log
	codec     Codec
	landscape string
	term      *term
	inbox     *mailbox[errand]
	logger    *slog.Logger
}

func newClerk(c *core, t *term) *clerk {
	return &clerk{
		log: c.log, codec: c.codec, landscape: c.landscape,
		term: t, inbox: newMailbox[errand](), logger: c.logger,
	}
}

func (k *clerk) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-k.inbox.ready:
		}
		for _, e := range k.inbox.take() {
			k.persist(ctx, e)
		}
	}
}

// persist does one errand until it has succeeded or the epoch is over.
func (k *clerk) persist(ctx context.Context, e errand) {
	for wait := appendRetry; ctx.Err() == nil; wait = min(2*wait, time.Second) {
		err := e.do(ctx)
		if err == nil {
			return
		}
		k.logger.Warn("a chore failed, trying again", "position", e.at.String(), "kind", e.what, "cause", err)
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

func (k *clerk) errand(ch partition.Chore) errand {
	return errand{what: ch.Kind.String(), at: ch.Position, do: func(ctx context.Context) error { return k.do(ctx, ch) }}
}

func (k *clerk) do(ctx context.Context, ch partition.Chore) error {
	if ch.Kind == partition.Again {
		return k.again(ctx, ch)
	}
	stored, err := k.read(ctx, ch.Position)
	if err != nil {
		return err
	}
	r := k.codec.Decode(domain.TopicLog, ch.Position.Partition, stored)
	if ch.Kind == partition.Forward {
		err = k.forward(ctx, ch, r)
	} else {
		err = k.bury(ctx, ch, stored, r)
	}
	if err == nil {
		k.term.journal.add(ch.Position.Partition, serverRecord(k.term.server, subjectOf(ch), domain.Handled{Record: ch.Position}))
	}
	return err
}

func subjectOf(ch partition.Chore) string {
	if ch.Device != "" {
		return ch.Device
	}
	return "log"
}

// read fetches one record by its position.
func (k *clerk) read(ctx context.Context, at domain.Position) (domain.Stored, error) {
	from := domain.FetchFrom{Topic: domain.Topic(k.landscape, domain.TopicLog), Partition: at.Partition, Offset: at.Offset}
	answers, err := k.log.Fetch(ctx, []domain.FetchFrom{from}, fetchWait, fetchBytes)
	if err != nil {
		return domain.Stored{}, err
	}
	for _, a := range answers {
		if a.Err != nil {
			return domain.Stored{}, a.Err
		}
		if len(a.Messages) > 0 && a.Messages[0].Offset == at.Offset {
			return a.Messages[0], nil
		}
	}
	return domain.Stored{}, fmt.Errorf("read %s again: it is not there: %w", at, domain.ErrTransient)
}

// forward appends a command to the partition that owns its device, under the
// same UID: however often that happens, it is one command.
func (k *clerk) forward(ctx context.Context, ch partition.Chore, r domain.Record) error {
	origin := ch.Position
	r.Origin = &origin
	if r.Created == 0 {
		r.Created = r.Appended
	}
	return k.append(ctx, domain.TopicLog, ch.Owner, r)
}

// again appends the command that an operator's resolution, or a device that
// came back, asks for. Its UID is derived, so it is one command.
func (k *clerk) again(ctx context.Context, ch partition.Chore) error {
	return k.append(ctx, domain.TopicLog, ch.Position.Partition, domain.Record{
		Type: ch.Payload.Type(), UID: ch.UID, Source: source(k.term.server), Subject: ch.Device,
		Created: domain.InstantOf(time.Now()), Payload: ch.Payload, User: ch.By,
	})
}

// bury copies a record that could not be understood to the dead letters.
func (k *clerk) bury(ctx context.Context, ch partition.Chore, stored domain.Stored, r domain.Record) error {
	if r.Defect == domain.DefectNone {
		r.Defect = ch.Defect
	}
	return k.append(ctx, domain.TopicDeadLetter, 0, serverRecord(k.term.server, "log", k.codec.Bury(domain.TopicLog, stored, r)))
}

func (k *clerk) append(ctx context.Context, kind domain.TopicKind, p int32, r domain.Record) error {
	m, err := k.codec.Encode(kind, p, r)
	if err != nil {
		return err
	}
	try, cancel := context.WithTimeout(ctx, appendTimeout)
	defer cancel()
	_, err = k.log.Append(try, []domain.Batch{{
		Topic: domain.Topic(k.landscape, kind), Partition: p, Messages: []domain.Message{m},
	}})
	return err
}
