package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// checkShape compares what a file (or a variable, or a flag) says with the
// struct: each key must exist, and each value be of its type. What is meant is
// judged later, by Validate.
func checkShape(name string, value any, t reflect.Type) []error {
	if value == nil {
		return nil // an empty key keeps the default
	}
	switch {
	case t.Kind() == reflect.Struct:
		return checkStruct(name, value, t)
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct:
		return []error{fault(name, "must stand at the top of the file itself, not in what it merges in")}
	case t == reflect.TypeFor[time.Duration]():
		return checkDuration(name, value)
	case t == reflect.TypeFor[TTL]():
		var ttl TTL
		if s, ok := value.(string); !ok || ttl.UnmarshalText([]byte(s)) != nil {
			return []error{fault(name, "%v is neither auto nor a duration such as 300ms", value)}
		}
		return nil
	}
	return checkPlain(name, value, t)
}

func checkStruct(name string, value any, t reflect.Type) (faults []error) {
	m, ok := value.(map[string]any)
	if !ok {
		return []error{fault(name, "holds a single value, but has keys of its own: %s", strings.Join(names(t), ", "))}
	}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		full := join(name, key)
		f, known := field(t, key)
		if !known {
			faults = append(faults, fault(full, "is not a known key%s", hint(key, names(t), name)))
			continue
		}
		faults = append(faults, checkShape(full, m[key], f.Type)...)
	}
	return faults
}

func checkDuration(name string, value any) []error {
	switch v := value.(type) {
	case string:
		if _, err := time.ParseDuration(v); err == nil {
			return nil
		}
	case int:
		if v == 0 {
			return nil
		}
	}
	return []error{fault(name, "%v is not a duration: write it with its unit, such as 300ms, 10s or 1m", value)}
}

func checkPlain(name string, value any, t reflect.Type) []error {
	text, scalar := scalarText(value)
	switch t.Kind() {
	case reflect.Slice:
		list, ok := value.([]any)
		if !ok && scalar {
			return nil // several separated by commas, as a variable or a flag holds them
		}
		for _, entry := range list {
			if _, plain := scalarText(entry); !plain {
				ok = false
			}
		}
		if !ok {
			return []error{fault(name, "must be a list of texts")}
		}
		return nil
	case reflect.Map:
		m, ok := value.(map[string]any)
		for _, entry := range m {
			if _, plain := scalarText(entry); !plain {
				ok = false
			}
		}
		if !ok {
			return []error{fault(name, "must be a map of texts: one line %q each", "from: to")}
		}
		return nil
	}
	if !scalar {
		return []error{fault(name, "must be a single value")}
	}
	switch t.Kind() {
	case reflect.Bool:
		if _, err := strconv.ParseBool(text); err != nil {
			return []error{fault(name, "%q is neither true nor false", text)}
		}
	case reflect.Int, reflect.Int32, reflect.Int64:
		if _, err := strconv.ParseInt(text, 10, t.Bits()); err != nil {
			return []error{fault(name, "%q is not a whole number of at most %d bits", text, t.Bits())}
		}
	}
	return nil
}

// scalarText is a single value as text; false for lists and maps.
func scalarText(v any) (string, bool) {
	switch reflect.ValueOf(v).Kind() {
	case reflect.String, reflect.Bool, reflect.Int, reflect.Int64, reflect.Uint64, reflect.Float64:
		return fmt.Sprint(v), true
	}
	return "", false
}

func join(prefix, key string) string {
	if prefix == "" {
		return key
	}
	return prefix + "." + key
}

func field(t reflect.Type, key string) (reflect.StructField, bool) {
	for f := range t.Fields() {
		if tag := f.Tag.Get("koanf"); tag == key && tag != "-" {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

func names(t reflect.Type) (out []string) {
	for f := range t.Fields() {
		if tag := f.Tag.Get("koanf"); tag != "-" {
			out = append(out, tag)
		}
	}
	return out
}
