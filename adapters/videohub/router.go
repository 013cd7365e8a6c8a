package videohub

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/understudy-io/understudy/domain"
)

// presence is what the server says of the router behind it.
type presence uint8

const (
	unknownPresence presence = iota
	present
	absent
	needsUpdate
)

// router is what a connection has been told about the device: who it is, and the
// last stated value of every target.
type router struct {
	version         string
	presence        presence
	model           string
	name            string
	uniqueID        string
	inputs, outputs int
	values          map[domain.Target]string
	heard           map[string]bool // headers of the blocks that came
}

func newRouter(version string) *router {
	return &router{version: version, values: map[domain.Target]string{}, heard: map[string]bool{}}
}

// describe takes a VIDEOHUB DEVICE block, whole or in part.
func (r *router) describe(b block) {
	for _, line := range b.lines {
		key, value, _ := field(line)
		switch key {
		case "Device present":
			r.presence = presenceOf(value)
		case "Model name":
			r.model = printable(value)
		case "Friendly name":
			r.name = printable(value)
		case "Unique ID":
			r.uniqueID = printable(value)
		case "Video inputs":
			r.inputs = count(value)
		case "Video outputs":
			r.outputs = count(value)
		}
	}
}

// isAnother says that the block describes another router than the one known.
func (r *router) isAnother(b block) bool {
	next := *r
	next.describe(b)
	return next.uniqueID != r.uniqueID || next.model != r.model || next.inputs != r.inputs || next.outputs != r.outputs
}

func presenceOf(value string) presence {
	switch value {
	case "true":
		return present
	case "needs_update":
		return needsUpdate
	}
	return absent
}

// apply takes a block of states and returns what it states. Blocks and lines that
// are not known give nothing.
func (r *router) apply(b block) []domain.Value {
	var read func(port int, rest string) (domain.Value, bool)
	switch b.header {
	case headRouting:
		read = routingValue
	case headLocks:
		read = lockValue
	case headInputLabel:
		read = labelValue(domain.PortInput)
	case headOutputLabel:
		read = labelValue(domain.PortOutput)
	default:
		return nil
	}
	r.heard[b.header] = true
	stated := make([]domain.Value, 0, len(b.lines))
	for _, line := range b.lines {
		port, rest, ok := item(line)
		if !ok {
			continue
		}
		if v, ok := read(port, rest); ok {
			r.values[v.Target] = v.Value
			stated = append(stated, v)
		}
	}
	return stated
}

func routingValue(port int, rest string) (domain.Value, bool) {
	source, ok := wirePort(strings.TrimSpace(rest))
	return domain.Value{Target: domain.CrosspointTarget(domain.DefaultLevel, port+1), Value: strconv.Itoa(source + 1)}, ok
}

func lockValue(port int, rest string) (domain.Value, bool) {
	v := domain.Value{Target: domain.LockTarget(domain.DefaultLevel, port+1)}
	switch strings.TrimSpace(rest) {
	case "U":
		v.Value = domain.LockOpen
	case "O":
		v.Value = domain.LockOwned
	case "L":
		v.Value = domain.LockForeign
	}
	return v, v.Value != ""
}

func labelValue(kind domain.PortKind) func(int, string) (domain.Value, bool) {
	return func(port int, rest string) (domain.Value, bool) {
		return domain.Value{Target: domain.LabelTarget(kind, port+1), Value: printable(rest)}, true
	}
}

// printable makes a text UTF-8 and bounds it.
func printable(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= domain.MaxText {
		return s
	}
	end := domain.MaxText
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}

// readable says that enough is known to show and drive the router.
func (r *router) readable() bool { return r.presence == present && r.heard[headRouting] }

// all are the values in a fixed order.
func (r *router) all() []domain.Value {
	vs := make([]domain.Value, 0, len(r.values))
	for t, v := range r.values {
		vs = append(vs, domain.Value{Target: t, Value: v})
	}
	slices.SortFunc(vs, func(a, b domain.Value) int { return strings.Compare(string(a.Target), string(b.Target)) })
	return vs
}

// detail says who it is, in a line.
func (r *router) detail() string {
	s := fmt.Sprintf("%s, %dx%d", r.model, r.inputs, r.outputs)
	if r.name != "" {
		s += fmt.Sprintf(", %q", r.name)
	}
	if r.uniqueID != "" {
		s += ", id " + r.uniqueID
	}
	return s + ", protocol " + r.version
}
