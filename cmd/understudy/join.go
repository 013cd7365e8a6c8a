package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
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
				t.text("good once, until %s: understudy cluster join ADDRESS --token TOKEN --name NAME", i.Until.Local().Format(time.DateTime))
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
}

func clusterJoinCommand() *cobra.Command {
	j := &joiner{}
	cmd := &cobra.Command{
		Use:   "join ADDRESS",
		Short: "Prepare a server of this machine to join a landscape",
		Long: `Ask any server of a landscape, by a token of it, for what a new server needs, and write its
configuration and the landscape's key into a folder. Before that, all that is in the way is
found and said at once: the version, the rate of the clocks, the landscape, the name, the
identity, the brokers. The same again changes nothing.`,
		Example: `  understudy cluster join https://a.example:7500 --token TOKEN --name D --into /var/lib/understudy`,
		Args:    exactly,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkAddress(args[0]); err != nil {
				return err
			}
			j.client = httpapi.NewClient(args[:1], "")
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
	f.StringVar(&j.in.Token, "token", "", "a token of understudy cluster token")
	f.StringVar(&j.in.Server, "name", "", "the name that this server is to have")
	f.IntVar(&j.in.Precedence, "precedence", 0, "for the policy precedence: the lowest goes first")
	f.StringVar(&j.into, "into", "", "folder for its configuration, key and data (default: ./NAME)")
	f.StringVar(&j.listen, "listen", "127.0.0.1:7500", "where it serves its HTTP API")
	require(cmd, "token", "name")
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
	if _, err := os.Stat(j.file("server.yaml")); err == nil {
		return fmt.Sprintf("%s is prepared for landscape %s already; %s", j.in.Server, a.Landscape, next), nil
	}
	j.in.Check = false
	if a, err = j.client.Join(ctx, j.in); err != nil {
		return "", err
	}
	if err := writeNew(j.file("keys"), []byte(a.Keys)); err != nil && !errors.Is(err, domain.ErrConflict) {
		return "", err
	}
	if err := writeNew(j.file("server.yaml"), j.configuration(&a)); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s may join landscape %s; its configuration is %s. Brokers that want TLS or a password, and where others reach it (server.advertise), are to be added there. Then %s",
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
	if landscape, ok := j.present(); ok && landscape != a.Landscape {
		add("landscape: %s holds a server of landscape %s: choose another folder with --into", j.into, landscape)
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
	return a, faults
}

// release is the part of a version that must be the same.
func release(version string) string {
	parts := strings.SplitN(version, ".", 3)
	return strings.Join(parts[:min(2, len(parts))], ".")
}

// present is the landscape of the server that the folder holds.
func (j *joiner) present() (string, bool) {
	loaded, err := config.Load(config.Source{File: j.file("server.yaml")})
	if err != nil || errors.Is(err, fs.ErrNotExist) {
		return "", false
	}
	return loaded.Config.Landscape, true
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
