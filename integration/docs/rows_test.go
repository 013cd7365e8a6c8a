package docs_test

import (
	"fmt"
	"strings"
	"testing"
)

// rows are those of the list of features that membership, roles and configuration are
// made of.
func rows() (out []string) {
	for _, span := range []struct {
		letter   string
		from, to int
	}{
		{"V", 1, 2}, {"V", 4, 4}, {"V", 6, 6}, {"V", 8, 17}, {"V", 20, 20}, {"V", 22, 36}, {"T", 1, 1}, {"T", 3, 14},
		{"D", 2, 2}, {"D", 4, 4}, {"H", 7, 9}, {"H", 14, 14}, {"H", 22, 22}, {"P", 9, 13}, {"P", 15, 17},
	} {
		for n := span.from; n <= span.to; n++ {
			out = append(out, fmt.Sprint(span.letter, n))
		}
	}
	return out
}

// Each row stands in docs/features.md, with a test or a play.
func TestEveryRowOfTheListHasATest(t *testing.T) {
	told := make(map[string]string)
	for line := range strings.Lines(read(t, "docs/features.md")) {
		cells := strings.Split(line, "|")
		if len(cells) != 7 {
			continue
		}
		for _, id := range strings.Split(cells[1], ",") {
			told[strings.TrimSpace(id)] = cells[5]
		}
	}
	for _, row := range rows() {
		switch test, ok := told[row]; {
		case !ok:
			t.Errorf("docs/features.md does not tell of %s", row)
		case !strings.Contains(test, "`"):
			t.Errorf("docs/features.md names no test of %s", row)
		}
	}
}
