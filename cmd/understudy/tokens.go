package main

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/understudy-io/understudy/domain"
)

const (
	minToken  = 16 // bytes: less can be guessed
	maxTokens = 1024
)

// tokens are the users who may change something through the HTTP API.
type tokens struct {
	path  string
	users atomic.Pointer[[]tokenOf]
}

type tokenOf struct {
	user   string
	digest [sha256.Size]byte
}

// openTokens reads a token file; no path means that nobody may change anything.
func openTokens(path string) (*tokens, error) {
	t := &tokens{path: path}
	t.users.Store(new([]tokenOf))
	if path == "" {
		return t, nil
	}
	return t, t.reload()
}

// reload reads the file anew. What it held before stays if it is faulty.
func (t *tokens) reload() error {
	if t.path == "" {
		return nil
	}
	b, err := readSecret(t.path, maxTokenFile)
	if err != nil {
		return fmt.Errorf("token_file: %w", err)
	}
	var users []tokenOf
	for n, line := range strings.Split(string(b), "\n") {
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		if len(words) != 2 || len(words[1]) < minToken || len(users) == maxTokens {
			return fmt.Errorf("token_file %s, line %d: give \"<user> <token>\", a token of at least %d bytes, at most %d lines: %w",
				t.path, n+1, minToken, maxTokens, domain.ErrInvalid)
		}
		users = append(users, tokenOf{words[0], sha256.Sum256([]byte(words[1]))})
	}
	t.users.Store(&users)
	return nil
}

// user tells whose token this is. It compares with all of them, so that the time
// it takes tells nothing.
func (t *tokens) user(token string) (string, bool) {
	digest := sha256.Sum256([]byte(token))
	found, user := 0, ""
	for _, u := range *t.users.Load() {
		if subtle.ConstantTimeCompare(digest[:], u.digest[:]) == 1 {
			found, user = 1, u.user
		}
	}
	return user, found == 1
}
