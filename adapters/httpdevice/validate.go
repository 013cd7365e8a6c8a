package httpdevice

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// Validate reports every fault of a definition, each as a sentence that says
// what to do. The error wraps [domain.ErrInvalid].
func Validate(def domain.Definition) error {
	_, err := compile(def)
	return err
}

// faults collects what is wrong.
type faults struct {
	where string
	list  []error
}

func (f *faults) add(format string, args ...any) {
	f.list = append(f.list, fmt.Errorf("%s: %s: %w", f.where, fmt.Sprintf(format, args...), domain.ErrInvalid))
}

func compile(def domain.Definition) (plan, error) {
	f := &faults{where: fmt.Sprintf("device %q", def.Device)}
	var p plan
	if def.Driver != domain.DriverHTTP {
		f.add("driver %q is not %q", def.Driver, domain.DriverHTTP)
	}
	if u, err := parseAddress(def.Address); err != nil {
		f.add("address: %v", err)
	} else {
		p.base, p.authority = u.String(), authority(u)
		if u.Scheme == "https" {
			p.tls = u.Hostname()
		}
	}
	if n := len(def.Verbs); n == 0 || n > MaxVerbs {
		f.add("has %d verbs: declare 1 to %d", n, MaxVerbs)
		return p, errors.Join(f.list...)
	}
	p.shape = shapeOf(def, f)
	if def.PollEvery < 0 || (def.PollEvery > 0 && def.PollEvery < minPoll) {
		f.add("poll_every %s: use at least %s, or 0 for never", def.PollEvery, minPoll)
	}
	if def.PollEvery > 0 && len(p.readings) == 0 {
		f.add("poll_every is set, but no verb has a read_url: declare one, or leave poll_every out")
	}
	return p, errors.Join(f.list...)
}

// compileVerbs makes the verbs of a definition ready.
func compileVerbs(def domain.Definition, f *faults) *shape {
	s := &shape{verbs: make(map[string]*verb, len(def.Verbs))}
	for i, v := range def.Verbs {
		vf := &faults{where: fmt.Sprintf("%s, verb %q (number %d)", f.where, v.Name, i+1)}
		if _, twice := s.verbs[v.Name]; twice {
			vf.add("is declared twice: give each verb a name of its own")
		}
		s.verbs[v.Name] = compileVerb(def, v, s, vf)
		f.list = append(f.list, vf.list...)
	}
	return s
}

// minPoll keeps polling from being all that a device does.
const minPoll = 10 * time.Millisecond

func compileVerb(def domain.Definition, v domain.Verb, s *shape, f *faults) *verb {
	out := &verb{Verb: v, timeout: verbTimeout(def, v)}
	if v.Name == "" || len(v.Name) > domain.MaxSubject {
		f.add("name: use 1 to %d bytes", domain.MaxSubject)
	}
	if !slices.Contains([]domain.Effect{domain.Absolute, domain.Queryable, domain.OneShot}, v.Effect) {
		f.add("effect %q: say %q (may be sent twice), %q (the device is read first) or %q (never sent twice)", v.Effect, domain.Absolute, domain.Queryable, domain.OneShot)
	}
	if !slices.Contains([]string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}, v.Method) {
		f.add("method %q: use GET, POST, PUT, PATCH or DELETE", v.Method)
	}
	if v.Method == http.MethodGet && v.Body != "" {
		f.add("has a body, which GET must not have: use another method, or put it into the url")
	}
	if v.Timeout < 0 {
		f.add("timeout %s is negative: leave it out, or set one", v.Timeout)
	}
	if def.ConfirmWithin > 0 && v.Timeout > def.ConfirmWithin {
		f.add("timeout %s is longer than the device's confirm_within %s, so an answer could come after the outcome was decided: shorten the first or lengthen the second", v.Timeout, def.ConfirmWithin)
	}
	arguments(v, out, f)
	out.reading = compileReading(v, s, f)
	return out
}

// arguments checks the templates against the declared arguments.
func arguments(v domain.Verb, out *verb, f *faults) {
	if len(v.Args) > domain.MaxArgs {
		f.add("has %d args: at most %d", len(v.Args), domain.MaxArgs)
	}
	for i, a := range v.Args {
		if a == "" || a == uidField || slices.Contains(v.Args[:i], a) {
			f.add("arg %q: names must be given, differ, and not be %q, which is the command's UID", a, uidField)
		}
	}
	var err error
	if out.url, err = parseURL(v.URL); err != nil {
		f.add("url %q %v", v.URL, err)
	}
	if out.body, err = parseBody(v.Body); err != nil {
		f.add("body %v", err)
	}
	for _, p := range []pattern{out.url, out.body} {
		for _, field := range p.fields() {
			if field != uidField && !slices.Contains(v.Args, field) {
				f.add("a template uses %q, which is not in args: add it there", field)
			}
		}
	}
}

// compileReading checks target, value, read_url and read_at, which belong together.
func compileReading(v domain.Verb, s *shape, f *faults) *reading {
	if v.Effect == domain.OneShot && (v.Target != "" || v.Value != "" || v.ReadURL != "") {
		f.add("a one-shot sets no value: leave target, value and read_url out, or make it absolute or queryable")
		return nil
	}
	if v.Target != "" && !slices.Contains(v.Args, v.Value) {
		f.add("value %q must be the one of its args that becomes the value of target %q", v.Value, v.Target)
	}
	if v.Target == "" && (v.Value != "" || v.ReadURL != "") {
		f.add("has a value or a read_url, but no target: name the parameter that it sets")
	}
	if v.Effect == domain.Queryable && v.ReadURL == "" {
		f.add("is queryable, so the device must be read to decide: give target, value and read_url")
	}
	at, err := parsePointer(v.ReadAt)
	if err != nil {
		f.add("read_at %q %v", v.ReadAt, err)
	}
	if v.ReadURL == "" {
		if v.ReadAt != "" {
			f.add("has a read_at without a read_url: say where to read")
		}
		return nil
	}
	t, err := parseURL(v.ReadURL)
	if err != nil {
		f.add("read_url %q %v", v.ReadURL, err)
		return nil
	}
	if len(t.fields()) > 0 {
		f.add("read_url %q uses an argument, but the value is also read without a command: write the place out", v.ReadURL)
		return nil
	}
	place, err := t.render(nil, MaxURL)
	if err != nil {
		f.add("read_url %q %v", v.ReadURL, err)
		return nil
	}
	r := &reading{target: domain.ParameterTarget(v.Target), url: place, at: at, source: v.ReadURL + " " + v.ReadAt}
	for _, other := range s.readings {
		if other.target == r.target {
			if other.source != r.source {
				f.add("reads target %q at %q, another verb at %q: a target has one place", v.Target, r.source, other.source)
			}
			return other
		}
	}
	s.readings = append(s.readings, r)
	return r
}
