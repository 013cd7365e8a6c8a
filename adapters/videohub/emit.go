package videohub

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/understudy-io/understudy/domain"
)

// open is the gate of reads: they are allowed on a standby.
func open() error { return nil }

// Emit implements domain.Link. What the protocol cannot say is answered Rejected
// without a byte sent, and is no error. After an error of class ErrNotSent or
// ErrUnknownFate the connection is made anew, so an Up follows.
func (l *Link) Emit(ctx context.Context, a domain.Action, gate domain.Gate) error {
	if gate == nil {
		return fmt.Errorf("emit %s: no gate given: %w", a.UID, domain.ErrFenced)
	}
	l.sending.Lock()
	defer l.sending.Unlock()
	s := l.ready.Load()
	if s == nil {
		return fmt.Errorf("emit %s: %s is not connected; wait for Up: %w", a.UID, l.def.Device, domain.ErrNotSent)
	}
	bytes, refused := encode(l.buffer[:0], &a)
	l.buffer = bytes
	if refused != nil {
		l.answer(domain.Answered{Ref: a.Ref, Verdict: domain.Rejected, Reason: refused.reason, Detail: refused.detail})
		return nil
	}
	if err := ctx.Err(); err != nil {
		s.abort("the sending was called off")
		return fmt.Errorf("emit %s: %w: %w", a.UID, err, domain.ErrNotSent)
	}
	if err := s.send(bytes, &request{what: string(a.Payload.Type()), action: true, ref: a.Ref}, gate); err != nil {
		return fmt.Errorf("emit %s: %w", a.UID, err)
	}
	return nil
}

// send writes one block, and awaits its answer. The caller holds the link's
// sending. What the kernel did not take is never sent later.
func (s *session) send(bytes []byte, r *request, gate domain.Gate) error {
	if !s.await(r) {
		s.abort(fmt.Sprintf("%d requests wait for an answer", maxWaiting))
		return fmt.Errorf("the connection has ended: %w", domain.ErrNotSent)
	}
	n, err := s.conn.Send(bytes, gate)
	switch {
	case err == nil:
		if !s.hasLeft(r) {
			return fmt.Errorf("the connection ended during the write: %w", domain.ErrUnknownFate)
		}
		return nil
	case errors.Is(err, domain.ErrFenced): // the gate's: nothing has left
		s.forget(r)
		return err
	}
	s.forget(r)
	s.link.ready.CompareAndSwap(s, nil)
	s.abort("write: " + reasonOf(err))
	switch {
	case n > 0:
		return fmt.Errorf("%d of %d bytes written: %s: %w", n, len(bytes), reasonOf(err), domain.ErrUnknownFate)
	case errors.Is(err, os.ErrPermission):
		// The kernel checks the lease too, where it can, and has refused.
		return fmt.Errorf("the kernel refused the write: %s: %w", reasonOf(err), domain.ErrFenced)
	}
	return fmt.Errorf("nothing written: %s: %w", reasonOf(err), domain.ErrNotSent)
}
