package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
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
	client       *httpapi.Client
	in           httpapi.JoinRequest
	into, listen string
	prepared     bool // the folder holds all that a join writes
}

func clusterJoinCommand() *cobra.Command {
	j := &joiner{}
	var token, file string
	cmd := &cobra.Command{
		Use:   "join ADDRESS",
		Short: "Prepare a server of this machine to join a landscape",
		Long: `Ask any server of a landscape, by a token of it, for what a new server needs, and write its
configuration and the landscape's key into a folder. Before that, all that is in the way is
found and said at once: the version, the rate of the clocks, the landscape, the name, the
identity, the brokers. The same again changes nothing. The token goes by https, or to a server
of this machine, only. It is read from a file, from standard input (--token-file -), or from
UNDERSTUDY_TOKEN: an argument is seen by all who list the processes of the machine.`,
		Example: `  understudy cluster join https://a.example:7500 --token-file - --name D --into /var/lib/understudy`,
		Args:    exactly,
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
	f.StringVar(&j.into, "into", "", "folder for its configuration, key and data (default: ./NAME)")
	f.StringVar(&j.listen, "listen", "127.0.0.1:7500", "where it serves its HTTP API")
	require(cmd, "name")
	return cmd
}

func (j *joiner) file(name string) string { return filepath.Join(j.into, name) }

func (j *joiner) join(ctx context.Context) (string, error) {
	j.into = cmp.Or(j.into, j.in.Server)
	next := "start it: understudy server --config " + quoted(j.file("server.yaml"))
	key, err := identityfile.Open(j.file("data"))
	if err != nil {
		return "", err
	}
	id, _, _ := strings.Cut(j.in.Token, ".")
	j.in.Identity, j.in.Proof = election.ProveAdmission(key, id, j.in.Server)
	a, faults := j.preflight(ctx)
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
	return fmt.Sprintf("%s may join landscape %s; its configuration is %s. What no server gives away is to be added there: token_file (without it nobody can command this server, nor move primacy away from it by a switchover), signing_key_file (without it nothing is signed while it is primary), TLS and password of the brokers, and where others reach it (server.advertise). Then %s",
		j.in.Server, a.Landscape, j.file("server.yaml"), next), nil
}

func (j *joiner) configuration(a *httpapi.Admission) []byte {
	abs := func(name string) string {
		path, err := filepath.Abs(j.file(name))
		if err != nil {
			return j.file(name)
		}
		return path
	}
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# Written by `understudy cluster join`. The devices come from the landscape's configuration.")
	line("landscape: %q\ndir: %q\nkeys_file: %q", a.Landscape, abs("data"), abs("keys"))
	line("server:\n  name: %q\n  precedence: %d", j.in.Server, j.in.Precedence)
	line("http:\n  listen: %q\nlog:\n  partitions: %d\nkafka:\n  brokers:", j.listen, a.Partitions)
	for _, broker := range a.Brokers {
		line("    - %q", broker)
	}
	return []byte(b.String())
}

// preflight finds all that is in the way.
func (j *joiner) preflight(ctx context.Context) (httpapi.Admission, []string) {
	var faults []string
	add := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	j.in.Check = true
	began := clock.Boot()
	a, err := j.client.Join(ctx, j.in)
	if err != nil {
		add("admission: %s", domain.Plain(err))
		return a, faults // what else is in the way only a server that answers can say
	}
	middle := (began + clock.Boot()) / 2
	faults = append(faults, a.Faults...)
	if own, theirs := release(thisBuild().Version), release(a.Build); own != theirs {
		add("version: this is release %s, and the landscape runs %s: install that one here", own, theirs)
	}
	faults = append(faults, j.inspect(&a)...)
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
	return a, faults
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
