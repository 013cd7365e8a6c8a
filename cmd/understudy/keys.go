package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/domain"
)

// maxKeysFile bounds what is read of a file with keys.
const maxKeysFile = 64 << 10

func keysCommand() *cobra.Command {
	return group("keys", "Make the keys of a landscape", keysCreateCommand(), keysSigningCommand())
}

func keysCreateCommand() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make a file with a new key, which all servers of a landscape share",
		Long: `Make a file with a new key. Every record that a server writes is signed with the
landscape's key, so all servers of a landscape have the same file, and nobody else
has it. A file that is there already is never overwritten: with it would go the
means to verify what is in the log.`,
		Example: `  understudy keys create --file /etc/understudy/keys`,
		Args:    exactly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if path == "" {
				return usage("name the file to write with --file")
			}
			keys := codec.Generate()
			if err := writeNew(path, keys.MarshalKeyFile()); err != nil {
				return err
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), `%s holds a new key, %s; only you can read it.
Next: copy it to every server of the landscape, mode 0600, owned by the user that
runs the server, and name it there as keys_file. Whoever has it can write as a
server can. Keep a copy with your backups: without it the log cannot be verified.
`, path, keys.IDs()[0])
			return err
		},
	}
	cmd.Flags().StringVar(&path, "file", "", "file to write; it must not exist")
	return cmd
}

// writeNew writes a file with secrets, whole or not at all, and never over
// another one.
func writeNew(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already and is left as it is; name another file, or move it away: %w", path, domain.ErrConflict)
	}
	if err != nil {
		return fmt.Errorf("make the file: %w: %w", domain.ErrInvalid, err)
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), errors.Join(err, os.Remove(path)))
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder has the names in a folder outlive a power loss.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// readKeyFile reads the keys of a landscape.
func readKeyFile(path string) (codec.Keyring, error) {
	b, err := readSecret(path, maxKeysFile)
	if err != nil {
		return codec.Keyring{}, err
	}
	keys, err := codec.ParseKeyFile(b)
	if err != nil {
		return keys, fmt.Errorf("%s: %w", path, err)
	}
	return keys, nil
}
