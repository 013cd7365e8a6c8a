package codec

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/understudy-io/understudy/domain"
)

const keyFileHead = `# Keys of an Understudy landscape: key id, then the key in base64.
# The first one signs, all verify. Keep this file secret, and keep old keys as
# long as their records are to be read. To change the key: add the new one as
# the last line on every server, then move it to the top on every server.
`

// ParseKeyFile reads what MarshalKeyFile writes: a line for each key, its id
// and the key in base64, the signing one first. Empty lines and lines that
// begin with # are skipped.
func ParseKeyFile(text []byte) (Keyring, error) {
	keys := map[string][]byte{}
	first := ""
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if len(fields) != 2 {
			return Keyring{}, fmt.Errorf("key file, line %d: write the key id and the key in base64, with a space between: %w", number, domain.ErrInvalid)
		}
		key, err := base64.StdEncoding.DecodeString(fields[1])
		if err != nil {
			// The cause is left out: it could quote a part of the secret.
			return Keyring{}, fmt.Errorf("key file, line %d: the key of %q is not base64: %w", number, fields[0], domain.ErrInvalid)
		}
		if _, ok := keys[fields[0]]; ok {
			return Keyring{}, fmt.Errorf("key file, line %d: key id %q stands twice; remove one: %w", number, fields[0], domain.ErrInvalid)
		}
		keys[fields[0]] = key
		if first == "" {
			first = fields[0]
		}
	}
	if first == "" {
		return Keyring{}, fmt.Errorf("key file: no key in it; 'understudy keys create' makes one: %w", domain.ErrInvalid)
	}
	return NewKeyring(first, keys)
}

// MarshalKeyFile writes the ring as a key file. Store it with mode 0600.
func (k Keyring) MarshalKeyFile() []byte {
	var b strings.Builder
	b.WriteString(keyFileHead)
	line := func(id string) {
		b.WriteString(id + " " + base64.StdEncoding.EncodeToString(k.keys[id]) + "\n")
	}
	if k.current != "" {
		line(k.current)
	}
	for _, id := range k.IDs() {
		if id != k.current {
			line(id)
		}
	}
	return []byte(b.String())
}
