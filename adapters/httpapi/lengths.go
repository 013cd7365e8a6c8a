package httpapi

import (
	"context"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// register adds an operation. The maxLength of a schema counts letters, and a record of
// the log is bounded in bytes: so as many bytes is the most that a text may have, and
// more is refused here, before it is on its way.
func register[I, O any](r *routes, op huma.Operation, handler func(context.Context, *I) (*O, error)) {
	texts := textsOf(reflect.TypeFor[I](), nil)
	huma.Register(r.api, op, func(ctx context.Context, in *I) (*O, error) {
		if err := tooLong(texts, reflect.ValueOf(in).Elem()); err != nil {
			return nil, r.fail(err)
		}
		return handler(ctx, in)
	})
}

// text is a field of an input that has a maxLength.
type text struct {
	name  string
	index []int
	most  int
}

func textsOf(t reflect.Type, at []int) (out []text) {
	if t.Kind() != reflect.Struct {
		return nil
	}
	for i := range t.NumField() {
		f, index := t.Field(i), append(at[:len(at):len(at)], i)
		limit, bounded := f.Tag.Lookup("maxLength")
		switch {
		case !bounded:
			out = append(out, textsOf(f.Type, index)...)
		case f.Type.Kind() != reflect.String:
			panic(fmt.Sprintf("%s.%s has a maxLength and is no text", t, f.Name)) // of the code: any test would see it
		default:
			most, err := strconv.Atoi(limit)
			if err != nil {
				panic(fmt.Sprintf("maxLength of %s.%s: %v", t, f.Name, err))
			}
			out = append(out, text{name: nameOf(f), index: index, most: most})
		}
	}
	return out
}

// nameOf is what a request calls a field.
func nameOf(f reflect.StructField) string {
	for _, key := range []string{"json", "query", "path"} {
		if name, _, _ := strings.Cut(f.Tag.Get(key), ","); name != "" {
			return name
		}
	}
	return f.Name
}

func tooLong(texts []text, in reflect.Value) error {
	for _, t := range texts {
		if n := in.FieldByIndex(t.index).Len(); n > t.most {
			return invalid("%s has %d bytes, at most %d are allowed: letters beyond ASCII have more than one; shorten it", t.name, n, t.most)
		}
	}
	return nil
}
