package main

import (
	"crypto/rand"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/config"
	"github.com/understudy-io/understudy/infra/server"
	"github.com/understudy-io/understudy/projections/merkle"
)

func keysSigningCommand() *cobra.Command {
	var path, landscape, witness string
	cmd := &cobra.Command{
		Use:   "signing",
		Short: "Make a key that signs what the log hashes to, or a witness's key",
		Long: `Make a file with an Ed25519 key, and show its verifier key. With the key of a
landscape the primary signs checkpoints: what all records hash to. Whoever has the
verifier key and one older checkpoint finds any change of what that one covers. All
servers have the same file; nobody else needs it. With --witness it is the key of
somebody outside, who signs the checkpoints that he has seen.

To change the key of a landscape, put the line of the new file before that of the old
one on all servers: checkpoints then carry both signatures and name both keys. Take the
old line away when those who verify have the new one.`,
		Example: `  understudy keys signing --landscape main --file /etc/understudy/signing-key
  understudy keys signing --witness example.com/audit --file witness-key`,
		Args: exactly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			name := witness
			switch {
			case path == "":
				return usage("name the file to write with --file")
			case (landscape == "") == (witness == ""):
				return usage("name the landscape with --landscape, or a witness with --witness")
			case landscape != "":
				name = merkle.Name(landscape)
			}
			private, verifier, err := merkle.GenerateKey(rand.Reader, name)
			if err != nil {
				return usage("%v", err)
			}
			if err := writeNew(path, []byte(merkle.KeyLine(private, verifier))); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s holds a new key; only you can read it. Its verifier key, which everybody may know:\n%s\n", path, verifier)
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&path, "file", "", "file to write; it must not exist")
	f.StringVar(&landscape, "landscape", "", "the landscape whose checkpoints it signs")
	f.StringVar(&witness, "witness", "", "the name of the witness whose key it is")
	return cmd
}

// openSigner reads the key that signs what the log hashes to; nil if none is configured.
func openSigner(cfg config.Config) (server.Signer, error) {
	if cfg.SigningKeyFile == "" {
		return nil, nil
	}
	keys, err := readSigningKeys(cfg.SigningKeyFile)
	if err != nil {
		return nil, fmt.Errorf("signing_key_file: %w", err)
	}
	if want := merkle.Name(cfg.Landscape); keys.Name() != want {
		return nil, fmt.Errorf("signing_key_file: the key signs as %s, and this landscape's is %s; name the right file: %w", keys.Name(), want, domain.ErrInvalid)
	}
	return keys, nil
}

func readSigningKeys(path string) (*merkle.Keys, error) {
	b, err := readSecret(path, maxKeysFile)
	if err != nil {
		return nil, err
	}
	keys, err := merkle.ParseKeys(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return keys, nil
}
