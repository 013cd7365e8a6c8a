package main

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
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

// hashMark begins the hash of a token where a file holds that in its place: who has such
// a file lets the same users in, and cannot pass for one.
const hashMark = "sha256:"

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
	users, err := parseTokens(string(b))
	if err != nil {
		return fmt.Errorf("token_file %s, %w", t.path, err)
	}
	t.users.Store(&users)
	return nil
}

func parseTokens(text string) (users []tokenOf, err error) {
	for n, line := range strings.Split(text, "\n") {
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		if len(words) != 2 || len(words[1]) < minToken || len(users) == maxTokens {
			return nil, fmt.Errorf("line %d: give \"<user> <token>\", a token of at least %d bytes, at most %d lines: %w",
				n+1, minToken, maxTokens, domain.ErrInvalid)
		}
		digest, err := digestOf(words[1])
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n+1, err)
		}
		users = append(users, tokenOf{words[0], digest})
	}
	return users, nil
}

// digestOf is the hash of a token, or the one that stands in its place.
func digestOf(word string) (digest [sha256.Size]byte, err error) {
	digits, hashed := strings.CutPrefix(word, hashMark)
	if !hashed {
		return sha256.Sum256([]byte(word)), nil
	}
	if len(digits) != hex.EncodedLen(len(digest)) {
		return digest, fmt.Errorf("behind %s there are not %d hexadecimal digits: %w", hashMark, hex.EncodedLen(len(digest)), domain.ErrInvalid)
	}
	if _, err := hex.Decode(digest[:], []byte(digits)); err != nil {
		return digest, fmt.Errorf("behind %s: %w: %w", hashMark, err, domain.ErrInvalid)
	}
	return digest, nil
}

// hashed is the file with the hash of each token in its place.
func (t *tokens) hashed() []byte {
	out := []byte("# Who may change something, with a hash of each one's token.\n")
	for _, u := range *t.users.Load() {
		out = fmt.Appendf(out, "%s %s%x\n", u.user, hashMark, u.digest)
	}
	return out
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
