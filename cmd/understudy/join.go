package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/adapters/identityfile"
	"github.com/understudy-io/understudy/adapters/kafka"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
	"github.com/understudy-io/understudy/infra/clock"
	"github.com/understudy-io/understudy/infra/config"
)

const (
	rateOver      = time.Second     // for so long the two clocks are compared
	brokersWithin = 5 * time.Second // for the brokers to answer a new server
)

func clusterTokenCommand(g *globals) *cobra.Command {
	var lasting time.Duration
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Make a token with which one server may join",
		Long: `Make a token with which one server may join, once, until it runs out. Whoever has it gets
the landscape's key: give it to nobody else. The log keeps a hash of it, who made it, and
for whom it was used.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := g.open(cmd)
			if err != nil {
				return err
			}
			i, err := s.client.Invite(cmd.Context(), lasting)
			if err != nil {
				return s.explain(err)
			}
			return s.show(i, func(t *table) {
				t.text("%s", i.Token)
				t.text("good once, until %s: understudy cluster join ADDRESS --token-file - --name NAME", i.Until.Local().Format(time.DateTime))
			})
		},
	}
	cmd.Flags().DurationVar(&lasting, "lasting", httpapi.DefaultLasting, "how long it is good, 1m to 24h")
	return cmd
}

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
configuration, the landscape's keys, the key that signs its checkpoints, and hashes of its
users' tokens into a folder. Before that, all that is in the way is found and said at once:
the configuration, the version, the rate of the clocks, the landscape, the name, the
identity, the brokers. The same again changes nothing. The token goes by https, or to a server
of this machine, only. It is read from a file, from standard input (--token-file -), or from
UNDERSTUDY_TOKEN: an argument is seen by all who list the processes of the machine.`,
		Example: `  understudy cluster join https://a.example:7500 --token-file - --name D --into /var/lib/understudy
  understudy cluster join https://a.example:7500 --token-file token --name D --into /var/lib/understudy \
    --listen 192.0.2.14:7500 --tls-cert cert.pem --tls-key key.pem --advertise https://d.example:7500`,
		Args: exactly,
		RunE: func(cmd *cobra.Command, args []string) error {
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
		if _, given := secretOf(a, f.name); !given {
			fmt.Fprintf(&b, "The server that was asked has no %s: until you add one there, %s.\n", f.key, f.without)
		}
	}
	b.WriteString("Where the brokers want TLS or a password, add that there: no server gives it away.\n")
	return b.String() + "Then " + next
}

// preflight finds all that is in the way. It fails where the server that is asked does not
// admit it: what else is in the way nobody can say then.
func (j *joiner) preflight(ctx context.Context) (a httpapi.Admission, faults []string, err error) {
	add := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	j.in.Check = true
	began := clock.Boot()
	if a, err = j.client.Join(ctx, j.in); err != nil {
		return a, nil, err
	}
	middle := (began + clock.Boot()) / 2
	faults = append(faults, a.Faults...)
	if own, theirs := release(thisBuild().Version), release(a.Build); own != theirs {
		add("version: this is release %s, and the landscape runs %s: install that one here", own, theirs)
	}
	faults = append(faults, j.unsound(&a)...)
	faults = append(faults, j.inspect(&a)...)
	if err := j.tryListen(); err != nil && !j.prepared {
		add("listen: %s: end what holds the address, or choose another with --listen", domain.Plain(err))
	}
	if why := j.brokers(ctx, &a); why != "" {
		add("brokers: %s", why)
	}
	select {
	case <-time.After(max(0, rateOver-(clock.Boot()-began))):
	case <-ctx.Done():
	}
	asked := clock.Boot()
	if again, err := j.client.Join(ctx, j.in); err == nil {
		trip := clock.Boot() - asked
		here, there := asked+trip/2-middle, again.Time.Sub(a.Time)
		if off := (there - here).Abs() - 2*trip; off > time.Duration(float64(here)*election.DefaultMargin/2) {
			add("clock: in %s here, %s pass at the server: mend the clock that runs wrong, or nobody may rely on a lease", here.Round(time.Millisecond), there.Round(time.Millisecond))
		}
	}
	return a, faults, nil
}

// tryListen takes the address of the HTTP API, and gives it back.
func (j *joiner) tryListen() error {
	l, err := net.Listen("tcp", j.listen)
	if err != nil {
		return err
	}
	return l.Close()
}

// release is the part of a version that must be the same.
func release(version string) string {
	parts := strings.SplitN(version, ".", 3)
	return strings.Join(parts[:min(2, len(parts))], ".")
}

// brokers says why the log cannot be used from here; empty if it can.
func (j *joiner) brokers(ctx context.Context, a *httpapi.Admission) string {
	ctx, cancel := context.WithTimeout(ctx, brokersWithin)
	defer cancel()
	log, err := kafka.Open(kafka.Config{Brokers: a.Brokers, ClientID: "understudy-join"}, slog.New(slog.DiscardHandler))
	if err != nil {
		return domain.Plain(err)
	}
	defer func() { _ = log.Close() }()
	findings, err := log.CheckTopics(ctx, a.Landscape, kafka.TopicSpec{Partitions: a.Partitions})
	if err != nil {
		return fmt.Sprintf("%s: %s", strings.Join(a.Brokers, ", "), domain.Plain(err))
	}
	return strings.Join(findings, "; ")
}
