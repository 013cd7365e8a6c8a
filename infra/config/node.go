package config

import (
	"cmp"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"
)

// maxNodes bounds what a file may hold, aliases counted each time that they are
// used: ten thousand devices of a hundred values each fit in.
const maxNodes = 4 << 20

// nodes reads a tree of YAML into structs by their koanf tags. Ten thousand devices
// take their time: there is no map in between, and nothing is copied. A fault does
// not end it; all are told with their line.
type nodes struct {
	faults []error
	left   int // nodes that may still be visited
	merges int // that are under way, one in the other
}

func newNodes() *nodes { return &nodes{left: maxNodes} }

// place is where in the file a value stands. It is written out only for a fault.
type place struct {
	above *place
	key   string
	index int // of an entry, if there is no key
}

func (p *place) String() string {
	switch {
	case p == nil:
		return ""
	case p.key == "":
		return fmt.Sprintf("%s[%d]", p.above, p.index)
	case p.above == nil:
		return p.key
	}
	return p.above.String() + "." + p.key
}

func (r *nodes) fault(n *yaml.Node, at *place, format string, args ...any) {
	r.faults = append(r.faults, &FaultError{Line: n.Line, Path: cmp.Or(at.String(), "the file"), Message: fmt.Sprintf(format, args...)})
}

// plain is the node that is meant: that of an alias. It is nil for nothing.
func (r *nodes) plain(n *yaml.Node) *yaml.Node {
	if r.left--; r.left < 0 {
		if r.left == -1 {
			r.fault(n, nil, "holds more than %d values, aliases counted each time: it is no configuration", maxNodes)
		}
		return nil
	}
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return nil // an empty key keeps the default
	}
	return n
}

// value reads a node into v, which keeps what the node does not say.
func (r *nodes) value(n *yaml.Node, at *place, v reflect.Value) {
	n = r.plain(n)
	if n == nil {
		return
	}
	switch {
	case v.Kind() == reflect.Struct:
		r.object(n, at, v)
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct:
		r.list(n, at, v)
	case v.Kind() == reflect.Slice:
		r.texts(n, at, v)
	default:
		r.scalar(n, at, v)
	}
}

// object reads a map into a struct.
func (r *nodes) object(n *yaml.Node, at *place, v reflect.Value) {
	if n.Kind != yaml.MappingNode {
		r.fault(n, at, "holds a single value, but has keys of its own: %s", strings.Join(names(v.Type()), ", "))
		return
	}
	known := fieldsOf(v.Type())
	var given uint64 // the fields that this map itself names
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		field, ok := known[key.Value]
		here := &place{above: at, key: key.Value}
		switch {
		case key.Tag == mergeTag:
		case !ok:
			r.fault(key, here, "is not a known key%s", hint(key.Value, names(v.Type()), at.String()))
		case given&(1<<field) != 0:
			r.fault(key, here, "stands here twice: take one away")
		default:
			given |= 1 << field
		}
	}
	for i := 0; i+1 < len(n.Content); i += 2 { // what is merged in comes first, what is said here counts
		if n.Content[i].Tag == mergeTag {
			r.merge(n.Content[i+1], at, v)
		}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if field, ok := known[key.Value]; ok && key.Tag != mergeTag {
			r.value(n.Content[i+1], &place{above: at, key: key.Value}, v.Field(field))
		}
	}
}

// maxMerges bounds maps that take values from maps that take values from others.
const maxMerges = 16

// mergeTag is that of the key <<.
const mergeTag = "!!merge"

func (r *nodes) merge(n *yaml.Node, at *place, v reflect.Value) {
	if r.merges++; r.merges > maxMerges {
		r.fault(n, &place{above: at, key: "<<"}, "is nested more than %d deep, or takes values from itself", maxMerges)
		return
	}
	defer func() { r.merges-- }()
	n = r.plain(n)
	switch {
	case n == nil:
	case n.Kind == yaml.MappingNode:
		r.object(n, at, v)
	case n.Kind == yaml.SequenceNode:
		for i := len(n.Content) - 1; i >= 0; i-- { // the first one counts
			r.merge(n.Content[i], at, v)
		}
	default:
		r.fault(n, &place{above: at, key: "<<"}, "must be a map, or a list of maps, to take values from")
	}
}

// list reads a list of structs, each with its defaults.
func (r *nodes) list(n *yaml.Node, at *place, v reflect.Value) {
	if n.Kind != yaml.SequenceNode {
		r.fault(n, at, "must be a list: begin each entry with a dash")
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	initial, hasInitial := initials[v.Type().Elem()]
	for i, entry := range n.Content {
		here := &place{above: at, index: i}
		if entry.Kind == yaml.ScalarNode && entry.Tag == "!!null" {
			r.fault(entry, here, "is empty: fill it in, or take the dash away")
			continue
		}
		if hasInitial {
			v.Index(i).Set(initial)
		}
		r.value(entry, here, v.Index(i))
	}
}

// initials are what an entry of a list has that it does not name.
var initials = map[reflect.Type]reflect.Value{
	reflect.TypeOf(DefaultDevice()): reflect.ValueOf(DefaultDevice()),
}

// texts reads a list of texts, or several in one text with commas between them.
func (r *nodes) texts(n *yaml.Node, at *place, v reflect.Value) {
	var out []string
	switch n.Kind {
	case yaml.ScalarNode:
		out = strings.Split(n.Value, ",")
	case yaml.SequenceNode:
		for _, entry := range n.Content {
			if entry = r.plain(entry); entry == nil || entry.Kind != yaml.ScalarNode {
				r.fault(n, at, "must be a list of texts")
				return
			}
			out = append(out, entry.Value)
		}
	default:
		r.fault(n, at, "must be a list of texts")
		return
	}
	v.Set(reflect.ValueOf(out).Convert(v.Type()))
}

func (r *nodes) scalar(n *yaml.Node, at *place, v reflect.Value) {
	if n.Kind != yaml.ScalarNode {
		r.fault(n, at, "must be a single value")
		return
	}
	switch {
	case v.Type() == durationType:
		d, err := time.ParseDuration(n.Value)
		if err != nil {
			r.fault(n, at, "%s is not a duration: write it with its unit, such as 300ms, 10s or 1m", n.Value)
			return
		}
		v.SetInt(int64(d))
	case v.Kind() == reflect.Bool:
		b, err := strconv.ParseBool(n.Value)
		if err != nil {
			r.fault(n, at, "%q is neither true nor false", n.Value)
			return
		}
		v.SetBool(b)
	case v.CanInt():
		i, err := strconv.ParseInt(n.Value, 0, v.Type().Bits())
		if err != nil {
			r.fault(n, at, "%q is not a whole number of at most %d bits", n.Value, v.Type().Bits())
			return
		}
		v.SetInt(i)
	default:
		v.SetString(n.Value)
	}
}

var durationType = reflect.TypeFor[time.Duration]()

// fieldsOf finds the fields of a struct by their keys.
func fieldsOf(t reflect.Type) map[string]int {
	if known, ok := fieldsByType.Load(t); ok {
		return known.(map[string]int) //nolint:forcetypeassert // nothing else is stored
	}
	out := make(map[string]int)
	for i := range t.NumField() {
		if tag := t.Field(i).Tag.Get("koanf"); tag != "-" {
			out[tag] = i
		}
	}
	fieldsByType.Store(t, out)
	return out
}

var fieldsByType sync.Map // reflect.Type → map[string]int

// find gives the value of a key of a map; nil if it is not there.
func find(n *yaml.Node, key string) *yaml.Node {
	if n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}
