// Package docs_test keeps the pages true: links lead somewhere, commands parse,
// examples are those that are tested, and what the code can say is explained.
package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const top = "../.."

// page is one Markdown file.
type page struct {
	path  string // from the top of the repository
	lines []string
}

func pages(t *testing.T) []page {
	t.Helper()
	var out []page
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != top && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if d.IsDir() || filepath.Ext(path) != ".md" {
			return nil
		}
		rel, err := filepath.Rel(top, path)
		if err == nil {
			out = append(out, page{rel, strings.Split(read(t, rel), "\n")})
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 10 {
		t.Fatalf("only %d pages found", len(out))
	}
	return out
}

// read gives a file of the repository.
func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(top, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// walk calls each for every line, with the language of the code block that it
// stands in ("text" for one without), or "" outside of all.
func (p *page) walk(each func(number int, block, line string)) {
	block := ""
	for i, line := range p.lines {
		if fence, ok := strings.CutPrefix(strings.TrimSpace(line), "```"); ok {
			switch {
			case block != "":
				block = ""
			case fence == "":
				block = "text"
			default:
				block = fence
			}
			continue
		}
		each(i+1, block, line)
	}
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

func TestEveryLinkLeadsSomewhere(t *testing.T) {
	all := make(map[string]page)
	for _, p := range pages(t) {
		all[p.path] = p
	}
	for _, p := range all {
		p.walk(func(n int, block, line string) {
			if block != "" {
				return
			}
			for _, m := range link.FindAllStringSubmatch(line, -1) {
				if strings.Contains(m[1], "://") {
					continue
				}
				file, anchor, _ := strings.Cut(m[1], "#")
				target := p.path
				if file != "" {
					target = filepath.Join(filepath.Dir(p.path), file)
				}
				if _, err := os.Stat(filepath.Join(top, target)); err != nil {
					t.Errorf("%s:%d: %s is not there", p.path, n, m[1])
					continue
				}
				if other := all[target]; anchor != "" && !other.has(anchor) {
					t.Errorf("%s:%d: %s has no heading for #%s", p.path, n, target, anchor)
				}
			}
		})
	}
}

var unslugged = regexp.MustCompile(`[^a-z0-9 _-]`)

// has says whether a heading of the page has this anchor.
func (p *page) has(anchor string) bool {
	found := false
	p.walk(func(_ int, block, line string) {
		if heading := strings.TrimLeft(line, "#"); block == "" && heading != line {
			slug := unslugged.ReplaceAllString(strings.ToLower(strings.TrimSpace(heading)), "")
			found = found || strings.ReplaceAll(slug, " ", "-") == anchor
		}
	})
	return found
}

func TestTheExamplesAreThoseThatAreTried(t *testing.T) {
	text := read(t, "docs/producers.md")
	for _, file := range []string{"integration/examples/goproducer/main.go", "integration/examples/python/producer.py"} {
		if !strings.Contains(text, "\n"+read(t, file)+"```\n") {
			t.Errorf("docs/producers.md does not show %s as it is: copy the file into its code block", file)
		}
	}
}
