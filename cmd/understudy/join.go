package main

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/adapters/identityfile"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
	"github.com/understudy-io/understudy/infra/config"
)

// joiner is a server that is to join.
type joiner struct {
	client                  *httpapi.Client
	in                      httpapi.JoinRequest
	into, listen, advertise string
	tlsCert, tlsKey         string
	prepared                bool // the folder holds all that a join writes
}

func clusterJoinCommand() *cobra.Command {
	j := &joiner{}
	var token, file string
	cmd := &cobra.Command{
		Use:   "join ADDRESS",
		Short: "Prepare a server of this machine to join a landscape",
		Long: `Ask any server of a landscape, by a token of it, for what a new server needs, and write its
configuration, the landscape's keys, hashes of its users' tokens and, if the token was made
with --with-signing-key, the key that signs its checkpoints into a folder. Before that, all that is in the way is found and said at once:
the configuration, the version, the rate of the clocks, the landscape, the name, the
identity, the brokers. The same again changes nothing. The token goes by https, or to a server
of this machine, only. It is read from a file, from standard input (--token-file -), or from
UNDERSTUDY_TOKEN: an argument is seen by all who list the processes of the machine.`,
		Example: `  understudy cluster join https://a.example:7500 --token-file - --name D --into /var/lib/understudy
  understudy cluster join https://a.example:7500 --token-file token --name D --into /var/lib/understudy \
    --listen 192.0.2.14:7500 --tls-cert cert.pem --tls-key key.pem --advertise https://d.example:7500`,
		Args: exactly,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := notOfJoin(cmd); err != nil {
				return err
			}
			address, err := secretAddress(args[0])
			if err != nil {
				return err
			}
			if j.in.Token, err = admissionToken(token, file, cmd.InOrStdin()); err != nil {
				return err
			}
			j.client = httpapi.NewClient([]string{address}, "")
			defer j.client.Close()
			said, err := j.join(cmd.Context())
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), said)
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&token, "token", "", "a token of understudy cluster token, where nobody else lists processes")
	f.StringVar(&file, "token-file", "", "file with that token; - for standard input (default: from "+envToken+")")
	f.StringVar(&j.in.Server, "name", "", "the name that this server is to have")
	f.IntVar(&j.in.Precedence, "precedence", 0, "for the policy precedence: the lowest goes first")
	f.StringVar(&j.into, "into", "", "folder for its configuration, secrets and data (default: ./NAME)")
	f.StringVar(&j.listen, "listen", "127.0.0.1:7500", "where it serves its HTTP API")
	f.StringVar(&j.advertise, "advertise", "", "URL at which others reach that (default: by --listen)")
	f.StringVar(&j.tlsCert, "tls-cert", "", "PEM file with its certificate; needed where --listen is not of this machine alone")
	f.StringVar(&j.tlsKey, "tls-key", "", "PEM file with the certificate's key")
	require(cmd, "name")
	return cmd
}

// notOfJoin refuses the flags that all other commands of the group take: a landscape of
// another machine is named by ADDRESS, and what is written goes to --into.
func notOfJoin(cmd *cobra.Command) error {
	for name, instead := range map[string]string{
		"dir": "name the folder of the new server with --into", "server": "name the new server with --name", "address": "give the address as the argument, ADDRESS", "output": "what join says is text",
	} {
		if cmd.Flags().Changed(name) {
			return usage("--%s is not for join: %s", name, instead)
		}
	}
	return nil
}

func (j *joiner) file(name string) string { return filepath.Join(j.into, name) }

func (j *joiner) join(ctx context.Context) (string, error) {
	j.into = cmp.Or(j.into, j.in.Server)
	if faults := j.unsound(anAdmission()); len(faults) > 0 {
		return "", usage("%s would not start with this:\n  %s", j.in.Server, strings.Join(faults, "\n  "))
	}
	next := "start it: understudy server --config " + quoted(j.file("server.yaml"))
	key, err := identityfile.Open(j.file("data"))
	if err != nil {
		return "", fmt.Errorf("%w: choose another folder with --into", err)
	}
	id, _, _ := strings.Cut(j.in.Token, ".")
	j.in.Identity, j.in.Proof = election.ProveAdmission(key, id, j.in.Server)
	a, faults, err := j.preflight(ctx)
	if err != nil {
		return "", fmt.Errorf("%s cannot join yet:\n  admission: %w", j.in.Server, err)
	}
	if len(faults) > 0 {
		return "", fmt.Errorf("%s cannot join yet:\n  %s: %w", j.in.Server, strings.Join(faults, "\n  "), domain.ErrConflict)
	}
	if j.prepared {
		return fmt.Sprintf("%s is prepared for landscape %s already; %s", j.in.Server, a.Landscape, next), nil
	}
	j.in.Check = false
	if a, err = j.client.Join(ctx, j.in); err != nil {
		return "", err
	}
	if err := j.write(&a); err != nil {
		return "", err
	}
	return j.told(&a, next), nil
}

// anAdmission is as any landscape's would be: with it the faults of the line itself are
// found before anybody is asked.
func anAdmission() *httpapi.Admission {
	usual := config.Default()
	a := &httpapi.Admission{Landscape: usual.Landscape, Partitions: usual.Log.Partitions, Brokers: usual.Kafka.Brokers}
	for _, f := range secretFiles {
		a.Secrets = append(a.Secrets, httpapi.Secret{Name: f.name})
	}
	return a
}

// told says what was written, and what nobody could write.
func (j *joiner) told(a *httpapi.Admission, next string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s may join landscape %s. Its configuration is %s, with its secrets beside it.\n", j.in.Server, a.Landscape, j.file("server.yaml"))
	for _, f := range secretFiles {
		switch _, given := secretOf(a, f.name); {
		case slices.Contains(a.Withheld, f.name):
			fmt.Fprintf(&b, "The token does not give the %s: copy that of another server to %s and name it in the configuration as %s; until then, %s.\n",
				f.name, j.file(f.name), f.key, f.without)
		case !given:
			fmt.Fprintf(&b, "The server that was asked has no %s: until you add one there, %s.\n", f.key, f.without)
		}
	}
	b.WriteString("Where the brokers want TLS or a password, add that there: no server gives it away.\n")
	return b.String() + "Then " + next
}
