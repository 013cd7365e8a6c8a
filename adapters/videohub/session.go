package videohub

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/understudy-io/understudy/adapters/socket"
	"github.com/understudy-io/understudy/domain"
)

// phase of a connection.
type phase uint8

const (
	reading phase = iota // the prelude is coming
	up
	away // the server is there, the router behind it is not
)

// session is one connection, from the dial to the end. Its reader owns everything
// but what mu guards.
type session struct {
	link  *Link
	conn  *socket.Conn
	wasUp bool

	phase     phase
	since     domain.Mono // when the phase began
	lastByte  domain.Mono
	assembler assembler
	router    *router

	mu       sync.Mutex
	waiting  []*request  // in the order in which they were written
	lastSent domain.Mono // when a request was last written
	armed    domain.Mono // when the reader wakes up
	ended    bool
	why      string
	sections []string // blocks that the router has, for Refresh
}

func newSession(l *Link, conn *socket.Conn) *session {
	now := l.opts.Now()
	return &session{
		link: l, conn: conn,
		since: now, lastByte: now, lastSent: now,
		router: newRouter("?"),
	}
}

// read takes what comes until the connection ends, and says why it did.
func (s *session) read() (cause string) {
	buf := make([]byte, 64<<10)
	for {
		s.arm()
		n, err := s.conn.Read(buf)
		if n > 0 {
			s.lastByte = s.link.opts.Now()
			if err := s.assembler.feed(buf[:n], s.take); err != nil {
				return err.Error()
			}
		}
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return endOf(err)
		}
		if cause := s.due(s.link.opts.Now()); cause != "" {
			return cause
		}
	}
}

func endOf(err error) string {
	if errors.Is(err, io.EOF) {
		return "the router closed the connection"
	}
	return "read: " + reasonOf(err)
}

// fault ends the connection from within a block.
type fault string

func (f fault) Error() string { return string(f) }

// take handles one block.
func (s *session) take(b block) error {
	switch b.header {
	case answerAck, answerNak:
		s.answered(b.header == answerAck)
	case headPreamble:
		return s.preamble(b)
	case headDevice:
		s.device(b)
	case headEnd:
		if s.phase == reading && s.router.presence == present {
			s.goUp()
		}
	default:
		values := s.router.apply(b)
		if s.phase == up && len(values) > 0 {
			s.link.report(values)
		}
	}
	return nil
}

// preamble refuses another major version: it would mean other things by the same words.
func (s *session) preamble(b block) error {
	for _, line := range b.lines {
		if key, value, ok := field(line); ok && key == "Version" {
			s.router.version = printable(value)
			if major, _, _ := strings.Cut(value, "."); count(major) > 2 {
				return fault(fmt.Sprintf("protocol version %s is not supported; this driver speaks 2.x", s.router.version))
			}
		}
	}
	return nil
}

// device takes a VIDEOHUB DEVICE block. A router that goes away, or is another
// one, takes everything that was known with it.
func (s *session) device(b block) {
	was := s.router
	replaced := was.isAnother(b)
	was.describe(b)
	switch {
	case was.presence == absent || was.presence == needsUpdate:
		s.router = newRouter(was.version)
		s.router.presence = was.presence
		s.leave(away, absenceCause(was.presence))
	case was.presence != present:
	case s.phase == away, s.phase == up && replaced:
		s.router = newRouter(was.version)
		s.router.describe(b)
		s.leave(reading, "another router was attached; its state is being read")
	}
}

func absenceCause(p presence) string {
	if p == needsUpdate {
		return "the router needs a firmware update; run Videohub Setup"
	}
	return "the server has no router attached; check the router's power and cable"
}

// leave ends the phase up without ending the connection.
func (s *session) leave(to phase, cause string) {
	from := s.phase
	s.phase, s.since = to, s.link.opts.Now()
	s.link.ready.CompareAndSwap(s, nil)
	if from == up || to == away {
		s.link.down(cause)
	}
}

// goUp hands the whole state over; from here on Emit may send.
func (s *session) goUp() {
	s.phase, s.since, s.wasUp = up, s.link.opts.Now(), true
	s.mu.Lock()
	s.sections = s.sections[:0]
	for _, h := range []string{headInputLabel, headOutputLabel, headLocks, headRouting} {
		if s.router.heard[h] {
			s.sections = append(s.sections, h)
		}
	}
	s.lastSent = s.since
	ended := s.ended
	s.mu.Unlock()
	if ended {
		return
	}
	def := s.link.def
	if (def.Inputs > 0 && def.Inputs != s.router.inputs) || (def.Outputs > 0 && def.Outputs != s.router.outputs) {
		s.link.log.Warn("device_size_differs", "configured", fmt.Sprintf("%dx%d", def.Inputs, def.Outputs),
			"reported", fmt.Sprintf("%dx%d", s.router.inputs, s.router.outputs))
	}
	s.link.ready.Store(s)
	s.link.up(s.router.all(), s.router.detail())
}

// asked are the headers that a Refresh asks for: a router may stay silent about
// a block that it does not have.
func (s *session) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.sections...)
}

// abort ends the connection at once, with whatever its kernel buffer holds. The
// first cause stands.
func (s *session) abort(cause string) {
	s.mu.Lock()
	first := !s.ended
	if first {
		s.ended, s.why = true, cause
	}
	s.mu.Unlock()
	if first {
		s.conn.Abort()
	}
}

func (s *session) cause() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.why
}
