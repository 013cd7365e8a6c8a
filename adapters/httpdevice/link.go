package httpdevice

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// link is one device. Emit writes on the caller's goroutine; one goroutine reads
// the answers of each connection, and one (work) reads the device while there is
// something to read. A link that has had nothing to do for a while has none, and no
// connection: there may be thousands.
type link struct {
	driver *Driver
	plan   plan
	sink   domain.Sink
	poll   time.Duration
	single bool // the device takes one connection at a time

	life    life
	running sync.WaitGroup
	slot    chan struct{} // full while a request is under way

	mu      sync.Mutex // guards the following
	current *connection
	closed  bool
	timer   *time.Timer // calls due; nil until it was set
	turn    *turn       // that it waits for since the timer was due; nil for none
	pause   time.Duration
	wanted  uint64 // the newest Refresh that no reading has been begun for
	waiting bool   // for a look at the whole device to begin
	todo    chores
	working bool         // there is a goroutine that does it
	reader  *http.Client // nil while nothing is read
	reading net.Conn     // of a device that takes one connection
	visits  uint64       // how often such a device was read, or is
	inside  bool         // it is read now

	sinkMu     sync.Mutex // one caller of sink at a time; guards the following
	state      linkState
	generation uint64 // counts the losses, so that a read begun before one cannot end it
}

type linkState uint8

const (
	unknown linkState = iota
	up
	down
)

// Emit implements [domain.Link].
func (l *link) Emit(ctx context.Context, a domain.Action, gate domain.Gate) error {
	e, fault := l.prepare(a)
	if fault != nil {
		l.refuse(a, fault)
		return nil
	}
	err := l.emit(ctx, e, gate)
	if err == nil {
		return nil
	}
	err = fmt.Errorf("emit %s to %s: %w", e.verb.Name, l.plan.authority, err)
	if !errors.Is(err, domain.ErrFenced) && !errors.Is(err, errBusy) {
		l.lose(domain.Plain(err))
	}
	return err
}

// refuse answers for the device what cannot be made a request: trying again
// would give the same.
func (l *link) refuse(a domain.Action, fault error) {
	l.tell(func() {
		l.sink.Answered(domain.Answered{Ref: a.Ref, Verdict: domain.Rejected, Reason: domain.ReasonBadArguments, Detail: short(domain.Plain(fault))})
	})
}

// errBusy is no loss of the device: the request before it may still be answered.
var errBusy = errors.New("the request before it has no answer yet")

func (l *link) emit(ctx context.Context, e *exchange, gate domain.Gate) error {
	select {
	case l.slot <- struct{}{}:
	case <-ctx.Done():
		l.ask(func(todo *chores) { todo.stalled = true })
		return fmt.Errorf("%w: %w: %w", errBusy, ctx.Err(), domain.ErrNotSent)
	case <-l.life.Done():
		return fmt.Errorf("the link is closed: %w", domain.ErrNotSent)
	}
	c, err := l.ready(ctx, e)
	if err != nil {
		<-l.slot
		return fmt.Errorf("%w: %w", err, domain.ErrNotSent)
	}
	unanswered, err := c.send(ctx, e, gate)
	if err != nil {
		<-l.slot
		return err
	}
	if unanswered != nil {
		l.noAnswer(e, unanswered)
	}
	return nil
}

// ready returns a connection on which e has begun: the kept one if it still
// stands, else a new one.
func (l *link) ready(ctx context.Context, e *exchange) (*connection, error) {
	l.mu.Lock()
	c := l.current
	l.mu.Unlock()
	if c != nil && c.begin(e) {
		return c, nil
	}
	ctx, cancel := context.WithTimeout(ctx, l.driver.options.DialTimeout)
	defer cancel()
	defer context.AfterFunc(l.life, cancel)()
	if err := l.mayConnect(); err != nil {
		return nil, err
	}
	c, err := dial(ctx, &l.driver.options, &l.plan)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		c.socket.Abort()
		return nil, errors.New("the link is closed")
	}
	c.begin(e)
	l.current = c
	l.running.Add(1)
	go l.listen(c)
	return c, nil
}

