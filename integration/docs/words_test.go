package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// constants are the texts of a file's constants.
func constants(t *testing.T, path string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, read(t, path), 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, d := range file.Decls {
		decl, ok := d.(*ast.GenDecl)
		if !ok || decl.Tok != token.CONST {
			continue
		}
		ast.Inspect(decl, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				text, err := strconv.Unquote(lit.Value)
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, text)
			}
			return true
		})
	}
	return out
}

func TestProducersFindEveryOutcomeAndReason(t *testing.T) {
	text := read(t, "docs/producers.md")
	all := constants(t, "domain/outcome.go")
	if len(all) < 20 {
		t.Fatalf("only %d outcomes and reasons found", len(all))
	}
	for _, word := range all {
		if !strings.Contains(text, "| `"+word+"` |") {
			t.Errorf("docs/producers.md does not explain %s", word)
		}
	}
}

func TestOperatorsFindEveryMetric(t *testing.T) {
	text := read(t, "docs/operators.md")
	names := regexp.MustCompile(`NewDesc\("(\w+)"`).FindAllStringSubmatch(read(t, "infra/server/metrics.go"), -1)
	if len(names) < 10 {
		t.Fatalf("only %d metrics found", len(names))
	}
	known := make(map[string]bool)
	for _, m := range names {
		known[m[1]] = true
		if !strings.Contains(text, "`"+m[1]) {
			t.Errorf("docs/operators.md does not explain %s", m[1])
		}
	}
	for _, name := range regexp.MustCompile(`understudy_\w+`).FindAllString(text, -1) {
		if !known[name] {
			t.Errorf("docs/operators.md speaks of %s, which is no metric", name)
		}
	}
}
