package videohub

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/understudy-io/understudy/adapters/socket"
	"github.com/understudy-io/understudy/domain"
)

// Link is an open connection to a Videohub. One goroutine connects, reads and
// keeps time; Emit writes from its caller's, so nothing waits for a hand-over.
type Link struct {
	opts    Options
	log     *slog.Logger
	def     domain.Definition
	address string
	sink    domain.Sink
	life    lifetime
	kick    chan struct{} // connect now
	done    chan struct{} // run has ended

	ready   atomic.Pointer[session] // connected, and its state has been read
	sending sync.Mutex              // bytes leave in the order in which their answers are awaited
	buffer  []byte                  // of the block being sent; under sending
	saying  sync.Mutex              // the sink hears one thing at a time
	said    string                  // the last cause given to Down; under saying

	mu      sync.Mutex
	current *session
	closed  bool
}

var _ domain.Link = (*Link)(nil)

// run connects again and again until the link is closed.
func (l *Link) run() {
	defer close(l.done)
	delay := l.opts.BackoffMin
	for l.life.Err() == nil {
		began := l.opts.Now()
		if l.connect() && l.opts.Now()-began >= l.opts.BackoffMax {
			delay = l.opts.BackoffMin // it held: what ended it is a new fault
		}
		pause := time.NewTimer(delay - rand.N(delay/2+1))
		select {
		case <-pause.C:
			delay = min(2*delay, l.opts.BackoffMax)
		case <-l.kick:
			delay = l.opts.BackoffMin
		case <-l.life.ended:
		}
		pause.Stop()
	}
}

// connect runs one connection to its end, and says whether it was ever up.
func (l *Link) connect() (wasUp bool) {
	if door, ok := l.sink.(domain.Doorkeeper); ok {
		if err := door.MayConnect(); err != nil {
			l.down("connect: " + domain.Plain(err))
			return false
		}
	}
	ctx, cancel := context.WithTimeout(l.life, l.opts.DialTimeout)
	dialled, err := l.opts.Dial(ctx, "tcp", l.address)
	cancel()
	if err != nil {
		l.down("connect: " + reasonOf(err))
		return false
	}
	conn, err := socket.New(dialled, socket.Options{
		UserTimeout: l.opts.UserTimeout, SendBuffer: l.opts.SendBuffer, WriteTimeout: l.opts.WriteTimeout,
	})
	if err != nil {
		l.log.Warn("socket_option_refused", "cause", err)
	}
	s := newSession(l, conn)
	l.mu.Lock()
	closed := l.closed
	if !closed {
		l.current = s
	}
	l.mu.Unlock()
	if closed {
		_ = conn.Close()
		return false
	}
	cause := s.read()
	l.finish(s, cause)
	return s.wasUp
}

// finish tells the end of a connection: first that it is lost, then of each
// request that its answer will not come.
func (l *Link) finish(s *session, cause string) {
	l.ready.CompareAndSwap(s, nil)
	s.abort(cause)
	l.mu.Lock()
	l.current = nil
	l.mu.Unlock()
	l.down(s.cause())
	for _, ref := range s.unanswered() {
		l.answer(domain.Answered{Ref: ref, Verdict: domain.NoAnswer, Detail: "the connection ended before an answer: " + s.cause()})
	}
}

// down says that there is no connection, once for each cause.
func (l *Link) down(cause string) {
	l.saying.Lock()
	defer l.saying.Unlock()
	if l.life.Err() != nil || l.said == cause {
		return
	}
	l.said = cause
	l.sink.Down(cause)
}

func (l *Link) up(values []domain.Value, detail string) {
	l.saying.Lock()
	defer l.saying.Unlock()
	l.said = ""
	l.sink.Reported(values, true)
	l.sink.Up(detail)
}

func (l *Link) report(values []domain.Value) {
	l.saying.Lock()
	defer l.saying.Unlock()
	l.sink.Reported(values, false)
}

func (l *Link) answer(a domain.Answered) {
	l.saying.Lock()
	defer l.saying.Unlock()
	if l.life.Err() == nil {
		l.sink.Answered(a)
	}
}

// Refresh asks for every kind of block that the router has sent before. What it
// states is reported as it comes; a PING behind the requests tells when that was all.
func (l *Link) Refresh(ctx context.Context, ref uint64) error {
	s := l.ready.Load()
	if s == nil || ctx.Err() != nil {
		return fmt.Errorf("refresh %s: not connected; wait for Up: %w", l.def.Device, domain.ErrNotSent)
	}
	l.sending.Lock()
	defer l.sending.Unlock()
	for _, header := range s.asked() {
		l.buffer = append(appendHeader(l.buffer[:0], header), '\n')
		if err := s.send(l.buffer, &request{what: "the request for " + strings.TrimSuffix(header, ":")}, open); err != nil {
			return fmt.Errorf("refresh %s: %w", l.def.Device, err)
		}
	}
	if err := s.send([]byte(pingRequest), &request{what: "PING", refresh: true, ref: ref}, open); err != nil {
		return fmt.Errorf("refresh %s: %w", l.def.Device, err)
	}
	return nil
}

// Reset implements domain.Link. Once it returns, the old connection is gone, and
// with it what this kernel had not delivered. What the router's kernel had
// received already, the router may still do.
func (l *Link) Reset() {
	l.reset(func(*session) bool { return true })
}

// ResetUnacknowledged implements domain.Link.
func (l *Link) ResetUnacknowledged() {
	l.reset(func(s *session) bool { return s.conn.Unacknowledged() })
}

// reset ends the present connection if it must.
func (l *Link) reset(must func(*session) bool) {
	l.mu.Lock()
	s := l.current
	l.mu.Unlock()
	if s == nil || !must(s) {
		return
	}
	l.ready.CompareAndSwap(s, nil)
	select {
	case l.kick <- struct{}{}:
	default:
	}
	s.abort("reset: this server may not act any more")
}

// Close implements domain.Link. The sink hears nothing after it. It must not be
// called by the sink.
func (l *Link) Close() error {
	l.mu.Lock()
	first := !l.closed
	l.closed = true
	s := l.current
	l.mu.Unlock()
	if first {
		l.ready.Store(nil)
		close(l.life.ended)
		if s != nil {
			s.conn.Abort()
		}
	}
	<-l.done
	return nil
}

// reasonOf strips addresses from a network error, so that one fault has one text.
func reasonOf(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		err = op.Err
	}
	return domain.Plain(err)
}
