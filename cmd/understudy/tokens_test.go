package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
)

const someToken = "0123456789abcdef"

func TestATokenNamesItsUser(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	write := func(text string, mode os.FileMode) {
		t.Helper()
		if err := errors.Join(os.WriteFile(path, []byte(text), mode), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
	}
	write("# who may\nanna "+someToken+"\nbert "+someToken+"2\n", 0o600)
	users, err := openTokens(path)
	if err != nil {
		t.Fatal(err)
	}
	for token, want := range map[string]string{someToken: "anna", someToken + "2": "bert", someToken + "3": "", "": ""} {
		if got, ok := users.user(token); got != want || ok != (want != "") {
			t.Errorf("token %q is %q's (%v), want %q", token, got, ok, want)
		}
	}

	// A faulty file changes nothing.
	for name, c := range map[string]struct {
		text string
		mode os.FileMode
	}{
		"a token that can be guessed": {"anna short\n", 0o600},
		"a line of one word":          {someToken + "\n", 0o600},
		"readable by others":          {"carl " + someToken + "\n", 0o644},
	} {
		write(c.text, c.mode)
		if err := users.reload(); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%s: %v, want invalid", name, err)
		}
		if got, _ := users.user(someToken); got != "anna" {
			t.Errorf("%s: the token is %q's, want anna's as before", name, got)
		}
	}
}

// A server gives its users to one that joins, and their tokens stay where they are.
func TestAFileOfHashesLetsTheSameUsersIn(t *testing.T) {
	dir := t.TempDir()
	path, copied := filepath.Join(dir, "token"), filepath.Join(dir, "tokens")
	try(t, os.WriteFile(path, []byte("anna "+someToken+"\nbert "+someToken+"2\n"), 0o600))
	users, err := openTokens(path)
	try(t, err)
	if strings.Contains(string(users.hashed()), someToken) {
		t.Fatalf("a token is given away: %s", users.hashed())
	}
	try(t, os.WriteFile(copied, users.hashed(), 0o600))
	others, err := openTokens(copied)
	try(t, err)
	for token, want := range map[string]string{someToken: "anna", someToken + "2": "bert", someToken + "3": ""} {
		if got, _ := others.user(token); got != want {
			t.Errorf("token %q is %q's there, want %q", token, got, want)
		}
	}
	words := strings.Fields(string(others.hashed()))
	if _, ok := others.user(words[len(words)-1]); ok {
		t.Error("a hash is taken for a token")
	}
	if string(others.hashed()) != string(users.hashed()) {
		t.Errorf("given on, the file is another one: %s", others.hashed())
	}
	for _, faulty := range []string{"anna sha256:00112233445566778899\n", "anna sha256:" + strings.Repeat("z", 64) + "\n"} {
		if _, err := parseTokens(faulty); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%q: %v, want invalid", faulty, err)
		}
	}
	g := &globals{TokenFile: copied}
	if token, err := g.token(nil, nil); err == nil || !strings.Contains(err.Error(), "hashes") {
		t.Errorf("a client takes %q from a file of hashes: %v", token, err)
	}
}

func TestWithoutATokenFileNobodyMayChangeAnything(t *testing.T) {
	users, err := openTokens("")
	if err != nil {
		t.Fatal(err)
	}
	if user, ok := users.user(""); ok {
		t.Errorf("an empty token is %q's", user)
	}
}

// All users that a file may name can be given to a server that joins, and read there.
func TestAsManyUsersAsThereMayBeAreRead(t *testing.T) {
	dir := t.TempDir()
	path, copied := filepath.Join(dir, "token"), filepath.Join(dir, "tokens")
	var file strings.Builder
	for n := range maxTokens {
		fmt.Fprintf(&file, "user-%d %s-%d\n", n, someToken, n)
	}
	try(t, os.WriteFile(path, []byte(file.String()), 0o600))
	users, err := openTokens(path)
	try(t, err)
	try(t, os.WriteFile(copied, users.hashed(), 0o600))
	others, err := openTokens(copied)
	try(t, err)
	if user, _ := others.user(someToken + "-1023"); user != "user-1023" || len(users.hashed()) > httpapi.MaxSecret {
		t.Errorf("%q of %d bytes", user, len(users.hashed()))
	}
}
