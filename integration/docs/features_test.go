package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	namedTest = regexp.MustCompile("`(Test\\w+)`")
	namedPlay = regexp.MustCompile("`([A-Za-z0-9_]+)`")
	declared  = regexp.MustCompile(`(?m)^func (Test\w+)\(`)
)

// Each test and each play that the list of features names is there.
func TestEveryFeatureNamesTestsThatExist(t *testing.T) {
	tests := testsOfTheProduct(t)
	for n, line := range strings.Split(read(t, "docs/features.md"), "\n") {
		cells := strings.Split(line, "|")
		if len(cells) != 7 || strings.HasPrefix(line, "|---") {
			continue
		}
		last := cells[5]
		for _, m := range namedTest.FindAllStringSubmatch(last, -1) {
			if !tests[m[1]] {
				t.Errorf("docs/features.md:%d names %s, and there is no such test", n+1, m[1])
			}
		}
		if !strings.Contains(last, "play") {
			continue
		}
		for _, m := range namedPlay.FindAllStringSubmatch(last, -1) {
			if strings.HasPrefix(m[1], "Test") {
				continue
			}
			if _, err := os.Stat(filepath.Join(top, "domain/election/testdata", m[1]+".txt")); err != nil {
				t.Errorf("docs/features.md:%d names the play %s, and there is none", n+1, m[1])
			}
		}
	}
}

func testsOfTheProduct(t *testing.T) map[string]bool {
	t.Helper()
	found := make(map[string]bool)
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		b, err := os.ReadFile(path)
		for _, m := range declared.FindAllSubmatch(b, -1) {
			found[string(m[1])] = true
		}
		return err
	})
	if err != nil || len(found) < 100 {
		t.Fatalf("only %d tests found: %v", len(found), err)
	}
	return found
}
