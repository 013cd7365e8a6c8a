package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/understudy-io/understudy/adapters/archive"
	"github.com/understudy-io/understudy/domain"
)

// TestAFileThatWasChangedWithItsSumIsFound: by the tree that the manifest has of each
// file, also of one that was written later.
func TestAFileThatWasChangedWithItsSumIsFound(t *testing.T) {
	past := newPast(t)
	dir := filepath.Join(t.TempDir(), "export")
	past.past(t, "export", "--to", dir)
	past.command("u-3", "videohub-1", domain.Take{Destination: 5, Source: 3})
	past.past(t, "export", "--to", dir)
	verify := []string{"audit", "verify", "--file", dir, "--keys-file", past.keys}
	if _, out, _ := command(t, verify...); strings.Contains(out, "not those of the manifest") {
		t.Fatalf("of a good folder:\n%s", out)
	}
	path := filepath.Join(dir, "manifest.json")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var m archive.Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	p := domain.Partition("videohub-1", logPartitions)
	changed := 0
	for i := range m.Files {
		f := &m.Files[i]
		if f.Topic != domain.Topic("main", domain.TopicLog) || f.Partition != p {
			continue
		}
		if f.Tree == nil || f.Tree.Next != f.Next {
			t.Fatalf("file %s has the tree %+v", f.Name, f.Tree)
		}
		if changed++; changed != 2 {
			continue
		}
		name := filepath.Join(dir, f.Name)
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		b = bytes.Replace(b, []byte(`"/panel"`), []byte(`"/pane1"`), 1)
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(b)
		if text, err = json.Marshal(m); err != nil {
			t.Fatal(err)
		}
		text = bytes.Replace(text, []byte(f.SHA256), []byte(hex.EncodeToString(sum[:])), 1)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		code, out, errOut := command(t, verify...)
		if want := fmt.Sprintf("are not those of the manifest for %s", f.Name); code != exitViolated || !strings.Contains(out, want) {
			t.Errorf("exit %d: %s\n%s", code, errOut, out)
		}
	}
	if changed != 2 {
		t.Errorf("%d files of the partition", changed)
	}
}
