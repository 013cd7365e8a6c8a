package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/config"
)

// inspect finds what is in the way of a join in its folder, and whether all is there
// already. A token is good once: what could keep its answer from being written is to be
// known before it is used.
func (j *joiner) inspect(a *httpapi.Admission) (faults []string) {
	add := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	settings, keys := j.file("server.yaml"), j.file("keys")
	_, err := os.Lstat(settings)
	written := !errors.Is(err, fs.ErrNotExist)
	if written {
		loaded, err := config.Load(config.Source{File: settings})
		switch {
		case err != nil:
			add("configuration: %s is there and cannot be used: %s: mend it, move it away, or choose another folder with --into", settings, domain.Plain(err))
			return faults
		case loaded.Config.Landscape != a.Landscape:
			add("landscape: %s holds a server of landscape %s: choose another folder with --into", j.into, loaded.Config.Landscape)
			return faults
		case loaded.Config.Server.Name != j.in.Server:
			add("configuration: %s is that of server %s: choose another folder with --into", settings, loaded.Config.Server.Name)
			return faults
		}
		keys = loaded.Config.KeysFile
	}
	held, err := readSecret(keys, maxKeysFile)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !written:
	case errors.Is(err, fs.ErrNotExist):
		add("keys: %s names %s, which is not there: move the former away to have both written anew", settings, keys)
	case err != nil:
		add("keys: %s", domain.Plain(err))
	case hashOf(held) != a.KeysHash:
		add("keys: %s is there already and is another file than that of the server that answers: move it away, or choose another folder with --into", keys)
	}
	j.prepared = written && len(faults) == 0
	return faults
}

// write makes the files of a server that was admitted. The configuration comes last: it
// says that all is there.
func (j *joiner) write(a *httpapi.Admission) error {
	keys := j.file("keys")
	if err := writeNew(keys, []byte(a.Keys)); errors.Is(err, domain.ErrConflict) {
		if held, readErr := readSecret(keys, maxKeysFile); readErr != nil || string(held) != a.Keys {
			return fmt.Errorf("%w; the token was used: move the file away and ask again with the same token, folder and name", err)
		}
	} else if err != nil {
		return err
	}
	return writeNew(j.file("server.yaml"), j.configuration(a))
}

func hashOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
