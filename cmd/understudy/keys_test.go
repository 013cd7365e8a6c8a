package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-io/understudy/adapters/codec"
)

func command(t *testing.T, args ...string) (code int, out, errOut string) {
	t.Helper()
	var o, e strings.Builder
	code = run(t.Context(), args, strings.NewReader(""), &o, &e)
	return code, o.String(), e.String()
}

func TestAKeyFileIsMadeOnceAndForItsOwnerOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	code, out, errOut := command(t, "keys", "create", "--file", path)
	if code != exitOK || !strings.Contains(out, "keys_file") {
		t.Fatalf("exit %d: %s%s", code, out, errOut)
	}
	st, err := os.Stat(path)
	if err != nil || st.Mode() != 0o600 {
		t.Errorf("%v, %v; wanted mode 0600", st, err)
	}
	first, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := codec.ParseKeyFile(first)
	if err != nil || len(keys.IDs()) != 1 {
		t.Fatalf("%v, %v", keys.IDs(), err)
	}
	for line := range strings.Lines(string(first)) {
		if words := strings.Fields(line); len(words) == 2 && words[0] == keys.IDs()[0] && strings.Contains(out, words[1]) {
			t.Error("the key itself is shown")
		}
	}

	code, _, errOut = command(t, "keys", "create", "--file", path)
	if code != exitRefused || !strings.Contains(errOut, "left as it is") {
		t.Errorf("a second time: exit %d: %s", code, errOut)
	}
	if now, err := os.ReadFile(path); err != nil || string(now) != string(first) {
		t.Errorf("the keys are overwritten: %v", err)
	}
	if code, _, errOut = command(t, "keys", "create"); code != exitUsage {
		t.Errorf("without a file: exit %d: %s", code, errOut)
	}
	if code, _, errOut = command(t, "keys", "create", "--file", filepath.Join(path, "keys")); code != exitError {
		t.Errorf("in a folder that is none: exit %d: %s", code, errOut)
	}
}

func TestAKeyFileThatOthersCanReadIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	if code, _, errOut := command(t, "keys", "create", "--file", path); code != exitOK {
		t.Fatal(errOut)
	}
	for mode, refused := range map[fs.FileMode]bool{0o600: false, 0o400: false, 0o644: true, 0o604: true, 0o660: true, 0o602: true} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := readKeyFile(path); (err != nil) != refused {
			t.Errorf("mode %04o: %v", mode, err)
		}
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	code, _, errOut := command(t, "server", "--server.name", "A", "--keys_file", path, "--dir", t.TempDir())
	if code != exitError || !strings.Contains(errOut, path+" has mode 0640") || !strings.Contains(errOut, "chmod 600") {
		t.Errorf("the server: exit %d: %s", code, errOut)
	}
	code, _, errOut = command(t, "log", "tail", "--kafka", "127.0.0.1:1", "--keys-file", path)
	if code != exitError || !strings.Contains(errOut, "chmod 600") {
		t.Errorf("log tail: exit %d: %s", code, errOut)
	}
}

// aFile is a file as the system describes it.
type aFile struct {
	mode  fs.FileMode
	owner uint32
}

func (f aFile) Name() string       { return "keys" }
func (f aFile) Size() int64        { return 1 }
func (f aFile) Mode() fs.FileMode  { return f.mode }
func (f aFile) ModTime() time.Time { return time.Time{} }
func (f aFile) IsDir() bool        { return false }
func (f aFile) Sys() any           { return &syscall.Stat_t{Uid: f.owner} }

// TestWhatAServiceManagerHandsOverIsGoodEnough: it owns the file and lets the
// service's group read it; an access list shows as the same mode.
func TestWhatAServiceManagerHandsOverIsGoodEnough(t *testing.T) {
	const root, service = 0, 990
	for _, c := range []struct {
		mode    fs.FileMode
		owner   uint32
		user    int
		refused bool
	}{
		{0o400, service, service, false},
		{0o400, root, root, false},
		{0o440, root, service, false}, // LoadCredential, by an access list
		{0o640, root, service, false}, // root:understudy
		{0o444, root, service, true},
		{0o460, root, service, true},
		{0o440, service, service, true},
		{0o440, root, root, true},
	} {
		if got := tooOpen(aFile{c.mode, c.owner}, c.user); got != c.refused {
			t.Errorf("mode %04o of user %d, read by user %d: refused %v, wanted %v", c.mode, c.owner, c.user, got, c.refused)
		}
	}
}
