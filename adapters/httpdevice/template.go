package httpdevice

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"text/template/parse"

	"github.com/understudy-io/understudy/domain"
)

// pattern is a template whose every argument passes through an escape, so that
// no argument can reach beyond its place. It has neither loops nor conditions:
// what it gives is as long as its text and its arguments.
type pattern []part

// part is a text as it stands, or an argument.
type part struct {
	text   string // or the name of the argument
	escape escape // of an argument
}

// escape makes an argument's value fit its place.
type escape func(string) (string, error)

// uidField is the field of a template that gives the command's UID.
const uidField = "uid"

var escapes = map[string]escape{
	"path":    escapePath,
	"query":   func(s string) (string, error) { return url.QueryEscape(s), nil },
	"json":    escapeJSON,
	"literal": escapeLiteral,
	"text":    func(s string) (string, error) { return s, nil },
}

// functions are the names of the escapes, for the parser.
var functions = func() map[string]any {
	names := make(map[string]any)
	for name, escape := range escapes {
		names[name] = escape
	}
	return names
}()

// parseURL compiles the template of a URL below the device's address.
func parseURL(text string) (pattern, error) {
	if !strings.HasPrefix(text, "/") || strings.HasPrefix(text, "//") {
		return nil, errors.New("must begin with a single slash: it is relative to the device's address")
	}
	escape := "path"
	return parsePattern(text, MaxURL, func(literal string) error {
		if strings.ContainsAny(literal, "# \t\r\n\\") {
			return errors.New("must not contain a space, a backslash or a fragment (#): escape them as %20, %5C, %23")
		}
		if strings.Contains(literal, "?") {
			escape = "query"
		}
		return nil
	}, func(name string) error {
		if name != escape {
			return fmt.Errorf("arguments before the question mark are written {{path .name}}, those after it {{query .name}}; found %q", name)
		}
		return nil
	})
}

// parseBody compiles the template of a request's body.
func parseBody(text string) (pattern, error) {
	return parsePattern(text, MaxRequest,
		func(string) error { return nil },
		func(name string) error {
			if name == "json" || name == "literal" || name == "text" {
				return nil
			}
			return fmt.Errorf("arguments of a body are written {{json .name}} (a quoted string), {{literal .name}} (a number, true, false) or {{text .name}} (as it is); found %q", name)
		})
}

// parsePattern hands each literal text and each escape to its judge, in order.
func parsePattern(text string, limit int, literal, escape func(string) error) (pattern, error) {
	if len(text) > limit {
		return nil, fmt.Errorf("is longer than %d bytes", limit)
	}
	trees, err := parse.Parse("", text, "", "", functions)
	if err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "template: "))
	}
	if len(trees) != 1 {
		return nil, errNotPlain
	}
	var p pattern
	for _, node := range trees[""].Root.Nodes {
		switch n := node.(type) {
		case *parse.TextNode:
			if err := literal(string(n.Text)); err != nil {
				return nil, err
			}
			p = append(p, part{text: string(n.Text)})
		case *parse.ActionNode:
			field, name, err := substitution(n)
			if err != nil {
				return nil, err
			}
			if err := escape(name); err != nil {
				return nil, err
			}
			p = append(p, part{text: field, escape: escapes[name]})
		default:
			return nil, errNotPlain
		}
	}
	return p, nil
}

var errNotPlain = errors.New("may only hold text and arguments with an escape, such as {{path .name}} or {{json .name}}")

// substitution takes {{escape .field}} or {{.field | escape}} apart.
func substitution(n *parse.ActionNode) (field, escape string, err error) {
	if len(n.Pipe.Decl) > 0 {
		return "", "", errNotPlain
	}
	var words []parse.Node
	for _, c := range n.Pipe.Cmds {
		words = append(words, c.Args...)
	}
	if len(n.Pipe.Cmds) == 2 {
		slices.Reverse(words)
	}
	if len(words) == 1 {
		if f, ok := words[0].(*parse.FieldNode); ok && len(f.Ident) == 1 {
			return "", "", fmt.Errorf("argument %q has no escape: write {{path .%[1]s}}, {{query .%[1]s}}, {{json .%[1]s}}, {{literal .%[1]s}} or {{text .%[1]s}}", f.Ident[0])
		}
	}
	if len(words) != 2 || len(n.Pipe.Cmds) > 2 {
		return "", "", errNotPlain
	}
	name, ok1 := words[0].(*parse.IdentifierNode)
	f, ok2 := words[1].(*parse.FieldNode)
	if !ok1 || !ok2 || len(f.Ident) != 1 {
		return "", "", errNotPlain
	}
	return f.Ident[0], name.Ident, nil
}

// fields are the arguments that it uses.
func (p pattern) fields() (names []string) {
	for _, x := range p {
		if x.escape != nil {
			names = append(names, x.text)
		}
	}
	return names
}

// render fills the arguments in.
func (p pattern) render(arguments map[string]string, limit int) (string, error) {
	var b strings.Builder
	for _, x := range p {
		text := x.text
		if x.escape != nil {
			value, given := arguments[x.text]
			if !given {
				return "", fmt.Errorf("argument %q is missing: %w", x.text, domain.ErrInvalid)
			}
			var err error
			if text, err = x.escape(value); err != nil {
				return "", fmt.Errorf("argument %q: %w: %w", x.text, err, domain.ErrInvalid)
			}
		}
		if b.Len()+len(text) > limit {
			return "", fmt.Errorf("with its arguments it is longer than %d bytes: %w", limit, domain.ErrInvalid)
		}
		b.WriteString(text)
	}
	return b.String(), nil
}

// escapePath makes s one segment of a path. The segments "." and ".." would
// name another place whatever their escape, and an empty one would vanish.
func escapePath(s string) (string, error) {
	if s == "" || s == "." || s == ".." {
		return "", fmt.Errorf("%q cannot be a part of a path", s)
	}
	return url.PathEscape(s), nil
}

// escapeJSON makes s a quoted JSON string.
func escapeJSON(s string) (string, error) {
	b, err := json.Marshal(s)
	return string(b), err
}

// escapeLiteral lets a JSON number, true, false and null through, and nothing else.
func escapeLiteral(s string) (string, error) {
	var v any
	if err := json.Unmarshal([]byte(s), &v); err == nil {
		switch v.(type) {
		case float64, bool, nil:
			return strings.TrimSpace(s), nil
		}
	}
	return "", fmt.Errorf("%q is not a number, true, false or null", s)
}
