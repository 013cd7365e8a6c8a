package httpdevice

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// listen reads what the device sends on the connection of its actions. It also
// notices at once when an idle connection ends, so that no action is written
// to it in vain, and ends one that was idle for a while itself: many devices do
// that after some seconds, and an action that is just being sent would be in doubt.
func (l *link) listen(c *connection) {
	defer l.running.Done()
	defer l.drop(c)
	for {
		e, err := c.await()
		if errors.Is(err, os.ErrDeadlineExceeded) && !c.rest() {
			continue
		}
		if err != nil {
			l.ended(c, err)
			return
		}
		if !l.receive(c, e) {
			return
		}
	}
}

// drop forgets a connection that has ended.
func (l *link) drop(c *connection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current == c {
		l.current = nil
	}
}

func (l *link) receive(c *connection, e *exchange) (keep bool) {
	r, err := c.response(e)
	if err != nil {
		l.ended(c, err)
		return false
	}
	defer func() { _ = r.Body.Close() }() // it has been read as far as it is wanted
	return l.answered(c, e, r)
}

// ended kills a connection, and answers for the request under way.
func (l *link) ended(c *connection, cause error) {
	if e := c.end(cause); e != nil {
		l.noAnswer(e, cause)
	}
}

// noAnswer ends an exchange whose request was sent as a whole.
func (l *link) noAnswer(e *exchange, cause error) {
	if errors.Is(cause, os.ErrDeadlineExceeded) {
		cause = fmt.Errorf("no answer within %s", e.verb.timeout)
	}
	l.tell(func() {
		l.sink.Answered(domain.Answered{Ref: e.action.Ref, Verdict: domain.NoAnswer, Reason: domain.ReasonNoAnswer, Detail: short(domain.Plain(cause))})
	})
	<-l.slot
	l.lookAgain() // is the device still there?
}

// answered passes an answer on; false if the connection cannot be kept.
func (l *link) answered(c *connection, e *exchange, r *http.Response) (keep bool) {
	mine, early := c.take(e)
	if !mine { // its writer has spoken for it
		c.end(errUnasked)
		return false
	}
	good := r.StatusCode < 300
	if good {
		l.deliver(e, r, "") // at once: the rest of the answer says nothing more
	}
	c.bound.N = MaxAnswer
	head, whole := drain(r)
	if !good {
		l.deliver(e, r, head)
	}
	keep = whole && !early && !r.Close && c.in.Buffered() == 0
	if keep {
		_ = c.stream.SetDeadline(time.Now().Add(l.driver.options.restAfter)) // fails only on a closed socket
	} else {
		c.end(errClosed)
	}
	<-l.slot
	return keep
}

// deliver gives the verdict of an answer to the sink, and has the value read back.
func (l *link) deliver(e *exchange, r *http.Response, body string) {
	a := judge(e, r, body)
	l.tell(func() { l.sink.Answered(a) })
	if e.verb.reading == nil || a.Verdict == domain.Rejected {
		return
	}
	crowd := false
	l.ask(func(todo *chores) {
		if crowd = len(todo.readings) == readsWaiting; !crowd {
			todo.readings = append(todo.readings, e.verb.reading)
		}
	})
	if crowd {
		l.lookAgain()
	}
}

// judge gives the verdict of a status.
func judge(e *exchange, r *http.Response, body string) domain.Answered {
	a := domain.Answered{Ref: e.action.Ref, Detail: strconv.Itoa(r.StatusCode)}
	switch {
	case r.StatusCode < 300 && e.verb.reading != nil && len(e.action.Wishes) > 0:
		a.Verdict = domain.Acknowledged
	case r.StatusCode < 300:
		a.Verdict = domain.Done
	case e.verb.Effect == domain.OneShot && (r.StatusCode == http.StatusBadGateway || r.StatusCode == http.StatusGatewayTimeout):
		// A relay says that it heard nothing from the device: that is no answer of the device.
		a.Verdict, a.Reason = domain.NoAnswer, domain.ReasonUnknownFate
	default:
		a.Verdict, a.Reason = domain.Rejected, domain.ReasonHTTPStatus
	}
	if body = strings.TrimSpace(body); a.Verdict >= domain.Rejected && body != "" {
		a.Detail += ": " + body
	}
	return a
}

// drain reads the rest of an answer; whole is false if it ended early or is too
// large. head is its beginning, as text.
func drain(r *http.Response) (head string, whole bool) {
	var b strings.Builder
	_, err := io.CopyN(&b, r.Body, maxDetail)
	head = short(b.String())
	if errors.Is(err, io.EOF) {
		return head, true
	} else if err != nil {
		return head, false
	}
	_, err = io.Copy(io.Discard, r.Body)
	return head, err == nil
}

// short cuts a device's text to what an outcome may hold, as UTF-8.
func short(s string) string {
	if len(s) > maxDetail {
		s = s[:maxDetail]
	}
	return strings.ToValidUTF8(s, "�")
}
