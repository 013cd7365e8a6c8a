package configuration

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// The kinds of a change.
const (
	Added   = "added"
	Removed = "removed"
	Changed = "changed"
)

// Change is one difference between two configurations.
type Change struct {
	Section string  `json:"section" enum:"devices,ports,panels,mappings,policy"`
	ID      string  `json:"id,omitempty"`
	Kind    string  `json:"kind" enum:"added,removed,changed"`
	Fields  []Field `json:"fields,omitempty"` // of a change
}

// Field is one value that differs.
type Field struct {
	Name   string `json:"name"`
	Before string `json:"before"`
	After  string `json:"after"`
}

// Diff tells what has to change to get from one to the other. Both are sorted.
func Diff(before, after *Configuration) (out []Change) {
	out = section(out, "devices", before.Devices, after.Devices, func(d *domain.Definition) string { return d.Device })
	out = section(out, "ports", before.Ports, after.Ports, func(p *Port) string { return p.ID })
	out = section(out, "panels", before.Panels, after.Panels, func(p *Panel) string { return p.ID })
	out = section(out, "mappings", before.Mappings, after.Mappings, func(m *Mapping) string { return m.Name })
	if before.Policy != after.Policy {
		out = append(out, Change{Section: "policy", Kind: Changed, Fields: fields(&before.Policy, &after.Policy)})
	}
	return out
}

// section walks through two sorted lists side by side.
func section[T any](out []Change, name string, before, after []T, id func(*T) string) []Change {
	for len(before) > 0 || len(after) > 0 {
		var order int
		switch {
		case len(before) == 0:
			order = 1
		case len(after) == 0:
			order = -1
		default:
			order = strings.Compare(id(&before[0]), id(&after[0]))
		}
		switch {
		case order < 0:
			out = append(out, Change{Section: name, ID: id(&before[0]), Kind: Removed})
			before = before[1:]
		case order > 0:
			out = append(out, Change{Section: name, ID: id(&after[0]), Kind: Added})
			after = after[1:]
		default:
			if f := fields(&before[0], &after[0]); len(f) > 0 {
				out = append(out, Change{Section: name, ID: id(&before[0]), Kind: Changed, Fields: f})
			}
			before, after = before[1:], after[1:]
		}
	}
	return out
}

// fields tells which differ, by the names that they have in a file.
func fields[T any](before, after *T) (out []Field) {
	b, a := reflect.ValueOf(before).Elem(), reflect.ValueOf(after).Elem()
	for i := range b.NumField() {
		name := b.Type().Field(i).Tag.Get("koanf")
		if name == "-" || reflect.DeepEqual(b.Field(i).Interface(), a.Field(i).Interface()) {
			continue
		}
		out = append(out, Field{Name: name, Before: show(b.Field(i)), After: show(a.Field(i))})
	}
	return out
}

func show(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case time.Duration:
		return x.String()
	case []domain.Verb:
		names := make([]string, len(x))
		for i := range x {
			names[i] = x[i].Name
		}
		return strings.Join(names, ",")
	case []string:
		return strings.Join(x, ",")
	}
	return fmt.Sprint(v.Interface())
}
