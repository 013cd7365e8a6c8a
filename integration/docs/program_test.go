package docs_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// program is the built binary, and what its commands say of themselves.
type program struct {
	binary   string
	commands map[string]*command // by path, "route set"
}

// command is what --help tells.
type command struct {
	inner []string        // names of the commands below it
	args  int             // operands
	flags map[string]bool // with dashes; true if it takes a value
}

// TestMain builds the program once, for all tests.
func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "understudy-docs-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	built.binary = filepath.Join(folder, "understudy")
	c := exec.Command("go", "build", "-o", built.binary, "./cmd/understudy")
	c.Dir, c.Stdout, c.Stderr = top, os.Stdout, os.Stderr
	code := 1
	if c.Run() == nil {
		code = m.Run()
	}
	_ = os.RemoveAll(folder)
	os.Exit(code)
}

var built = program{commands: make(map[string]*command)}

var (
	flagLine  = regexp.MustCompile(`^ +(?:(-\w), )?(--[\w.-]+)(?: (\w+))?(?:  |$)`)
	innerLine = regexp.MustCompile(`^  ([a-z]+) +\S`)
	operand   = regexp.MustCompile(` [A-Z]+\b`)
)

// command asks a command for its help, once.
func (p *program) command(t *testing.T, path ...string) *command {
	t.Helper()
	key := strings.Join(path, " ")
	if c := p.commands[key]; c != nil {
		return c
	}
	out, err := exec.CommandContext(t.Context(), p.binary, append(slices.Clone(path), "--help")...).Output()
	if err != nil {
		t.Fatalf("understudy %s --help: %v", key, err)
	}
	c := &command{flags: make(map[string]bool)}
	section := ""
	for line := range strings.Lines(string(out)) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasSuffix(line, ":") && !strings.HasPrefix(line, " "):
			section = line
		case section == "Usage:" && strings.HasPrefix(line, "  understudy"):
			c.args = max(c.args, len(operand.FindAllString(line, -1)))
		case section == "Available Commands:":
			if m := innerLine.FindStringSubmatch(line); m != nil {
				c.inner = append(c.inner, m[1])
			}
		case strings.HasSuffix(section, "Flags:"):
			if m := flagLine.FindStringSubmatch(line); m != nil {
				c.flags[m[1]], c.flags[m[2]] = m[3] != "", m[3] != ""
			}
		}
	}
	p.commands[key] = c
	return c
}

// check says what is wrong with the words of a command line. One that is only
// mentioned in a sentence may leave out its operands.
func (p *program) check(t *testing.T, words []string, mentioned bool) error {
	t.Helper()
	var path []string
	c := p.command(t)
	for len(words) > 0 && slices.Contains(c.inner, words[0]) {
		path, words = append(path, words[0]), words[1:]
		c = p.command(t, path...)
	}
	operands := 0
	for i := 0; i < len(words); i++ {
		w := words[i]
		if !strings.HasPrefix(w, "-") || w == "-" {
			operands++
			continue
		}
		name, _, given := strings.Cut(w, "=")
		valued, ok := c.flags[name]
		if !ok {
			return fmt.Errorf("%q has no flag %s", strings.Join(path, " "), name)
		}
		if valued && !given && i+1 < len(words) && !strings.HasPrefix(words[i+1], "-") {
			i++
		}
	}
	if len(c.inner) > 0 && operands > 0 && c.args == 0 {
		return fmt.Errorf("%q has no command %s", strings.Join(path, " "), words[0])
	}
	if operands > c.args || operands < c.args && !mentioned {
		return fmt.Errorf("%q takes %d operands, not %d", strings.Join(path, " "), c.args, operands)
	}
	return nil
}

// words splits a command line as a shell would, up to a pipe, a comment or a
// redirection.
func words(line string) []string {
	var out []string
	var word strings.Builder
	quote, in := rune(0), false
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '"' || r == '\'':
			quote, in = r, true
		case r == ' ' && in:
			out, in = append(out, word.String()), false
			word.Reset()
		case r == ' ':
		case strings.ContainsRune("|#>;&", r) && !in:
			return out
		default:
			word.WriteRune(r)
			in = true
		}
	}
	if in {
		out = append(out, word.String())
	}
	return out
}
