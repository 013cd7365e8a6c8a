package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"slices"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/config"
	"github.com/understudy-io/understudy/infra/guard"
	"github.com/understudy-io/understudy/infra/server"
	"github.com/understudy-io/understudy/infra/up"
)

// properFlag marks the child of a guard: the server proper.
const properFlag = "proper"

// pointFlag marks the servers of a landscape on which drills rehearse: SIGUSR2 has
// one stop itself between its next check of the lease and the write.
const pointFlag = up.FaultPointFlag

// maxSignals bounds the signals that wait to be passed on.
const maxSignals = 8

func serverCommand() *cobra.Command {
	var file configFile
	var noGuard, proper, point bool
	cmd := &cobra.Command{
		Use:   "server",
		Short: "Run one server, with its guard",
		Long: `Run one server of a landscape, as two processes: the server proper, and a small
guard that sees it end, says so in the log at once, and starts it again. With
--no-guard, or guard.enabled: false, it is one process, for sites that prefer a
supervisor; then the end of the process costs the length of the lease.`,
		Args: exactly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			loaded, err := file.load(cmd)
			if err == nil {
				err = loaded.Config.Validate()
			}
			if err != nil {
				return err
			}
			cfg := loaded.Config
			if proper || noGuard || !cfg.Guard.Enabled {
				return runServer(cmd.Context(), cfg, point)
			}
			return runGuard(cmd.Context(), cfg)
		},
	}
	file.register(cmd)
	cmd.Flags().BoolVar(&noGuard, "no-guard", false, "run without a guard")
	cmd.Flags().BoolVar(&proper, properFlag, false, "be the child of a guard")
	cmd.Flags().BoolVar(&point, pointFlag, false, "let drills stop this server at one exact place")
	_, _ = cmd.Flags().MarkHidden(properFlag), cmd.Flags().MarkHidden(pointFlag)
	return cmd
}

// runGuard guards the same command, started once more as the server proper.
func runGuard(ctx context.Context, cfg config.Config) error {
	cfg.Devices = nil // only the server needs them; a guard stays small
	debug.FreeOSMemory()
	logger := serverLogger(cfg).With("process", "guard")
	program, err := up.Program()
	if err != nil {
		return err
	}
	life, err := tie(ctx, logger)
	if err != nil {
		return err
	}
	defer life.end()
	witness, err := newWitness(cfg, logger)
	if err != nil {
		return err
	}
	signals := make(chan os.Signal, maxSignals)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2)
	defer signal.Stop(signals)
	code, err := guard.Run(life, guard.Options{
		Command: func() (*exec.Cmd, error) {
			cmd := exec.Command(program, append(slices.Clone(os.Args[1:]), "--"+properFlag)...)
			cmd.Stdin, cmd.Stdout, cmd.Stderr = nil, os.Stdout, os.Stderr
			life.line.Pass(cmd)
			return cmd, nil
		},
		Died: witness.died, Warm: witness.warm,
		Signals: signals,
		RunFile: runFile(cfg),
		Limits:  guard.Limits{RestartMin: cfg.Guard.RestartMin, RestartMax: cfg.Guard.RestartMax},
		Logger:  logger,
	})
	err = errors.Join(err, witness.close())
	if err == nil && code != 0 {
		err = errors.New("the server did not end cleanly; its last lines say why")
	}
	if errors.Is(err, domain.ErrConflict) {
		return err // the folder is in use
	}
	return withExit(code, err)
}

// runServer is the server proper.
func runServer(ctx context.Context, cfg config.Config, point bool) error {
	rareCollections()
	logger := serverLogger(cfg)
	life, err := begin(ctx, logger)
	if err != nil {
		return err
	}
	defer life.end()
	err = serve(life, cfg, point, logger)
	if errors.Is(err, domain.ErrInvalid) || errors.Is(err, server.ErrReplaced) || errors.Is(err, server.ErrBarred) {
		// A guard must not try this again.
		return withExit(guard.ExitUnusable, err)
	}
	return err
}

// serverLogger writes to stderr as the configuration says.
func serverLogger(cfg config.Config) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(cfg.Logging.Level)) // validated before
	opts := inLogs(level)
	var handler slog.Handler = slog.NewTextHandler(os.Stderr, opts)
	if cfg.Logging.Format == "json" {
		handler = slog.NewJSONHandler(os.Stderr, opts)
	}
	return slog.New(handler).With("server", cfg.Server.Name, "landscape", cfg.Landscape)
}

// runFile is where the guard notes which server runs.
func runFile(cfg config.Config) string { return filepath.Join(cfg.Dir, guard.RunFileName) }

// underGuard says whether a guard has started this process.
func underGuard() bool { return os.Getenv(guard.EnvGuard) != "" }

// incarnation names this start of the server: the guard's word for it, or one of
// its own.
func incarnation() (string, error) {
	if given := os.Getenv(guard.EnvIncarnation); given != "" {
		return given, nil
	}
	own, err := guard.NewIncarnation()
	if err != nil {
		return "", fmt.Errorf("start server: %w", err)
	}
	return own, nil
}
