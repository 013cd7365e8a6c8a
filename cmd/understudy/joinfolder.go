package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/config"
)

// secretFile is a file that all servers of a landscape have alike.
type secretFile struct {
	name    string // of the file in the folder, and of the secret
	key     string // of the configuration, which names the file
	without string // what does not work without it
}

var secretFiles = []secretFile{
	{httpapi.SecretKeys, "keys_file", "no record of this server counts"},
	{httpapi.SecretSigning, "signing_key_file", "nothing is signed while this server is primary"},
	{httpapi.SecretTokens, "token_file", "nobody can command this server, nor move primacy away from it by a switchover"},
}

// secretOf finds a secret among those of an answer.
func secretOf(a *httpapi.Admission, name string) (httpapi.Secret, bool) {
	i := slices.IndexFunc(a.Secrets, func(s httpapi.Secret) bool { return s.Name == name })
	if i < 0 {
		return httpapi.Secret{}, false
	}
	return a.Secrets[i], true
}

// inspect finds what is in the way of a join in its folder, and whether all is there
// already. A token is good once: what could keep its answer from being written is to be
// known before it is used.
func (j *joiner) inspect(a *httpapi.Admission) (faults []string) {
	add := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	settings := j.file("server.yaml")
	if _, err := os.Lstat(settings); errors.Is(err, fs.ErrNotExist) {
		for _, f := range secretFiles {
			faults = append(faults, j.stale(a, f)...)
		}
		return faults
	}
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
	faults = append(j.unlike(a, &loaded.Config), held(a, &loaded.Config)...)
	j.prepared = len(faults) == 0
	return faults
}

// unlike says where the configuration that is there is not what the line asks for: it would
// not be written again.
func (j *joiner) unlike(a *httpapi.Admission, is *config.Config) (faults []string) {
	loaded, err := config.Load(config.Source{Text: j.configuration(a)})
	if err != nil {
		return nil // unsound says it
	}
	want := &loaded.Config
	for _, v := range []struct {
		key      string
		is, want any
	}{
		{"dir", is.Dir, want.Dir},
		{"server.precedence", is.Server.Precedence, want.Server.Precedence},
		{"server.advertise", is.Server.Advertise, want.Server.Advertise},
		{"http.listen", is.HTTP.Listen, want.HTTP.Listen},
		{"http.tls.cert", is.HTTP.TLS.Cert, want.HTTP.TLS.Cert},
		{"http.tls.key", is.HTTP.TLS.Key, want.HTTP.TLS.Key},
		{"log.partitions", is.Log.Partitions, want.Log.Partitions},
	} {
		if v.is != v.want {
			faults = append(faults, fmt.Sprintf("configuration: %s has %s %q, and this line would write %q: give the same line as before, or mend the file",
				j.file("server.yaml"), v.key, fmt.Sprint(v.is), fmt.Sprint(v.want)))
		}
	}
	return faults
}

// held says which of the secrets that the answer gives a server lacks, or has otherwise.
func held(a *httpapi.Admission, c *config.Config) (faults []string) {
	paths := map[string]string{httpapi.SecretKeys: c.KeysFile, httpapi.SecretSigning: c.SigningKeyFile, httpapi.SecretTokens: c.TokenFile}
	for _, f := range secretFiles {
		path := paths[f.name]
		if _, given := secretOf(a, f.name); !given && f.name != httpapi.SecretKeys {
			continue // it may have one of its own
		}
		has, err := readSecret(path, httpapi.MaxSecret)
		switch {
		case path == "":
			faults = append(faults, fmt.Sprintf("%s: the configuration that is there names no %s: move it away to have it written anew", f.name, f.key))
		case errors.Is(err, fs.ErrNotExist):
			faults = append(faults, fmt.Sprintf("%s: the configuration that is there names %s, which is not there: move the former away to have both written anew", f.name, path))
		case err != nil:
			faults = append(faults, fmt.Sprintf("%s: %s", f.name, domain.Plain(err)))
		case !isOf(a, f.name, has):
			faults = append(faults, fmt.Sprintf("%s: %s is another file than that of the server that answers: move it away, or choose another folder with --into", f.name, path))
		}
	}
	return faults
}

// stale says what is wrong with a file that stands where a secret would be written. That
// of a first try, which was cut short, is as it should be.
func (j *joiner) stale(a *httpapi.Admission, f secretFile) []string {
	path := j.file(f.name)
	stands, err := readSecret(path, httpapi.MaxSecret)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return []string{fmt.Sprintf("%s: %s", f.name, domain.Plain(err))}
	case !isOf(a, f.name, stands):
		return []string{fmt.Sprintf("%s: %s is there already and is another file than that of the server that answers: move it away, or choose another folder with --into", f.name, path)}
	}
	return nil
}

// isOf tells whether a file is what the answer says that a secret is.
func isOf(a *httpapi.Admission, name string, held []byte) bool {
	secret, given := secretOf(a, name)
	sum := sha256.Sum256(held)
	return given && secret.Hash == hex.EncodeToString(sum[:])
}

// write makes the files of a server that was admitted. The configuration comes last: it
// says that all is there.
func (j *joiner) write(a *httpapi.Admission) error {
	for _, f := range secretFiles {
		secret, given := secretOf(a, f.name)
		if !given {
			continue
		}
		err := writeNew(j.file(f.name), []byte(secret.Content))
		if stands, readErr := readSecret(j.file(f.name), httpapi.MaxSecret); errors.Is(err, domain.ErrConflict) && readErr == nil && string(stands) == secret.Content {
			continue // of a first try
		}
		if err != nil {
			return fmt.Errorf("%w; the token was used: move the file away and ask again with the same token, folder and name", err)
		}
	}
	return writeNew(j.file("server.yaml"), j.configuration(a))
}
