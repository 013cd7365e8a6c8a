package codec

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"maps"
	"slices"

	"github.com/understudy-io/understudy/domain"
)

// Limits on keys.
const (
	MinKey   = 32 // bytes of a key: the strength of the MAC
	MaxKey   = 64 // bytes of a key: the block of the hash, beyond which nothing is gained
	MaxKeyID = 32 // bytes of a key id
	MaxKeys  = 64 // keys of one ring
)

// Keyring holds the keys of a landscape: one signs, all verify. Old keys stay
// in it as long as the records that they signed are to be read. The zero
// Keyring has none: with it, records can be read but not verified.
type Keyring struct {
	current string
	keys    map[string][]byte
}

// NewKeyring makes a ring that signs with the key currentID.
func NewKeyring(currentID string, keys map[string][]byte) (Keyring, error) {
	if _, ok := keys[currentID]; !ok {
		return Keyring{}, fmt.Errorf("keyring: the signing key %q is not among the keys: %w", currentID, domain.ErrInvalid)
	}
	if len(keys) > MaxKeys {
		return Keyring{}, fmt.Errorf("keyring: %d keys, at most %d are allowed: %w", len(keys), MaxKeys, domain.ErrInvalid)
	}
	k := Keyring{current: currentID, keys: make(map[string][]byte, len(keys))}
	for id, key := range keys {
		if !validKeyID(id) {
			return Keyring{}, fmt.Errorf("keyring: key id %q: use 1 to %d letters, digits, dots, dashes or underscores: %w", id, MaxKeyID, domain.ErrInvalid)
		}
		if len(key) < MinKey || len(key) > MaxKey {
			return Keyring{}, fmt.Errorf("keyring: key %q has %d bytes, %d to %d are needed; make a file with 'understudy keys create': %w",
				id, len(key), MinKey, MaxKey, domain.ErrInvalid)
		}
		k.keys[id] = slices.Clone(key)
	}
	return k, nil
}

// Generate makes a ring with one random key.
func Generate() Keyring {
	key := make([]byte, MinKey)
	id := make([]byte, 4)
	_, _ = rand.Read(key) // never fails: crypto/rand ends the program instead
	_, _ = rand.Read(id)
	name := "k" + hex.EncodeToString(id)
	return Keyring{current: name, keys: map[string][]byte{name: key}}
}

// Current is the id of the key that signs; empty without keys.
func (k Keyring) Current() string { return k.current }

// IDs are the ids of all keys, sorted.
func (k Keyring) IDs() []string { return slices.Sorted(maps.Keys(k.keys)) }

// String, GoString and LogValue name the keys and never show them.
func (k Keyring) String() string {
	return fmt.Sprintf("keyring of %d, signs with %q", len(k.keys), k.current)
}

// GoString keeps %#v from showing the keys.
func (k Keyring) GoString() string { return k.String() }

// LogValue keeps a log from showing the keys.
func (k Keyring) LogValue() slog.Value { return slog.StringValue(k.String()) }

func validKeyID(id string) bool {
	if len(id) == 0 || len(id) > MaxKeyID {
		return false
	}
	for _, c := range []byte(id) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (c < '0' || c > '9') && c != '.' && c != '-' && c != '_' {
			return false
		}
	}
	return true
}
