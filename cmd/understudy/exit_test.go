package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/understudy-io/understudy/domain"
)

// Whoever reads an exported folder is told by the code that it is not what its manifest
// says: a monitor reads no sentence.
func TestAnExportThatWasTamperedWithEndsWithItsOwnCode(t *testing.T) {
	l := newLog(t)
	l.add(domain.Record{UID: "u-1", Subject: "videohub-1", User: "anna", Payload: domain.Take{Destination: 5, Source: 12}})
	for name, tamper := range map[string]func(b []byte) []byte{
		"a byte":      func(b []byte) []byte { return bytes.Replace(b, []byte("u-1"), []byte("u-2"), 1) },
		"a line less": func([]byte) []byte { return nil },
	} {
		dir := filepath.Join(t.TempDir(), "export")
		if code, _, errOut := command(t, "export", "--to", dir, "--kafka", l.address, "--landscape", "main"); code != exitOK {
			t.Fatalf("exit %d: %s", code, errOut)
		}
		for _, file := range l.exported(dir) {
			b, err := os.ReadFile(file)
			try(t, err)
			try(t, os.WriteFile(file, tamper(b), 0o600))
		}
		for _, line := range []string{"audit verify", "replay check", "timeline", "explain u-1 --cache none"} {
			code, _, errOut := command(t, append(strings.Fields(line), "--file", dir, "--keys-file", l.keys)...)
			if code != exitViolated || !strings.Contains(errOut, "damaged or was changed") {
				t.Errorf("%s, %s: exit %d, %s", name, line, code, errOut)
			}
		}
	}
}

// exported are the files of an export that hold records of the log.
func (l *aLog) exported(dir string) []string {
	l.t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "log-*"))
	if err != nil || len(files) == 0 {
		l.t.Fatal(err, files)
	}
	return files
}

// A configuration that somebody has exported is written over by nobody.
func TestAConfigurationIsNotExportedOverAnother(t *testing.T) {
	l := newLandscape(t)
	to := filepath.Join(t.TempDir(), "landscape.yaml")
	if code, _, errOut := l.cli(t, "", "config", "export", "--to", to); code != exitOK {
		t.Fatalf("exit %d: %s", code, errOut)
	}
	try(t, os.WriteFile(to, []byte("mine"), 0o600))
	code, _, errOut := l.cli(t, "", "config", "export", "--to", to)
	if b, err := os.ReadFile(to); code != exitRefused || err != nil || string(b) != "mine" {
		t.Errorf("exit %d, %q, %s", code, b, errOut)
	}
}

// A takeover is refused where nobody sits who could be asked. A device like /dev/null is
// no terminal.
func TestNobodyIsAskedWhereNobodySits(t *testing.T) {
	null, err := os.Open(os.DevNull)
	try(t, err)
	defer func() { _ = null.Close() }()
	if isTerminal(null) {
		t.Error("a device is taken for a terminal")
	}
}
