package videohub

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/understudy-io/understudy/domain"
)

// refusal is an action that this protocol cannot say. Nothing of it is sent.
type refusal struct {
	reason domain.Reason
	detail string
}

func (r *refusal) Error() string { return string(r.reason) + ": " + r.detail }

// encode appends the one block that carries out an action. Crosspoints come from
// the wishes, which are those that still hold, not from the payload.
func encode(b []byte, a *domain.Action) ([]byte, *refusal) {
	switch p := a.Payload.(type) {
	case domain.Take, domain.Salvo:
		return encodeRouting(b, a.Wishes)
	case domain.SetLabel:
		return encodeLabel(b, p)
	case domain.SetLock:
		return encodeLock(b, p)
	}
	return b, &refusal{domain.ReasonUnknownVerb, fmt.Sprintf("a Videohub has no %T; use a take, a salvo, a label or a lock", a.Payload)}
}

func encodeRouting(b []byte, wishes []domain.Value) ([]byte, *refusal) {
	if len(wishes) == 0 || len(wishes) > domain.MaxSalvo {
		// A header without items would be a question, not a change.
		return b, &refusal{domain.ReasonBadArguments, fmt.Sprintf("%d crosspoints; 1 to %d fit into a block", len(wishes), domain.MaxSalvo)}
	}
	b = appendHeader(b, headRouting)
	for _, w := range wishes {
		text, ok := strings.CutPrefix(string(w.Target), "crosspoint/"+domain.DefaultLevel+"/")
		if !ok {
			return b, &refusal{domain.ReasonBadArguments, fmt.Sprintf("%s is no crosspoint of level %q", w.Target, domain.DefaultLevel)}
		}
		destination, ok1 := onWire(text)
		source, ok2 := onWire(w.Value)
		if !ok1 || !ok2 {
			return b, &refusal{domain.ReasonOutOfRange, fmt.Sprintf("%s to source %q; ports are 1 to %d", w.Target, w.Value, maxPorts)}
		}
		b = appendItem(b, destination, strconv.Itoa(source))
	}
	return append(b, '\n'), nil
}

func encodeLabel(b []byte, p domain.SetLabel) ([]byte, *refusal) {
	header := headInputLabel
	switch p.Port {
	case domain.PortInput:
	case domain.PortOutput:
		header = headOutputLabel
	default:
		return b, &refusal{domain.ReasonBadArguments, fmt.Sprintf("port %q; use input or output", p.Port)}
	}
	if p.Number < 1 || p.Number > maxPorts {
		return b, &refusal{domain.ReasonOutOfRange, fmt.Sprintf("%s %d; ports are 1 to %d", p.Port, p.Number, maxPorts)}
	}
	// A line break in a label would be another request.
	if len(p.Text) > domain.MaxText || !isText([]byte(p.Text)) || !utf8.ValidString(p.Text) {
		return b, &refusal{domain.ReasonBadArguments, fmt.Sprintf("a label is one line of UTF-8, at most %d bytes", domain.MaxText)}
	}
	b = appendHeader(b, header)
	b = appendItem(b, p.Number-1, p.Text)
	return append(b, '\n'), nil
}

func encodeLock(b []byte, p domain.SetLock) ([]byte, *refusal) {
	if p.Level != "" && p.Level != domain.DefaultLevel {
		return b, &refusal{domain.ReasonBadArguments, fmt.Sprintf("level %q; a Videohub locks outputs of level %q", p.Level, domain.DefaultLevel)}
	}
	if p.Destination < 1 || p.Destination > maxPorts {
		return b, &refusal{domain.ReasonOutOfRange, fmt.Sprintf("destination %d; ports are 1 to %d", p.Destination, maxPorts)}
	}
	var letters []string
	switch p.State {
	case domain.LockOn:
		letters = []string{"O"}
	case domain.LockOff:
		letters = []string{"U"}
	case domain.LockForce:
		letters = []string{"F"}
	case domain.LockTake:
		letters = []string{"F", "O"} // one block, one answer
	default:
		return b, &refusal{domain.ReasonBadArguments, fmt.Sprintf("lock state %q; use lock, unlock, force-unlock or take", p.State)}
	}
	b = appendHeader(b, headLocks)
	for _, letter := range letters {
		b = appendItem(b, p.Destination-1, letter)
	}
	return append(b, '\n'), nil
}

// onWire turns a port as people count it, from 1, into the wire's, from 0.
func onWire(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	return n - 1, err == nil && n >= 1 && n <= maxPorts
}
