package merkle

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/understudy-io/understudy/domain"
)

// Keys sign the heads of a landscape. While a key is changed there are two: the new one
// first, and the old one for those who know no other yet.
type Keys struct {
	signers   []note.Signer
	verifiers []string
}

// maxKeys bounds how many keys sign.
const maxKeys = 4

// GenerateKey makes a new Ed25519 key that signs under a name.
func GenerateKey(random io.Reader, name string) (private, verifier string, err error) {
	private, verifier, err = note.GenerateKey(random, name)
	if err != nil {
		return "", "", fmt.Errorf("make a signing key: %w", err)
	}
	return private, verifier, nil
}

// ParseKeys reads a file with keys: on each line a private key, a space, and the
// verifier key that belongs to it, which everybody may know.
func ParseKeys(file []byte) (*Keys, error) {
	k := &Keys{}
	for i, line := range strings.Split(strings.TrimSpace(string(file)), "\n") {
		private, verifier, ok := strings.Cut(strings.TrimSpace(line), " ")
		signer, err := note.NewSigner(private)
		if err != nil || !ok {
			return nil, fmt.Errorf("line %d is no signing key and its verifier key; make one with `understudy keys signing`: %w", i+1, domain.ErrInvalid)
		}
		v, err := NewVerifier(verifier)
		if err != nil || v.Name() != signer.Name() || v.KeyHash() != signer.KeyHash() {
			return nil, fmt.Errorf("line %d: the verifier key does not belong to the signing key: %w", i+1, domain.ErrInvalid)
		}
		k.signers, k.verifiers = append(k.signers, signer), append(k.verifiers, verifier)
	}
	if len(k.signers) > maxKeys {
		return nil, fmt.Errorf("%d signing keys, %d are enough to change one: %w", len(k.signers), maxKeys, domain.ErrInvalid)
	}
	return k, nil
}

// KeyLine is a line of a file with keys.
func KeyLine(private, verifier string) string { return private + " " + verifier + "\n" }

// Verifiers are the keys that everybody may know, the present one first.
func (k *Keys) Verifiers() []string { return k.verifiers }

// Name is the name under which the first key signs.
func (k *Keys) Name() string { return k.signers[0].Name() }

// NewVerifier reads a verifier key.
func NewVerifier(key string) (note.Verifier, error) {
	v, err := note.NewVerifier(strings.TrimSpace(key))
	if err != nil {
		return nil, fmt.Errorf("%q is no verifier key; it looks like understudy.main+1a2b3c4d+…: %w", key, domain.ErrInvalid)
	}
	return v, nil
}

// Countersign adds the signature of a witness to a signed head.
func Countersign(signed []byte, witness *Keys) ([]byte, error) {
	_, _, _, err := Open(signed, witness.verifiers...)
	if err != nil {
		return nil, err
	}
	_, err = note.Open(signed, note.VerifierList())
	var unverified *note.UnverifiedNoteError
	if !asUnverified(err, &unverified) {
		return nil, fmt.Errorf("read a checkpoint: %w", err)
	}
	n := unverified.Note
	out, err := note.Sign(&note.Note{Text: n.Text, UnverifiedSigs: n.UnverifiedSigs}, witness.signers...)
	if err != nil {
		return nil, fmt.Errorf("sign as a witness: %w", err)
	}
	return out, nil
}

func asUnverified(err error, to **note.UnverifiedNoteError) bool { return errors.As(err, to) }
