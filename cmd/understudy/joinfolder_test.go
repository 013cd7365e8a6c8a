package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/understudy-io/understudy/adapters/httpapi"
)

// What a folder holds is looked at before a token is used: it is good once.
func TestAFolderThatIsNotFreeIsRefusedBeforeATokenIsUsed(t *testing.T) {
	a := &httpapi.Admission{Landscape: "main", Partitions: 8, Brokers: []string{"127.0.0.1:1"}, KeysHash: hashOf([]byte("k1\n")), Keys: "k1\n"}
	for name, test := range map[string]struct {
		spoil    func(j *joiner)
		prepared bool
		fault    string
	}{
		"an empty folder":         {func(*joiner) {}, false, ""},
		"the key of a first try":  {func(j *joiner) { put(t, j, "keys", "k1\n") }, false, ""},
		"all of it":               {func(j *joiner) { try(t, j.write(a)) }, true, ""},
		"a stale key":             {func(j *joiner) { put(t, j, "keys", "k0\n") }, false, "is there already and is another file"},
		"a stale key of a server": {func(j *joiner) { try(t, j.write(a)); put(t, j, "keys", "k0\n") }, false, "is there already and is another file"},
		"a key that is gone":      {func(j *joiner) { try(t, j.write(a)); try(t, os.Remove(j.file("keys"))) }, false, "which is not there"},
		"no configuration":        {func(j *joiner) { put(t, j, "server.yaml", "landscape: [") }, false, "cannot be used"},
		"a folder in its place":   {func(j *joiner) { try(t, os.Mkdir(j.file("server.yaml"), 0o700)) }, false, "cannot be used"},
		"another landscape":       {func(j *joiner) { put(t, j, "server.yaml", "landscape: other\nserver:\n  name: D\n") }, false, "holds a server of landscape other"},
		"another server":          {func(j *joiner) { put(t, j, "server.yaml", "landscape: main\nserver:\n  name: C\n") }, false, "is that of server C"},
	} {
		j := &joiner{into: t.TempDir(), listen: "127.0.0.1:7500", in: httpapi.JoinRequest{Server: "D"}}
		test.spoil(j)
		said := strings.Join(j.inspect(a), "\n")
		if j.prepared != test.prepared || (said == "") != (test.fault == "") || !strings.Contains(said, test.fault) {
			t.Errorf("%s: prepared %t, %q", name, j.prepared, said)
		}
	}
	j := &joiner{into: t.TempDir(), in: httpapi.JoinRequest{Server: "D"}}
	put(t, j, "keys", "k0\n")
	if err := j.write(a); err == nil || !strings.Contains(err.Error(), "ask again with the same token") {
		t.Errorf("a stale key is kept: %v", err)
	}
}

// A token in clear text gives the landscape's key to who reads it on its way.
func TestATokenIsNotSentInClearText(t *testing.T) {
	for address, want := range map[string]string{
		"https://a.example:7500":     "https://a.example:7500",
		"a.example:7500":             "https://a.example:7500",
		"192.0.2.1:7500":             "https://192.0.2.1:7500",
		"127.0.0.1:7500":             "http://127.0.0.1:7500",
		"localhost:7500":             "http://localhost:7500",
		"[::1]:7500":                 "http://[::1]:7500",
		"http://127.0.0.1:7500":      "http://127.0.0.1:7500",
		"http://a.example:7500":      "",
		"http://192.0.2.1:7500":      "",
		"http://localhost.example":   "",
		"HTTP://a.example:7500":      "",
		"http://127.0.0.1@a.example": "",
		"ftp://127.0.0.1":            "",
	} {
		if got, err := secretAddress(address); got != want || (err == nil) != (want != "") {
			t.Errorf("%s is %q, %v", address, got, err)
		}
	}
	l := newLandscape(t)
	code, _, errOut := l.bare(t, "", "cluster", "join", "http://192.0.2.1:7500", "--token", "0a0b.secret", "--name", "D", "--into", t.TempDir())
	if code == 0 || !strings.Contains(errOut, "https://192.0.2.1:7500") {
		t.Errorf("exit %d, %q", code, errOut)
	}
}

// A token as an argument is seen by all who list processes.
func TestATokenIsReadFromWhereNobodySeesIt(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	try(t, os.WriteFile(file, []byte("f.s\n"), 0o600))
	open := filepath.Join(t.TempDir(), "open")
	try(t, os.WriteFile(open, []byte("f.s\n"), 0o600))
	try(t, os.Chmod(open, 0o644))
	for name, test := range map[string]struct{ token, file, env, in, want, fault string }{
		"an argument":       {token: "a.s", env: "e.s", want: "a.s"},
		"a file":            {file: file, env: "e.s", want: "f.s"},
		"standard input":    {file: "-", in: "i.s\ngood once, until noon\n", want: "i.s"},
		"the environment":   {env: "e.s", want: "e.s"},
		"nothing":           {fault: "--token-file"},
		"an empty one":      {file: "-", env: "e.s", fault: "is missing"},
		"two":               {token: "a.s", file: file, fault: "not both"},
		"a file of others'": {file: open, fault: "chmod 600"},
	} {
		t.Setenv(envToken, test.env)
		got, err := admissionToken(test.token, test.file, strings.NewReader(test.in))
		if got != test.want || (err == nil) != (test.fault == "") || err != nil && !strings.Contains(err.Error(), test.fault) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func put(t *testing.T, j *joiner, name, text string) {
	t.Helper()
	try(t, os.WriteFile(j.file(name), []byte(text), 0o600))
}

func try(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
