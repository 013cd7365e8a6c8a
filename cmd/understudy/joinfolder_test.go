package main

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/infra/config"
)

// admission is what a landscape gives to a server that joins.
func admission() *httpapi.Admission {
	a := &httpapi.Admission{Landscape: "main", Partitions: 8, Brokers: []string{"127.0.0.1:1"}}
	for name, content := range map[string]string{"keys": "k1\n", "signing-key": "s1\n", "tokens": "anna sha256:00\n"} {
		sum := sha256.Sum256([]byte(content))
		a.Secrets = append(a.Secrets, httpapi.Secret{Name: name, Hash: hex.EncodeToString(sum[:]), Content: content})
	}
	return a
}

// A server that has joined signs, and has users, as the others do: its configuration names
// all that they share, and nobody else can read it.
func TestAServerThatHasJoinedLacksNothingThatTheOthersHave(t *testing.T) {
	j := &joiner{into: t.TempDir(), listen: "127.0.0.1:7500", in: httpapi.JoinRequest{Server: "D", Precedence: 4}}
	try(t, j.write(admission()))
	loaded, err := config.Load(config.Source{File: j.file("server.yaml")})
	try(t, err)
	try(t, loaded.Config.Validate())
	c := loaded.Config
	for path, want := range map[string]string{c.KeysFile: "k1\n", c.SigningKeyFile: "s1\n", c.TokenFile: "anna sha256:00\n"} {
		held, err := readSecret(path, maxKeysFile)
		if err != nil || string(held) != want {
			t.Errorf("%s holds %q (%v), want %q", path, held, err, want)
		}
	}
	if said := j.told(&httpapi.Admission{Landscape: "main"}, "start it"); !strings.Contains(said, "has no signing_key_file") || !strings.Contains(said, "has no token_file") {
		t.Errorf("what the landscape lacks is not said: %s", said)
	}
	if said := j.told(&httpapi.Admission{Withheld: []string{"signing-key"}}, "start it"); !strings.Contains(said, "copy that of another server to "+j.file("signing-key")) {
		t.Errorf("what the token does not give is not said: %s", said)
	}
}

// A line with which the server would not start is refused before anybody is asked, and
// nothing is made.
func TestAJoinWithAFaultyLineAsksNobody(t *testing.T) {
	l := newLandscape(t)
	into := filepath.Join(t.TempDir(), "d")
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"a name of dots":           {[]string{"--name", "../d"}, "server.name"},
		"a name with a space":      {[]string{"--name", "the new one"}, "server.name"},
		"no port":                  {[]string{"--name", "D", "--listen", "here"}, "http.listen"},
		"another machine, no TLS":  {[]string{"--name", "D", "--listen", "192.0.2.1:7500"}, "http.tls.cert"},
		"a certificate, no key":    {[]string{"--name", "D", "--tls-cert", "cert.pem"}, "http.tls"},
		"a precedence below zero":  {[]string{"--name", "D", "--precedence", "-5"}, "server.precedence"},
		"no URL for others to use": {[]string{"--name", "D", "--advertise", "d.example"}, "server.advertise"},
	} {
		code, _, errOut := l.bare(t, "", append([]string{"cluster", "join", "http://127.0.0.1:9", "--token", "0a0b.secret", "--into", into}, test.args...)...)
		if code != exitUsage || !strings.Contains(errOut, test.want) || strings.Contains(errOut, "admission") {
			t.Errorf("%s: exit %d, %s", name, code, errOut)
		}
	}
	if _, err := os.Stat(into); err == nil {
		t.Errorf("%s was made", into)
	}
	try(t, os.WriteFile(into, nil, 0o600))
	if code, _, errOut := l.bare(t, "", "cluster", "join", "http://127.0.0.1:9", "--token", "0a0b.secret", "--name", "D", "--into", into); code != exitError || !strings.Contains(errOut, "--into") {
		t.Errorf("into a file: exit %d, %s", code, errOut)
	}
}

// What a folder holds is looked at before a token is used: it is good once.
func TestAFolderThatIsNotFreeIsRefusedBeforeATokenIsUsed(t *testing.T) {
	a := admission()
	for name, test := range map[string]struct {
		spoil    func(j *joiner)
		prepared bool
		fault    string
	}{
		"an empty folder":                 {func(*joiner) {}, false, ""},
		"the key of a first try":          {func(j *joiner) { put(t, j, "keys", "k1\n") }, false, ""},
		"all of it":                       {func(j *joiner) { try(t, j.write(a)) }, true, ""},
		"a stale key":                     {func(j *joiner) { put(t, j, "keys", "k0\n") }, false, "is there already and is another file"},
		"a stale signing key":             {func(j *joiner) { put(t, j, "signing-key", "s0\n") }, false, "signing-key: "},
		"stale users":                     {func(j *joiner) { put(t, j, "tokens", "t0\n") }, false, "tokens: "},
		"a stale key of a server":         {func(j *joiner) { try(t, j.write(a)); put(t, j, "keys", "k0\n") }, false, "is another file"},
		"a stale signing key of a server": {func(j *joiner) { try(t, j.write(a)); put(t, j, "signing-key", "s0\n") }, false, "signing-key: "},
		"stale users of a server":         {func(j *joiner) { try(t, j.write(a)); put(t, j, "tokens", "t0\n") }, false, "tokens: "},
		"users that are gone":             {func(j *joiner) { try(t, j.write(a)); try(t, os.Remove(j.file("tokens"))) }, false, "tokens: "},
		"no signing key named": {func(j *joiner) {
			without := admission()
			without.Secrets = slices.DeleteFunc(without.Secrets, func(s httpapi.Secret) bool { return s.Name == "signing-key" })
			try(t, j.write(without))
		}, false, "names no signing_key_file"},
		"another precedence":    {func(j *joiner) { try(t, j.write(a)); j.in.Precedence = 7 }, false, `server.precedence "0", and this line would write "7"`},
		"another address":       {func(j *joiner) { try(t, j.write(a)); j.listen = "127.0.0.1:7501" }, false, "http.listen"},
		"another advertise":     {func(j *joiner) { try(t, j.write(a)); j.advertise = "http://d:1" }, false, "server.advertise"},
		"another certificate":   {func(j *joiner) { try(t, j.write(a)); j.tlsCert, j.tlsKey = "c", "k" }, false, "http.tls.cert"},
		"a key that is gone":    {func(j *joiner) { try(t, j.write(a)); try(t, os.Remove(j.file("keys"))) }, false, "which is not there"},
		"no configuration":      {func(j *joiner) { put(t, j, "server.yaml", "landscape: [") }, false, "cannot be used"},
		"a folder in its place": {func(j *joiner) { try(t, os.Mkdir(j.file("server.yaml"), 0o700)) }, false, "cannot be used"},
		"another landscape":     {func(j *joiner) { put(t, j, "server.yaml", "landscape: other\nserver:\n  name: D\n") }, false, "holds a server of landscape other"},
		"another server":        {func(j *joiner) { put(t, j, "server.yaml", "landscape: main\nserver:\n  name: C\n") }, false, "is that of server C"},
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
