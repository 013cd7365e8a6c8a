package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Setting is one key with its value and where that came from.
type Setting struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Origin string `json:"origin"` // default, file <path>, environment <variable>, flag --<key>
}

const (
	fromDefault = "default"
	redacted    = "(set, not shown)"
)

// Explain tells each key's value and origin, in the order of the struct, the
// devices last. It never shows a secret.
func (l *Loaded) Explain() []Setting {
	v := reflect.ValueOf(l.Config)
	var out []Setting
	for _, key := range Keys() {
		if key.index == nil || key.Name == "devices" {
			continue
		}
		s := Setting{Key: key.Name, Value: show(v.FieldByIndex(key.index)), Origin: l.origin(key.Name)}
		if key.secret && s.Value != "" {
			s.Value = redacted
		}
		out = append(out, s)
	}
	for i := range l.Config.Devices {
		out = append(out, l.explainDevice(i)...)
	}
	return out
}

// Given tells whether anything but a default says what a key is.
func (l *Loaded) Given(key string) bool { return l.origins[key] != "" }

func (l *Loaded) origin(key string) string {
	if o, ok := l.origins[key]; ok {
		return o
	}
	return fromDefault
}

func (l *Loaded) explainDevice(i int) (out []Setting) {
	d := reflect.ValueOf(l.Config.Devices[i])
	name := fmt.Sprintf("devices[%d]", i)
	var given *yaml.Node
	if l.devices != nil && i < len(l.devices.Content) {
		given = l.devices.Content[i]
	}
	origin := func(entry *yaml.Node, key string) string {
		if value := find(entry, key); value == nil || value.Tag == "!!null" {
			return fromDefault
		}
		return l.origin("devices")
	}
	for f, v := range d.Fields() {
		tag := f.Tag.Get("koanf")
		if tag == "-" || tag == "verbs" {
			continue
		}
		out = append(out, Setting{Key: join(name, tag), Value: show(v), Origin: origin(given, tag)})
	}
	verbs := find(given, "verbs")
	for n, verb := range l.Config.Devices[i].Verbs {
		var entry *yaml.Node
		if verbs != nil && n < len(verbs.Content) {
			entry = verbs.Content[n]
		}
		for f, v := range reflect.ValueOf(verb).Fields() {
			tag := f.Tag.Get("koanf")
			out = append(out, Setting{Key: fmt.Sprintf("%s.verbs[%d].%s", name, n, tag), Value: show(v), Origin: origin(entry, tag)})
		}
	}
	return out
}

// show writes a value as it would be written in the file.
func show(v reflect.Value) string {
	if d, ok := v.Interface().(time.Duration); ok {
		return short(d)
	}
	switch v.Kind() {
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Struct {
			return ""
		}
		parts := make([]string, v.Len())
		for i := range parts {
			parts[i] = show(v.Index(i))
		}
		return strings.Join(parts, ",")
	case reflect.Map:
		m, _ := v.Interface().(map[string]string)
		var parts []string
		for _, key := range slices.Sorted(maps.Keys(m)) {
			parts = append(parts, key+"="+m[key])
		}
		return strings.Join(parts, ",")
	}
	return fmt.Sprint(v.Interface())
}

// short is a duration without the zeros at its end: 1m, not 1m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
