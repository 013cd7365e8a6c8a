package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"os/user"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/understudy-io/understudy/infra/guard"
	"github.com/understudy-io/understudy/infra/up"
)

var errParent = errors.New("the process that started up has ended (use --detach to go on without it)")

func upCommand() *cobra.Command {
	var opts up.Options
	var detach bool
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Run a whole landscape on this machine",
		Long: `Run a whole landscape on this machine: the embedded broker, servers with their
guards, a simulated 40x40 Videohub and a simulated HTTP device. It follows what
happens until Ctrl-C, and keeps its data in the folder for the next time.`,
		Args: exactly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if run, err := up.Load(opts.Dir); err == nil && run.PortBase > 0 && !cmd.Flags().Changed("port-base") {
				opts.PortBase = run.PortBase
			}
			if detach {
				return detachUp(cmd, opts.Dir)
			}
			return runUp(cmd, opts)
		},
	}
	f := cmd.Flags()
	f.StringVar(&opts.Dir, "dir", up.DefaultDir, "folder for all data")
	f.IntVar(&opts.PortBase, "port-base", 17500, "first of the ports, which all lie within the next 100; a folder keeps those that it had")
	f.IntVar(&opts.Servers, "servers", 3, "servers, 1 to 6")
	f.StringVar(&opts.Landscape, "landscape", "", "name of the landscape (default: the folder's, or main)")
	f.StringSliceVar(&opts.Kafka, "kafka", nil, "use this Kafka, host:port of a listener without TLS and password, instead of the embedded broker")
	f.StringVar(&opts.TTL, "ttl", "", "length of the lease: auto, or a duration such as 300ms")
	f.DurationVar(&opts.MinTTL, "min-ttl", 0, "shortest lease that auto may choose")
	f.BoolVar(&detach, "detach", false, "go on in the background when it is ready")
	return cmd
}

func runUp(cmd *cobra.Command, opts up.Options) error {
	rareCollections()
	if err := opts.Validate(); err != nil {
		return withExit(exitUsage, err)
	}
	var err error
	if opts.Program, err = up.Program(); err != nil {
		return err
	}
	opts.Version, opts.User = thisBuild().String(), userName()
	opts.Logger = slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), inLogs(slog.LevelError)))
	opts.Printf = linePrinter(cmd.OutOrStdout())

	ctx, cancel := context.WithCancelCause(cmd.Context())
	defer cancel(nil)
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if os.Getenv(envDetached) == "" {
		guard.WatchParent(ctx, func() { cancel(errParent) })
	}

	began := time.Now()
	u, err := up.Start(ctx, opts)
	if err != nil {
		if ctx.Err() != nil && errors.Is(err, context.Canceled) {
			return withExit(exitError, fmt.Errorf("ended before all was ready: %w", context.Cause(ctx)))
		}
		return err
	}
	announce(ctx, u, opts, time.Since(began))
	err = u.Follow(ctx)
	opts.Printf("ending: %v", context.Cause(ctx))
	return errors.Join(err, u.Stop())
}

func announce(ctx context.Context, u *up.Up, opts up.Options, took time.Duration) {
	run := u.Run()
	var text strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&text, format+"\n", args...) }
	line("landscape %s is ready after %v: %s is primary of %d servers", run.Landscape, took.Round(10*time.Millisecond), u.Primary(ctx), len(run.Servers))
	for _, s := range run.Servers {
		line("  server %s    %s", s.Name, s.Address)
	}
	for _, d := range run.Devices {
		line("  %-11s %s, its control at %s", d.ID, d.Address, d.Control)
	}
	line("  Kafka       %v", run.Kafka)
	line("  folder      %s", run.Dir)
	line("")
	line("%s", tryThis)
	for _, h := range u.Hints(up.CommandLine()) {
		line("  %s:", h.What)
		line("    %s", h.Line)
	}
	opts.Printf("%s", text.String())
}

// tryThis begins the end of the announcement, which is written at once: whoever
// has read it has read all.
const tryThis = "Try in a second terminal:"

// linePrinter writes whole lines, from any goroutine.
func linePrinter(w io.Writer) func(string, ...any) {
	var mu sync.Mutex
	return func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = fmt.Fprintf(w, format+"\n", args...)
	}
}

// userName is the name of whoever runs this.
func userName() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return "operator"
}
