package main

import (
	"bytes"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/projections/merkle"
)

// signedHead is a signed checkpoint of the log as it is, in a file, and the key that it
// is checked with.
func (l *aLog) signedHead(t *testing.T) (path, key string) {
	t.Helper()
	private, verifier, err := merkle.GenerateKey(rand.Reader, merkle.Name("main"))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := merkle.ParseKeys([]byte(merkle.KeyLine(private, verifier)))
	if err != nil {
		t.Fatal(err)
	}
	head := merkle.Head{Landscape: "main", Time: time.Now(), Epoch: 1}
	records := all(t, l.log, domain.Topic("main", domain.TopicLog))
	for p := range int32(logPartitions) {
		var tree merkle.Tree
		for i := range records[p] {
			tree.Add(&records[p][i])
		}
		head.Roots = append(head.Roots, merkle.RootOf(domain.TopicLog, p, &tree))
	}
	signed, err := keys.Sign(head)
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "head.note")
	if err := os.WriteFile(path, signed, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, verifier
}

func TestACheckedProofSaysWhatItsRecordsSay(t *testing.T) {
	past := newPast(t)
	head, key := past.signedHead(t)
	path := filepath.Join(t.TempDir(), "proof.json")
	past.past(t, "audit", "prove", "u-1", "--device", "videohub-1", "--checkpoint", head, "--to", path)
	code, out, errOut := command(t, "audit", "check", path, "--key", key)
	if code != exitOK {
		t.Fatalf("exit %d: %s", code, errOut)
	}
	for _, want := range []string{"proves 2 records of u-1 on videohub-1", "destination 5 ← source 12", "/panel, for anna", "outcome, as these records say: u-1: confirmed", "--keys-file checks it"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	if code, out, _ := command(t, "audit", "check", path, "--key", key, "--keys-file", past.keys); code != exitOK || strings.Contains(out, "--keys-file checks it") {
		t.Errorf("with the keys: exit %d\n%s", code, out)
	}

	proof, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []struct{ name, was, is string }{
		{"of another command", `"uid": "u-1"`, `"uid": "u-2"`},
		{"of another device, with orders for the terminal", `"device": "videohub-1"`, `"device": "\u001b[2Jgate\u202e-1"`},
	} {
		forged := filepath.Join(t.TempDir(), "forged.json")
		if err := os.WriteFile(forged, bytes.Replace(proof, []byte(f.was), []byte(f.is), 1), 0o600); err != nil {
			t.Fatal(err)
		}
		code, out, errOut := command(t, "audit", "check", forged, "--key", key)
		if code != exitViolated || out != "" || !strings.Contains(errOut, "proves nothing") || strings.ContainsAny(errOut, "\x1b\u202e") {
			t.Errorf("%s: exit %d: %s%q", f.name, code, out, errOut)
		}
	}
}

func TestNothingThatIsPrintedMovesTheCursor(t *testing.T) {
	var out bytes.Buffer
	table := newTable(&out)
	table.text("%s", "a\x1b[2J\u202eb\nc")
	table.row("d\u2028", "e\x00")
	if err := table.flush(); err != nil || out.String() != "a·[2J·b·c\nd·  e·\n" {
		t.Errorf("%q %v", out.String(), err)
	}
}

// TestAFolderThatEndsBeforeACheckpointIsNotChanged: it holds what was there when it was made.
func TestAFolderThatEndsBeforeACheckpointIsNotChanged(t *testing.T) {
	past := newPast(t)
	dir := filepath.Join(t.TempDir(), "export")
	export := []string{"export", "--to", dir, "--kafka", past.address, "--landscape", "main"}
	if code, _, errOut := command(t, export...); code != exitOK {
		t.Fatalf("exit %d: %s", code, errOut)
	}
	past.command("u-3", "videohub-1", domain.Take{Destination: 5, Source: 9})
	head, key := past.signedHead(t)
	compare := func(more ...string) (int, string) {
		code, out, errOut := command(t, append([]string{"audit", "consistency", "--from", head, "--key", key}, more...)...)
		return code, out + errOut
	}
	if code, said := compare("--file", dir); code != exitRefused || !strings.Contains(said, "export again") || strings.Contains(said, "CHANGED") {
		t.Errorf("exit %d: %s", code, said)
	}
	// What cannot be read is named, and by what it was to be.
	for says, args := range map[string][]string{
		"read the signed checkpoint: stat nope: ":                 {"audit", "consistency", "--from", "nope", "--key", key, "--file", dir},
		"read the proof: stat nope: ":                             {"audit", "check", "nope", "--key", key},
		"--witness-key: stat nope: ":                              {"audit", "witness", "--witness-key", "nope", "--seen", "seen", "--key", key, "--file", dir},
		`"nope" is neither a verifier key nor a file with some: `: {"audit", "check", "nope", "--key", "nope"},
	} {
		if code, _, errOut := command(t, args...); code == exitOK || !strings.Contains(errOut, says) || strings.Contains(errOut, ": invalid\n") {
			t.Errorf("%v: exit %d: %s", args, code, errOut)
		}
	}
	if code, _, errOut := command(t, export...); code != exitOK {
		t.Fatalf("exit %d: %s", code, errOut)
	}
	if code, said := compare("--file", dir); code != exitOK {
		t.Errorf("exported again: exit %d: %s", code, said)
	}
}
