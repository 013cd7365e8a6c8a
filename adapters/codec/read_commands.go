package codec

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/understudy-io/understudy/domain"
)

// Commands come from anybody and are read strictly: a field that is not known,
// stands twice, is missing or has another type makes the record bad_payload.
// Whether the wish makes sense for the device is for the fold, which answers.

func readTake(r *reader) domain.Take {
	var t domain.Take
	o := r.object()
	for o.next() {
		switch string(o.key) {
		case "level":
			if o.given(0) {
				t.Level = readLevel(r)
			}
		case "destination":
			if o.given(1) {
				t.Destination = int(r.int32())
			}
		case "source":
			if o.given(2) {
				t.Source = int(r.int32())
			}
		default:
			o.unknown()
		}
	}
	o.need(1, "destination")
	o.need(2, "source")
	return t
}

// readLevel knows the usual level without an allocation.
func readLevel(r *reader) string {
	if b := r.b[r.i:]; len(b) > 5 && b[0] == 0xa5 && string(b[1:6]) == domain.DefaultLevel {
		r.i += 6
		return domain.DefaultLevel
	}
	return r.boundedName(domain.MaxText)
}

func readSalvo(r *reader) domain.Salvo {
	var s domain.Salvo
	o := r.object()
	for o.next() {
		switch string(o.key) {
		case "takes":
			if o.given(0) {
				s.Takes = readTakes(r)
			}
		default:
			o.unknown()
		}
	}
	o.need(0, "takes")
	return s
}

func readTakes(r *reader) []domain.Take {
	n := r.length()
	if n > domain.MaxSalvo {
		r.fail(fmt.Errorf("a salvo of %d takes, %d are allowed", n, domain.MaxSalvo))
		return nil
	}
	takes := make([]domain.Take, 0, n)
	for ; n > 0 && r.err == nil; n-- {
		takes = append(takes, readTake(r))
	}
	return takes
}

func readSetLabel(r *reader) domain.SetLabel {
	var l domain.SetLabel
	o := r.object()
	for o.next() {
		switch string(o.key) {
		case "port":
			if o.given(0) {
				l.Port = domain.PortKind(r.boundedName(domain.MaxText))
			}
		case "number":
			if o.given(1) {
				l.Number = int(r.int32())
			}
		case "text":
			if o.given(2) {
				l.Text = r.bounded(domain.MaxText)
			}
		default:
			o.unknown()
		}
	}
	o.need(0, "port")
	o.need(1, "number")
	o.need(2, "text")
	return l
}

func readSetLock(r *reader) domain.SetLock {
	var l domain.SetLock
	o := r.object()
	for o.next() {
		switch string(o.key) {
		case "level":
			if o.given(0) {
				l.Level = readLevel(r)
			}
		case "destination":
			if o.given(1) {
				l.Destination = int(r.int32())
			}
		case "state":
			if o.given(2) {
				l.State = domain.LockState(r.boundedName(domain.MaxText))
			}
		default:
			o.unknown()
		}
	}
	o.need(1, "destination")
	o.need(2, "state")
	return l
}

func readInvoke(r *reader) domain.Invoke {
	var v domain.Invoke
	o := r.object()
	for o.next() {
		switch string(o.key) {
		case "verb":
			if o.given(0) {
				v.Verb = r.boundedName(domain.MaxText)
			}
		case "args":
			if o.given(1) {
				v.Args = readArgs(r)
			}
		default:
			o.unknown()
		}
	}
	o.need(0, "verb")
	return v
}

// readArgs gives nil for no arguments, however they were left out.
func readArgs(r *reader) map[string]string {
	k, n := r.next()
	switch {
	case k != kindMap:
		r.expected("a map", k)
		return nil
	case n > domain.MaxArgs:
		r.fail(fmt.Errorf("%d arguments, %d are allowed", n, domain.MaxArgs))
		return nil
	case n == 0:
		return nil
	}
	args := make(map[string]string, n)
	for ; n > 0 && r.err == nil; n-- {
		name := r.boundedName(domain.MaxText)
		if _, twice := args[name]; twice {
			r.fail(fmt.Errorf("argument %q stands twice", name))
		}
		args[name] = readArg(r)
	}
	return args
}

// readArg reads an argument: text, or a number or boolean as its JSON text. A
// number that was written in JSON keeps its digits as they were written.
func readArg(r *reader) string {
	k, n := r.next()
	switch k {
	case kindText:
		b := r.take(n)
		if !validText(b, domain.MaxText) {
			r.fail(fmt.Errorf("an argument must be at most %d bytes of UTF-8", domain.MaxText))
		}
		return r.arena.text(b)
	case kindUint:
		return strconv.FormatUint(n, 10)
	case kindInt:
		return strconv.FormatInt(int64(n), 10)
	case kindBool:
		return strconv.FormatBool(n == 1)
	case kindFloat32:
		return r.jsonText(math.Float32frombits(uint32(n)))
	case kindFloat64:
		return r.jsonText(math.Float64frombits(n))
	case kindExt:
		if r.fromJSON && n <= domain.MaxText {
			return string(r.take(n + 1)[1:])
		}
	}
	r.expected("text, a number or a boolean", k)
	return ""
}

func (r *reader) jsonText(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		r.fail(fmt.Errorf("an argument: %w", err)) // not a number, or infinite
	}
	return string(b)
}

// readResolve is written by a server, for a user.
func readResolve(r *reader) domain.Resolve {
	var v domain.Resolve
	for o := r.object(); o.next(); {
		switch string(o.key) {
		case "uid":
			v.UID = r.bounded(domain.MaxUID)
		case "as":
			v.As = domain.Resolution(r.bounded(domain.MaxText))
		case "reason":
			v.Reason = r.bounded(domain.MaxText)
		default:
			r.skip()
		}
	}
	return v
}

func validText(b []byte, most int) bool { return len(b) <= most && utf8.Valid(b) }