// prepare makes the request of an action.
func (l *link) prepare(a domain.Action) (*exchange, error) {
	call, ok := a.Payload.(domain.Invoke)
	if !ok {
		return nil, fmt.Errorf("an HTTP device takes %s only: %w", domain.TypeInvoke, domain.ErrInvalid)
	}
	v, ok := l.plan.verbs[call.Verb]
	if !ok {
		return nil, fmt.Errorf("verb %q is not declared: %w", call.Verb, domain.ErrNotFound)
	}
	arguments := make(map[string]string, len(v.Args)+1)
	for _, name := range v.Args {
		value, given := call.Args[name]
		if !given {
			return nil, fmt.Errorf("argument %q is missing: %w", name, domain.ErrInvalid)
		}
		arguments[name] = value
	}
	arguments[uidField] = a.UID
	place, err := v.url.render(arguments, MaxURL)
	if err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	body, err := v.body.render(arguments, MaxRequest)
	if err != nil {
		return nil, fmt.Errorf("body: %w", err)
	}
	e := &exchange{action: a, verb: v}
	e.request, e.bytes, err = l.encode(v.Method, place, body, a.UID)
	return e, err
}

// encode gives a request and its bytes on the wire.
func (l *link) encode(method, place, body, uid string) (*http.Request, []byte, error) {
	r, err := http.NewRequestWithContext(l.life, method, l.plan.base+place, strings.NewReader(body))
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", err, domain.ErrInvalid)
	}
	r.Header.Set("User-Agent", userAgent)
	r.Header.Set("Idempotency-Key", headerText(uid))
	if body != "" {
		r.Header.Set("Content-Type", contentType(body))
	}
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", err, domain.ErrInvalid)
	}
	return r, b.Bytes(), nil
}

const userAgent = "understudy"

func contentType(body string) string {
	if json.Valid([]byte(body)) {
		return "application/json"
	}
	return "text/plain; charset=utf-8"
}

// headerText makes a UID fit a header: what is not printable ASCII, and the
// percent sign itself, is percent-encoded, so that different UIDs stay different.
func headerText(uid string) string {
	var b strings.Builder
	for i := range len(uid) {
		if c := uid[i]; c <= ' ' || c > '~' || c == '%' {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// Refresh implements [domain.Link]. It does not wait for the reading.
func (l *link) Refresh(ctx context.Context, ref uint64) error {
	if err := errors.Join(ctx.Err(), l.life.Err()); err != nil {
		return fmt.Errorf("refresh %s: %w: %w", l.plan.authority, err, domain.ErrTransient)
	}
	l.mu.Lock()
	l.wanted = ref
	l.mu.Unlock()
	if !l.isDown() { // it is being tried already
		l.lookAgain()
	}
	return nil
}

// takeWanted gives the Refresh that a reading which begins now answers; 0 for none.
func (l *link) takeWanted() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	ref := l.wanted
	l.wanted = 0
	return ref
}

// Reset implements [domain.Link]. The next action dials anew.
func (l *link) Reset() {
	l.mu.Lock()
	c, reader := l.current, l.reader
	l.current = nil
	l.mu.Unlock()
	if c != nil {
		l.ended(c, errReset)
	}
	if reader != nil {
		reader.CloseIdleConnections()
	}
}

// ResetUnacknowledged implements [domain.Link].
func (l *link) ResetUnacknowledged() {
	l.mu.Lock()
	c := l.current
	waits := c != nil && c.socket.Unacknowledged()
	if waits {
		l.current = nil
	}
	l.mu.Unlock()
	if !waits {
		return
	}
	l.lose(errReset.Error()) // first, so that an absolute action is not taken for failed
	l.ended(c, errReset)
}

// Close implements [domain.Link].
func (l *link) Close() error {
	l.mu.Lock()
	c := l.current
	if !l.closed {
		l.closed = true
		close(l.life.done)
		l.turn = nil
		if l.timer != nil {
			l.timer.Stop()
		}
	}
	l.mu.Unlock()
	if c != nil {
		l.ended(c, errors.New("the link is closed"))
	}
	l.running.Wait()
	l.putAway()
	return nil
}

// tell calls the sink, one at a time, and not after Close.
func (l *link) tell(f func()) {
	l.sinkMu.Lock()
	defer l.sinkMu.Unlock()
	if l.life.Err() == nil {
		f()
	}
}
