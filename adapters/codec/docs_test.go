package codec

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/understudy-io/understudy/domain"
)

func book(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../../docs/log-format.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestTheBookNamesEveryHeaderTypeAndField(t *testing.T) {
	text := book(t)
	for _, name := range headerNames {
		if !strings.Contains(text, "| `"+name+"` |") {
			t.Errorf("header %s has no row in docs/log-format.md", name)
		}
	}
	_, text, ok := strings.Cut(text, "## Values")
	if !ok {
		t.Fatal("no part on values in docs/log-format.md")
	}
	for ty, read := range registry {
		start := strings.Index(text, "| `"+string(ty)+"` |")
		if start < 0 {
			t.Errorf("type %s has no row in docs/log-format.md", ty)
			continue
		}
		for _, field := range fieldsOf(reflect.TypeOf(read(&reader{b: []byte{0x80}}))) {
			if !strings.Contains(text, "`"+field+"`") {
				t.Errorf("field %s of %s is not in docs/log-format.md", field, ty)
			}
		}
		for field := range fieldsIn(reflect.TypeOf(read(&reader{b: []byte{0x80}}))) {
			if !strings.Contains(rowsOf(text[start:]), "`"+field+"`") {
				t.Errorf("field %s is not in the rows of %s in docs/log-format.md", field, ty)
			}
		}
	}
}

// rowsOf cuts the rows of one type out of a table: up to the next type's row or
// the end of the table.
func rowsOf(text string) string {
	var b strings.Builder
	for i, line := range strings.Split(text, "\n") {
		if i > 0 && !strings.HasPrefix(line, "| |") {
			break
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

// fieldsIn are the names of a payload's own fields.
func fieldsIn(t reflect.Type) map[string]bool {
	names := map[string]bool{}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("msgpack"), ",")
		names[name] = true
	}
	return names
}

// fieldsOf are those and the names of the fields in them.
func fieldsOf(t reflect.Type) (names []string) {
	switch t.Kind() {
	case reflect.Slice, reflect.Map:
		return fieldsOf(t.Elem())
	case reflect.Struct:
		for name := range fieldsIn(t) {
			names = append(names, name)
		}
		for i := range t.NumField() {
			names = append(names, fieldsOf(t.Field(i).Type)...)
		}
	}
	return names
}

func TestTheBookNamesEveryDefectOfDecoding(t *testing.T) {
	for _, c := range constants(t, "Defect") {
		if c != "" && !strings.Contains(book(t), "`"+c+"`") {
			t.Errorf("defect %s is not in docs/log-format.md", c)
		}
	}
}

func TestEveryTypeOfTheDomainHasADecoder(t *testing.T) {
	types := constants(t, "Type")
	if len(types) < 30 {
		t.Fatalf("only %d types found in domain/record.go", len(types))
	}
	for _, c := range types {
		if registry[domain.Type(c)] == nil {
			t.Errorf("%s has no decoder; add it to the registry", c)
		}
	}
}

// constants are the values of the constants of one type in domain/record.go.
func constants(t *testing.T, typeName string) (values []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../domain/record.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if id, ok := spec.Type.(*ast.Ident); ok && id.Name == typeName {
			for _, v := range spec.Values {
				text, err := strconv.Unquote(v.(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				values = append(values, text)
			}
		}
		return true
	})
	return values
}
