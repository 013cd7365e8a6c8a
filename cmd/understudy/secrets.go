package main

import (
	"fmt"
	"os"
	"syscall"

	"github.com/understudy-io/understudy/domain"
)

// Modes that a file with secrets must not have.
const (
	forAnybody = 0o077 // if the file is ours: nothing for group and others
	forGroup   = 0o037 // if it is root's, for a service: the service's group may read it
)

// readSecret reads a file that must be kept from others. What a service manager
// hands over is good enough: a file of root that the service's own group, or an
// access list, lets it read (systemd's LoadCredential, a mounted secret).
func readSecret(path string, limit int64) ([]byte, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", domain.ErrInvalid, err)
	}
	if tooOpen(st, os.Geteuid()) {
		return nil, fmt.Errorf("%s has mode %04o, so others can read or change the secrets in it; run: chmod 600 %[1]s: %[3]w",
			path, st.Mode().Perm(), domain.ErrInvalid)
	}
	return readSmall(path, limit)
}

// tooOpen judges a file as this user would read it.
func tooOpen(st os.FileInfo, user int) bool {
	refused := os.FileMode(forAnybody)
	if owner, ok := st.Sys().(*syscall.Stat_t); ok && owner.Uid == 0 && user != 0 {
		refused = forGroup
	}
	return st.Mode().Perm()&refused != 0
}

// readSmall reads a file that the configuration names.
func readSmall(path string, limit int64) ([]byte, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", domain.ErrInvalid, err)
	}
	if st.Size() > limit {
		return nil, fmt.Errorf("%s has %d bytes, more than %d: %w", path, st.Size(), limit, domain.ErrInvalid)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", domain.ErrInvalid, err)
	}
	return b, nil
}
