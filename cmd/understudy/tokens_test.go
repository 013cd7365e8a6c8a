package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

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

func TestWithoutATokenFileNobodyMayChangeAnything(t *testing.T) {
	users, err := openTokens("")
	if err != nil {
		t.Fatal(err)
	}
	if user, ok := users.user(""); ok {
		t.Errorf("an empty token is %q's", user)
	}
}
