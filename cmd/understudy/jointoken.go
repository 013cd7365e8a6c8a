package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/understudy-io/understudy/adapters/httpapi"
)

// envToken holds the token of understudy cluster token: an argument is seen by everybody
// who lists the processes of a machine.
const envToken = "UNDERSTUDY_TOKEN"

func clusterTokenCommand(g *globals) *cobra.Command {
	var lasting time.Duration
	var signing bool
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Make a token with which one server may join",
		Long: `Make a token with which one server may join, once, until it runs out. Whoever has it gets
the landscape's key: give it to nobody else. The log keeps a hash of it, who made it, and
for whom it was used.

The key that signs checkpoints is not given, unless --with-signing-key says so; the log keeps
that too. Who has both keys and the brokers can write another history and sign it: copy that
key from server to server yourself where not every user is to be able to get it.`,
		Args: exactly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := g.open(cmd)
			if err != nil {
				return err
			}
			i, err := s.client.Invite(cmd.Context(), lasting, signing)
			if err != nil {
				return s.explain(err)
			}
			return s.show(i, func(t *table) {
				t.text("%s", i.Token)
				t.text("good once, until %s: understudy cluster join ADDRESS --token-file - --name NAME", i.Until.Local().Format(time.DateTime))
			})
		},
	}
	cmd.Flags().BoolVar(&signing, "with-signing-key", false, "join fetches the key that signs checkpoints as well")
	cmd.Flags().DurationVar(&lasting, "lasting", httpapi.DefaultLasting, "how long it is good, 1m to 24h")
	return cmd
}

// admissionToken reads the token from the one place that it was given at.
func admissionToken(token, file string, in io.Reader) (string, error) {
	text := token
	switch {
	case token != "" && file != "":
		return "", usage("give --token or --token-file, not both")
	case file != "":
		b, err := readToken(file, in)
		if err != nil {
			return "", fmt.Errorf("read the token: %w", err)
		}
		text = string(b)
	case token == "":
		text = os.Getenv(envToken)
	}
	words := strings.Fields(text)
	if len(words) == 0 {
		return "", usage("a token of `understudy cluster token` is missing: give it with --token-file FILE (- for standard input), or in %s", envToken)
	}
	return words[0], nil // what that command prints after it is for people
}

func readToken(file string, in io.Reader) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(io.LimitReader(in, maxTokenFile))
	}
	return readSecret(file, maxTokenFile)
}

// secretAddress is the address of a server to which the token of join may be sent. It
// would give the landscape's key to who reads it on its way.
func secretAddress(address string) (string, error) {
	if err := checkAddress(address); err != nil {
		return "", usage("ADDRESS %q: give the URL of a server of the landscape, such as https://a.example:7500", address)
	}
	return httpapi.SecretAddress(address)
}
