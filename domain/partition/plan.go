package partition

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/understudy-io/understudy/domain"
)

// plan is what a command comes to on its device: what doing it twice would
// mean, and which targets it sets to what; or why it cannot be done.
type plan struct {
	effect domain.Effect
	wishes []domain.Value
	only   domain.Value // the wish, if it is one
	single bool
	reason domain.Reason
	detail string
}

// one plans a single wish. The state keeps its value, so it is not to be a part of
// the record's memory.
func (p *plan) one(t domain.Target, value string) {
	p.only, p.single = domain.Value{Target: t, Value: value}, true
}

func (p *plan) refuse(reason domain.Reason, format string, args ...any) {
	p.reason, p.detail = reason, fmt.Sprintf(format, args...)
}

// planOf judges a command by the definition of its device.
func (d *Device) planOf(c domain.Payload) (p plan) {
	if inv, ok := c.(domain.Invoke); ok {
		d.planInvoke(&p, inv)
		return p
	}
	p.effect = domain.Absolute
	if d.Definition.Driver != domain.DriverVideohub {
		p.refuse(domain.ReasonUnknownVerb, "a %s device has no %s; invoke a verb that its definition declares", d.Definition.Driver, typeOf(c))
		return p
	}
	switch c := c.(type) {
	case domain.Take:
		if d.checkTake(&p, c) {
			p.one(d.targets[c.Destination], strconv.Itoa(c.Source))
		}
	case domain.Salvo:
		d.planSalvo(&p, c)
	case domain.SetLabel:
		d.planLabel(&p, c)
	case domain.SetLock:
		d.planLock(&p, c)
	}
	return p
}

func (d *Device) checkTake(p *plan, t domain.Take) bool {
	if !d.checkDestination(p, t.Level, t.Destination) {
		return false
	}
	if t.Source < 1 || t.Source > d.Definition.Inputs {
		p.refuse(domain.ReasonOutOfRange, "source %d is not between 1 and %d", t.Source, d.Definition.Inputs)
		return false
	}
	return true
}

func (d *Device) checkDestination(p *plan, level string, n int) bool {
	if level != "" && level != domain.DefaultLevel {
		p.refuse(domain.ReasonOutOfRange, "level %q is not there; the device has %q only", clip(level), domain.DefaultLevel)
		return false
	}
	if n < 1 || n > d.Definition.Outputs {
		p.refuse(domain.ReasonOutOfRange, "destination %d is not between 1 and %d", n, d.Definition.Outputs)
		return false
	}
	return true
}

func (d *Device) planSalvo(p *plan, c domain.Salvo) {
	if len(c.Takes) == 0 || len(c.Takes) > domain.MaxSalvo {
		p.refuse(domain.ReasonBadArguments, "a salvo has 1 to %d takes, not %d", domain.MaxSalvo, len(c.Takes))
		return
	}
	var seen [maxPorts + 1]bool
	for _, t := range c.Takes {
		if !d.checkTake(p, t) {
			return
		}
		if seen[t.Destination] {
			p.refuse(domain.ReasonBadArguments, "destination %d is in the salvo twice", t.Destination)
			return
		}
		seen[t.Destination] = true
	}
	p.wishes = make([]domain.Value, len(c.Takes))
	for i, t := range c.Takes {
		p.wishes[i] = domain.Value{Target: d.targets[t.Destination], Value: strconv.Itoa(t.Source)}
	}
}

func (d *Device) planLabel(p *plan, c domain.SetLabel) {
	var ports int
	switch c.Port {
	case domain.PortInput:
		ports = d.Definition.Inputs
	case domain.PortOutput:
		ports = d.Definition.Outputs
	default:
		p.refuse(domain.ReasonBadArguments, "port %q is neither input nor output", clip(string(c.Port)))
		return
	}
	switch {
	case c.Number < 1 || c.Number > ports:
		p.refuse(domain.ReasonOutOfRange, "%s %d is not between 1 and %d", c.Port, c.Number, ports)
	case len(c.Text) > domain.MaxText:
		p.refuse(domain.ReasonBadArguments, "a label has at most %d bytes, not %d", domain.MaxText, len(c.Text))
	case !utf8.ValidString(c.Text) || strings.ContainsAny(c.Text, "\r\n"):
		p.refuse(domain.ReasonBadArguments, "a label is one line of UTF-8")
	default:
		p.one(domain.LabelTarget(c.Port, c.Number), strings.Clone(c.Text))
	}
}

