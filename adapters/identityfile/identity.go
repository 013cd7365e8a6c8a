// Package identityfile keeps the key that says who a server is, in its data folder.
//
//	key, err := identityfile.Open(dir)
//	identity, proof := election.Prove(key, name, incarnation)
//
// The key is made at the first start, is never written elsewhere and never leaves the
// folder: who has a copy of the folder has the same identity, and is noticed for that. A
// folder that is lost takes the identity along; the next one is another installation.
package identityfile

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/understudy-io/understudy/domain"
)

// Name is the name of the file.
const Name = "identity"

const block = "PRIVATE KEY"

// Open reads the key of a folder, and makes one where there is none. Errors are
// domain.ErrInvalid: the folder cannot be used as it is.
func Open(dir string) (ed25519.PrivateKey, error) {
	path := filepath.Join(dir, Name)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := create(path); err != nil {
			return nil, fmt.Errorf("make the identity of this server: %w: %w", domain.ErrInvalid, err)
		}
		b, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("read the identity of this server: %w: %w", domain.ErrInvalid, err)
	}
	if p, _ := pem.Decode(b); p != nil && p.Type == block {
		if key, err := x509.ParsePKCS8PrivateKey(p.Bytes); err == nil {
			if own, ok := key.(ed25519.PrivateKey); ok {
				return own, nil
			}
		}
	}
	return nil, fmt.Errorf("%s holds no Ed25519 key: put the file back as it was, or delete it to be another installation: %w", path, domain.ErrInvalid)
}

// create writes a new key that is complete or not there, also after a crash. Of two
// that do so at once one wins.
func create(path string) error {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), Name+".*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.Write(pem.EncodeToMemory(&pem.Block{Type: block, Bytes: der}))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	d, err := os.Open(filepath.Dir(path)) // the name outlives a power loss too
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
