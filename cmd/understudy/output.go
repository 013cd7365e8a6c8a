package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
)

// The forms of output.
const (
	formTable = "table"
	formJSON  = "json"
	formYAML  = "yaml"
)

// screen is where a command prints, and in which form.
type screen struct {
	out  io.Writer
	form string
}

func newScreen(cmd *cobra.Command, form string) (*screen, error) {
	switch form {
	case formTable, formJSON, formYAML:
		return &screen{out: cmd.OutOrStdout(), form: form}, nil
	}
	return nil, usage("output %q: give table, json or yaml", form)
}

// show prints a value: as data, or as the table that people read.
func (s *screen) show(v any, table func(t *table)) error {
	switch s.form {
	case formJSON:
		enc := json.NewEncoder(s.out)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		return enc.Encode(v)
	case formYAML:
		b, err := toYAML(v)
		if err != nil {
			return err
		}
		_, err = s.out.Write(b)
		return err
	}
	t := newTable(s.out)
	table(t)
	return t.flush()
}

// toYAML gives the JSON form in YAML: the same names, in the same order.
func toYAML(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(b, &doc); err != nil {
		return nil, fmt.Errorf("write YAML: %w", err)
	}
	inBlocks(&doc)
	return yaml.Marshal(&doc)
}

// inBlocks drops JSON's braces; quotes are kept where YAML needs them.
func inBlocks(n *yaml.Node) {
	if len(n.Content) > 0 || n.Kind == yaml.ScalarNode {
		n.Style = 0
	}
	for _, c := range n.Content {
		inBlocks(c)
	}
}

// table aligns columns. Nothing in it is said by colour.
type table struct {
	w   *tabwriter.Writer
	err error
}

func newTable(w io.Writer) *table {
	return &table{w: tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
}

// row prints cells, "-" for empty ones.
func (t *table) row(cells ...any) {
	for i, c := range cells {
		text := oneLine(fmt.Sprint(c))
		if text == "" {
			text = "-"
		}
		end := "\t"
		if i == len(cells)-1 {
			end = "\n"
		}
		t.print(text + end)
	}
}

// field prints a name and its value, nothing if the value is empty.
func (t *table) field(name string, value any) {
	if text := fmt.Sprint(value); text != "" {
		t.row("  "+name, text)
	}
}

// text prints a line outside of the columns; those before it are aligned alone.
func (t *table) text(format string, args ...any) {
	t.err = firstOf(t.err, t.w.Flush())
	t.print(oneLine(strings.ReplaceAll(fmt.Sprintf(format, args...), "\t", " ")) + "\n")
	t.err = firstOf(t.err, t.w.Flush())
}

// block prints several lines.
func (t *table) block(text string) {
	for line := range strings.Lines(text) {
		t.text("%s", strings.TrimSuffix(line, "\n"))
	}
}

func (t *table) print(s string) {
	_, err := io.WriteString(t.w, s)
	t.err = firstOf(t.err, err)
}

func (t *table) flush() error { return firstOf(t.err, t.w.Flush()) }

func firstOf(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// oneLine keeps what devices and producers said from moving the columns, or the
// cursor of a terminal, and from being read in another order than it stands in.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if moves(r) {
			return '·'
		}
		return r
	}, s)
}

// moves says whether a terminal does something else with a letter than to show it.
func moves(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }

// visible is oneLine for what may have several lines.
func visible(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = oneLine(lines[i])
	}
	return strings.Join(lines, "\n")
}

// short rounds a duration to what a person reads.
func short(d time.Duration) string {
	switch {
	case d >= time.Minute:
		return d.Round(time.Second).String()
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(10 * time.Microsecond).String()
}

func shortMs(m httpapi.Milliseconds) string { return short(m.Duration()) }

// inWords says in short what a command asks for.
func inWords(p domain.Payload) string {
	switch p := p.(type) {
	case domain.Take:
		return takeInWords(p)
	case domain.Salvo:
		return fmt.Sprintf("salvo of %d", len(p.Takes))
	case domain.SetLabel:
		return fmt.Sprintf("label of %s %d: %q", p.Port, p.Number, p.Text)
	case domain.SetLock:
		return fmt.Sprintf("%s destination %d%s", p.State, p.Destination, ofLevel(p.Level))
	case domain.Invoke:
		words := []string{p.Verb}
		for _, k := range slices.Sorted(maps.Keys(p.Args)) {
			words = append(words, k+"="+p.Args[k])
		}
		return strings.Join(words, " ")
	case domain.Resolve:
		return fmt.Sprintf("resolve %s as %s: %s", p.UID, p.As, p.Reason)
	}
	return ""
}

func takeInWords(p domain.Take) string {
	return fmt.Sprintf("destination %d ← source %d%s", p.Destination, p.Source, ofLevel(p.Level))
}

func ofLevel(level string) string {
	if level == "" || level == domain.DefaultLevel {
		return ""
	}
	return " of level " + level
}

// wishInWords is inWords for what the API tells.
func wishInWords(w httpapi.Wish) string {
	p, err := w.Decode()
	if err != nil {
		return string(w.Type)
	}
	return inWords(p)
}