func (d *Device) planLock(p *plan, c domain.SetLock) {
	if !d.checkDestination(p, c.Level, c.Destination) {
		return
	}
	switch c.State {
	case domain.LockOn, domain.LockTake:
		p.one(domain.LockTarget(c.Level, c.Destination), domain.LockOwned)
	case domain.LockOff, domain.LockForce:
		p.one(domain.LockTarget(c.Level, c.Destination), domain.LockOpen)
	default:
		p.refuse(domain.ReasonBadArguments, "lock state %q is none of %s, %s, %s, %s", clip(string(c.State)), domain.LockOn, domain.LockOff, domain.LockForce, domain.LockTake)
	}
}

func (d *Device) planInvoke(p *plan, c domain.Invoke) {
	n := d.Definition.VerbNumber(c.Verb)
	if n < 0 || d.Definition.Driver != domain.DriverHTTP {
		p.effect = domain.Absolute
		p.refuse(domain.ReasonUnknownVerb, "verb %q is not in the definition of the device", clip(c.Verb))
		return
	}
	verb := &d.Definition.Verbs[n]
	p.effect = verb.Effect
	if p.effect != domain.Absolute && p.effect != domain.Queryable {
		p.effect = domain.OneShot // also what nobody has classed: never twice
	}
	if !checkArgs(p, verb, c.Args) || p.effect == domain.OneShot || verb.Target == "" || verb.Value == "" {
		return
	}
	p.one(d.targets[n], strings.Clone(c.Args[verb.Value]))
}

func checkArgs(p *plan, verb *domain.Verb, args map[string]string) bool {
	want := len(verb.Args)
	for _, name := range verb.Args {
		if !checkArg(p, name, args) {
			return false
		}
	}
	if verb.Value != "" && !slices.Contains(verb.Args, verb.Value) {
		if !checkArg(p, verb.Value, args) {
			return false
		}
		want++
	}
	if len(args) > want {
		p.refuse(domain.ReasonBadArguments, "%d arguments were given, the verb has %d", len(args), want)
		return false
	}
	return true
}

func checkArg(p *plan, name string, args map[string]string) bool {
	v, ok := args[name]
	switch {
	case !ok:
		p.refuse(domain.ReasonBadArguments, "argument %q is missing", clip(name))
	case len(v) > domain.MaxText || !utf8.ValidString(v):
		p.refuse(domain.ReasonBadArguments, "argument %q is not UTF-8 of at most %d bytes", clip(name), domain.MaxText)
	default:
		return true
	}
	return false
}

// nameTargets makes the names of the targets that most commands set: those of a
// router's crosspoints by destination, those of the parameters by verb. They are
// made once, when the device is configured.
func (d *Device) nameTargets() {
	if d.Definition.Driver == domain.DriverVideohub {
		d.targets = make([]domain.Target, d.Definition.Outputs+1)
		for n := 1; n <= d.Definition.Outputs; n++ {
			d.targets[n] = domain.CrosspointTarget("", n)
		}
		return
	}
	d.targets = make([]domain.Target, len(d.Definition.Verbs))
	for n, v := range d.Definition.Verbs {
		d.targets[n] = domain.ParameterTarget(v.Target)
	}
}

// validity is how long a command may wait before it expires.
func (d *Device) validity(asked time.Duration, e domain.Effect) time.Duration {
	v := asked
	if v <= 0 && e == domain.OneShot {
		v = d.Definition.ValidOneShot
	} else if v <= 0 {
		v = d.Definition.ValidAbsolute
	}
	switch {
	case v <= 0 && e == domain.OneShot:
		v = DefaultValidOneShot
	case v <= 0:
		v = DefaultValidAbsolute
	}
	return min(v, domain.MaxValidFor)
}
