package main

import (
	"fmt"
	"maps"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/infra/config"
	"github.com/understudy-io/understudy/infra/server"
)

// shareOf is what a server gives to one that joins: all that the servers of a landscape
// have alike. Of its users it gives hashes, so that their tokens stay where they are.
func shareOf(cfg config.Config, users *tokens) (server.Share, error) {
	keys, err := readSecret(cfg.KeysFile, maxKeysFile)
	if err != nil {
		return server.Share{}, fmt.Errorf("keys_file: %w", err)
	}
	files := map[string][]byte{httpapi.SecretKeys: keys}
	if cfg.SigningKeyFile != "" {
		if files[httpapi.SecretSigning], err = readSecret(cfg.SigningKeyFile, maxKeysFile); err != nil {
			return server.Share{}, fmt.Errorf("signing_key_file: %w", err)
		}
	}
	return server.Share{Brokers: cfg.Kafka.Brokers, Secrets: func() map[string][]byte {
		now := maps.Clone(files)
		if cfg.TokenFile != "" {
			now[httpapi.SecretTokens] = users.hashed() // they are read anew while it runs
		}
		return now
	}}, nil
}
