package up

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/projections/merkle"
)

const (
	lockName    = "lock"
	keysName    = "keys"
	signingName = "signing-key"
	tokenName   = "token"
	logsName    = "logs"

	tokenBytes = 24
	// probeSize is written at the start, so that a full disk is found before
	// anything runs.
	probeSize = 1 << 20
)

// folder is the folder of a landscape, held by this process.
type folder struct {
	path string
	lock *os.File
}

// holdFolder makes the folder, if need be, and keeps every other process out
// until release.
func holdFolder(dir string) (*folder, error) {
	path, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("folder %s: %w", dir, err)
	}
	if err := os.MkdirAll(filepath.Join(path, logsName), 0o755); err != nil {
		return nil, explain(path, err)
	}
	f := &folder{path: path}
	if f.lock, err = os.OpenFile(f.file(lockName), os.O_RDWR|os.O_CREATE, 0o644); err != nil {
		return nil, explain(path, err)
	}
	if err := syscall.Flock(int(f.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, _ := os.ReadFile(f.file(lockName))
		_ = f.lock.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("folder %s is in use by process %s; end that one first (kill %[2]s), or choose another folder with --dir: %w",
				path, strings.TrimSpace(string(holder)), domain.ErrConflict)
		}
		return nil, explain(path, err)
	}
	if err := errors.Join(f.lock.Truncate(0), writeAt(f.lock, fmt.Sprintln(os.Getpid())), f.probe(probeSize)); err != nil {
		return nil, errors.Join(explain(path, err), f.release())
	}
	return f, nil
}

func writeAt(f *os.File, s string) error {
	_, err := f.WriteAt([]byte(s), 0)
	return err
}

// probe writes and removes a file, so that a folder that takes no data is found
// now.
func (f *folder) probe(size int) error {
	path := f.file("probe")
	err := os.WriteFile(path, make([]byte, size), 0o600)
	return errors.Join(err, os.Remove(path))
}

func (f *folder) release() error { return f.lock.Close() }

func (f *folder) file(name ...string) string {
	return filepath.Join(append([]string{f.path}, name...)...)
}

// explain says what to do about a folder that takes no data.
func explain(path string, err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("the disk of %s is full; free some space, or choose another folder with --dir: %w: %w", path, domain.ErrInvalid, err)
	case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("folder %s cannot be written; mend its permissions, or choose another with --dir: %w: %w", path, domain.ErrInvalid, err)
	}
	return fmt.Errorf("folder %s: choose another with --dir: %w: %w", path, domain.ErrInvalid, err)
}

// keys reads the landscape's keys, or makes some. A log that is there was written with
// keys; new ones would make dead letters of all its facts.
func (f *folder) keys() (codec.Keyring, error) {
	path := f.file(keysName)
	b, err := os.ReadFile(path)
	if err == nil && len(bytes.TrimSpace(b)) > 0 {
		keys, err := codec.ParseKeyFile(b)
		if err != nil {
			return keys, fmt.Errorf("keys in %s: %w", path, err)
		}
		return keys, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return codec.Keyring{}, explain(f.path, err)
	}
	if f.used() {
		return codec.Keyring{}, fmt.Errorf("%s is missing or empty, and %s holds a landscape whose log was written with these keys, and counts for nothing without them: "+
			"put the file back from a copy, or choose another folder with --dir to begin anew: %w", path, f.path, domain.ErrInvalid)
	}
	keys := codec.Generate()
	if err := replaceFile(path, keys.MarshalKeyFile(), 0o600); err != nil {
		return keys, explain(f.path, err)
	}
	return keys, nil
}

// used tells whether a landscape has run here: its broker and its servers begin after
// the keys are written. A folder that is there and empty is a disk that waits for it.
func (f *folder) used() bool {
	return holds(f.file("data", "broker")) || holds(f.file("data", "server-"+serverName(0)))
}

func holds(dir string) bool {
	entries, _ := os.ReadDir(dir) // a folder that cannot be read stops whoever needs it
	return slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() != "lost+found" })
}

// signingKey reads the key that signs what the log hashes to, or makes one.
func (f *folder) signingKey(landscape string) error {
	path := f.file(signingName)
	b, err := os.ReadFile(path)
	switch {
	case err == nil:
		keys, err := merkle.ParseKeys(b)
		if err == nil && keys.Name() != merkle.Name(landscape) {
			err = fmt.Errorf("signs as %s, which is not landscape %s; move it away to get a new one: %w", keys.Name(), landscape, domain.ErrConflict)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return explain(f.path, err)
	}
	private, verifier, err := merkle.GenerateKey(rand.Reader, merkle.Name(landscape))
	if err != nil {
		return err
	}
	if err := replaceFile(path, []byte(merkle.KeyLine(private, verifier)), 0o600); err != nil {
		return explain(f.path, err)
	}
	return nil
}

// token reads the first token, or makes one for the user.
func (f *folder) token(user string) (string, error) {
	path := f.file(tokenName)
	b, err := os.ReadFile(path)
	if err == nil {
		words := strings.Fields(string(b))
		if len(words) < 2 {
			return "", fmt.Errorf("%s should hold lines \"<user> <token>\"; remove it to get a new one: %w", path, domain.ErrInvalid)
		}
		return words[1], nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", explain(f.path, err)
	}
	var random [tokenBytes]byte
	if _, err := rand.Read(random[:]); err != nil {
		return "", fmt.Errorf("draw a token: %w", err)
	}
	token := hex.EncodeToString(random[:])
	if err := replaceFile(path, []byte(user+" "+token+"\n"), 0o600); err != nil {
		return "", explain(f.path, err)
	}
	return token, nil
}
