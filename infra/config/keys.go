package config

import (
	"reflect"
	"strings"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// Key is one thing that can be set.
type Key struct {
	Name    string // as in messages and flags: election.min_ttl, devices[].id
	Type    string // text, whole number, true or false, duration, …
	Default string
	Meaning string
	Env     string // its environment variable; empty if only the file can set it

	secret bool
	kind   reflect.Type
	index  []int // where it stands in Config
}

// envPrefix begins every environment variable of a server.
const envPrefix = "UNDERSTUDY_"

// Keys are all keys, in the order of the struct.
func Keys() []Key {
	defaults := Default()
	keys := collect(reflect.ValueOf(defaults), "", nil)
	return append(keys, deviceKeys()...)
}

// collect walks the struct. Devices are lists of structs, which a flag or a
// variable cannot hold: deviceKeys has them.
func collect(v reflect.Value, prefix string, at []int) []Key {
	var keys []Key
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name := prefix + f.Tag.Get("koanf")
		index := append(append([]int(nil), at...), i)
		if f.Type.Kind() == reflect.Struct {
			keys = append(keys, collect(v.Field(i), name+".", index)...)
			continue
		}
		k := Key{
			Name: name, Type: typeName(f.Type), Default: show(v.Field(i)), Meaning: f.Tag.Get("doc"),
			secret: f.Tag.Get("secret") != "", kind: f.Type, index: index,
		}
		if f.Type != reflect.TypeFor[[]domain.Definition]() {
			k.Env = envPrefix + strings.ToUpper(strings.ReplaceAll(name, ".", "_"))
		}
		keys = append(keys, k)
	}
	return keys
}

func deviceKeys() []Key {
	keys := definitionKeys(reflect.ValueOf(DefaultDevice()), "devices[].")
	return append(keys, definitionKeys(reflect.ValueOf(domain.Verb{}), "devices[].verbs[].")...)
}

func definitionKeys(v reflect.Value, prefix string) []Key {
	var keys []Key
	for i := range v.NumField() {
		f := v.Type().Field(i)
		tag := f.Tag.Get("koanf")
		if tag == "-" {
			continue
		}
		keys = append(keys, Key{
			Name: prefix + tag, Type: typeName(f.Type), Default: show(v.Field(i)),
			Meaning: definitionMeaning[prefix+tag], kind: f.Type,
		})
	}
	return keys
}

// definitionMeaning tells what the fields of domain.Definition are to an operator.
var definitionMeaning = map[string]string{
	"devices[].id":               "Name of the device, unique in the landscape; the key of its records, so never reuse one",
	"devices[].driver":           "Protocol: videohub or http",
	"devices[].address":          "host:port; for http also a base URL",
	"devices[].inputs":           "Sources of a router, 1 to 288",
	"devices[].outputs":          "Destinations of a router, 1 to 288",
	"devices[].verbs":            "What an HTTP device can do",
	"devices[].confirm_within":   "Time for the device's own report, or its answer, after an action was sent. A router that leaves anything unanswered for so long, a PING or a reading too, or for 1 s, is connected anew",
	"devices[].valid_absolute":   "How old an absolute command may get before it expires instead of being sent",
	"devices[].valid_one_shot":   "The same for one-shots",
	"devices[].standby_polling":  "Standbys hold a connection too, to read (hot); false: only the primary connects (warm), for a device that accepts one connection",
	"devices[].poll_every":       "How often a device is read that does not report by itself; 0 means never",
	"devices[].on_reconnect":     "adopt takes over what a returning device reports, restore sends the last wishes again, when the primary sees it come back; one that restarted while nobody was primary, and is connected to a standby again by then, is not noticed",
	"devices[].verbs[].name":     "Name of the verb, as commands call it",
	"devices[].verbs[].effect":   "absolute (may be sent twice), queryable (the device is read first) or one-shot (never sent twice)",
	"devices[].verbs[].method":   "GET, POST, PUT, PATCH or DELETE",
	"devices[].verbs[].url":      "Template of the URL below the address: /level/{{path .name}}?to={{query .value}}",
	"devices[].verbs[].body":     "Template of the body: {{json .arg}} is a quoted string, {{literal .arg}} a number, true or false, {{text .arg}} the argument as it is",
	"devices[].verbs[].args":     "Arguments that a command must give; .uid is always there",
	"devices[].verbs[].target":   "The parameter that the verb sets",
	"devices[].verbs[].value":    "The argument that becomes the target's value",
	"devices[].verbs[].read_url": "Where the value is read, below the address; it confirms the action",
	"devices[].verbs[].read_at":  "JSON pointer (RFC 6901) to the value in what is read there; empty means all of it",
	"devices[].verbs[].timeout":  "Time for the answer; empty means confirm_within",
}

func typeName(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return "duration"
	case t == reflect.TypeFor[TTL]():
		return "auto or duration"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int32, reflect.Int64:
		return "whole number"
	case reflect.Map:
		return "map of text"
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Struct {
			return "list"
		}
		return "list of text"
	}
	return "text"
}
