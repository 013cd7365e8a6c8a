package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/guard"
)

func clusterCommand(g *globals) *cobra.Command {
	return group("cluster", "Look at the servers of a landscape, and decide about them",
		clusterStatusCommand(g), clusterDoctorCommand(g), clusterHistoryCommand(g), clusterPolicyCommand(g), clusterPauseCommand(g), clusterResumeCommand(g),
		clusterTokenCommand(g), clusterJoinCommand(), clusterDrainCommand(g), clusterUndrainCommand(g), clusterLeaveCommand(g), clusterRemoveCommand(g), clusterDissolveCommand(g))
}

func clusterStatusCommand(g *globals) *cobra.Command {
	var watch bool
	var every time.Duration
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show who is primary, and how each server is",
		Args:  exactly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if every < 50*time.Millisecond {
				return usage("--every %s: give at least 50ms", every)
			}
			s, err := g.open(cmd)
			if err != nil {
				return err
			}
			if watch {
				return s.watch(cmd.Context(), every)
			}
			st, err := s.client.Status(cmd.Context())
			if err != nil {
				return s.explain(err)
			}
			if err := s.show(st, func(t *table) { s.statusTable(t, &st) }); err != nil {
				return err
			}
			if st.Primary == "" {
				return fmt.Errorf("%w: nobody acts; if this lasts, see whether the brokers answer and what the servers log", httpapi.ErrNoPrimary)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&watch, "watch", false, "show it again and again, until interrupted")
	cmd.Flags().DurationVar(&every, "every", time.Second, "how often, with --watch")
	return cmd
}

// clearScreen puts the cursor of a terminal home and clears what was there.
const clearScreen = "\x1b[H\x1b[2J"

// watch shows the status until the context ends. A failure is shown in its
// place: who watches wants to see the servers come back.
func (s *session) watch(ctx context.Context, every time.Duration) error {
	terminal := isTerminal(s.out)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		st, err := s.client.Status(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if terminal && s.form == formTable {
			_, _ = fmt.Fprint(s.out, clearScreen)
		}
		if err := s.frame(&st, s.explain(err)); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// frame is one showing of a watch: in JSON one line, in YAML one document.
func (s *session) frame(st *httpapi.Status, failed error) error {
	var v any = st
	if failed != nil {
		v = map[string]string{"error": domain.Plain(failed)}
	}
	switch s.form {
	case formJSON:
		return json.NewEncoder(s.out).Encode(v)
	case formYAML:
		if _, err := fmt.Fprintln(s.out, "---"); err != nil {
			return err
		}
	}
	return s.show(v, func(t *table) {
		t.text("%s", time.Now().Format(time.DateTime))
		if failed != nil {
			t.text("no answer: %s", domain.Plain(failed))
		} else {
			s.statusTable(t, st)
		}
		t.text("")
	})
}

func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func (s *session) statusTable(t *table, st *httpapi.Status) {
	switch {
	case st.Primary == "" && st.Epoch == 0:
		t.text("landscape %s: NO PRIMARY; this server knows of no epoch, and of nobody that acts", st.Landscape)
	case st.Primary == "":
		t.text("landscape %s: NO PRIMARY since epoch %d ended; nobody acts", st.Landscape, st.Epoch)
	default:
		t.text("landscape %s: primary %s, epoch %d, lease %s", st.Landscape, oneLine(st.Primary), st.Epoch, shortMs(st.LeaseTTL))
	}
	t.text("")
	if len(st.Servers) == 0 {
		t.text("no server is listed: who they are stands in the log, and server %s has not read it; ask another one with --server or --address", oneLine(st.Server.Name))
		t.text("")
		s.warnings(t, st)
		return
	}
	t.row("SERVER", "ADDRESS", "ROLE", "STATE", "READY", "SYNC", "EPOCH", "POSITION", "LAG", "HASH OK", "SENIORITY", "UPTIME", "HEARD")
	for _, m := range st.Servers {
		epoch := ""
		if m.Epoch != 0 {
			epoch = fmt.Sprint(m.Epoch)
		}
		heard := shortMs(m.LastHeard) + " ago"
		lag := fmt.Sprint(m.Lag)
		if m.Lag == domain.LagUnknown {
			lag = "?"
		}
		t.row(m.Name, m.Address, m.Role, m.State, yesNo(m.Ready), m.SyncMode, epoch, m.Position, lag, m.HashOK,
			m.Seniority, m.Uptime.Duration().Round(time.Second), heard)
	}
	for _, m := range st.Former {
		heard := ""
		if !m.LastHeard.IsZero() {
			heard = "at " + m.LastHeard.Local().Format(time.DateTime)
		}
		t.row(m.Name, m.Address, "", httpapi.StateLeft, yesNo(false), "", "", m.Position, "", "", "", "", heard)
	}
	t.text("")
	t.text("as server %s sees it (build %s)", oneLine(st.Server.Name), oneLine(st.Server.Build))
	s.warnings(t, st)
}

// decisions says what operators have decided, where they have.
func (s *session) decisions(t *table, st *httpapi.Status) {
	if st.Policy != nil {
		t.text("%s", policyLine(st.Policy))
	}
	if f := failBackLine(st.FailBack); f != "" {
		t.text("%s", f)
	}
	if st.Paused != nil {
		t.text("automatic failover is PAUSED by %s%s", oneLine(st.Paused.By), oneLine(after(": ", st.Paused.Reason)))
	}
	for _, m := range st.Servers {
		if m.Drained {
			t.text("server %s is drained%s: it does not take over", oneLine(m.Name), oneLine(after(" by ", m.DrainedBy)))
		}
		if m.Falls > 1 {
			t.text("server %s has lost primacy unasked %d times, each soon after the one before", oneLine(m.Name), m.Falls)
		}
		if m.Missing != nil && *m.Missing > 0 {
			t.text("server %s misses %d of the devices that standbys connect to; who misses fewer takes over first", oneLine(m.Name), *m.Missing)
		}
		if m.Unapplied != "" {
			t.text("ALARM: %s", oneLine(s.pasteable(m.Unapplied)))
		}
	}
}

// after is s behind a prefix, or nothing if there is no s.
func after(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

// stopped says of a server of this machine that it is silent because its
// process was stopped, and how it goes on.
func (s *session) stopped(m httpapi.ServerStatus) string {
	if s.run == nil {
		return ""
	}
	one, ok := s.run.Server(m.Name)
	if !ok || one.Address != m.Address {
		return ""
	}
	r, err := guard.ReadRunFile(one.RunFile)
	if err != nil || r.Incarnation != m.Incarnation || !r.Stopped() {
		return ""
	}
	return fmt.Sprintf("; its process is stopped, and goes on with: kill -CONT %d", r.PID)
}

// warnings says what an operator should look at. No line: nothing.
func (s *session) warnings(t *table, st *httpapi.Status) {
	s.decisions(t, st)
	for _, why := range st.Server.Reasons {
		t.text("server %s is not ready: %s", oneLine(st.Server.Name), oneLine(s.pasteable(why)))
	}
	for _, m := range st.Servers {
		if m.State == httpapi.StateSilent {
			since := st.Server.Time.Add(-m.LastHeard.Duration())
			t.text("server %s at %s: silent since %s, last heard %s ago%s", oneLine(m.Name), oneLine(m.Address),
				since.Local().Format(time.DateTime), shortMs(m.LastHeard), s.stopped(m))
		}
		if m.HashOK == domain.HashDiffers {
			t.text("server %s: its state differs from the primary's at the same position", oneLine(m.Name))
		}
		if !m.Guarded {
			t.text("server %s has no guard: its death is noticed only when the lease runs out", oneLine(m.Name))
		}
	}
	if st.ValveWhy != "" {
		t.text("valve: %s (%s)", st.Valve, oneLine(st.ValveWhy))
	}
	if st.ClockSuspect {
		t.text("clock suspect: a record's time was too far ahead to be believed; check the clocks of brokers and producers")
	}
	c := st.Counters
	t.text("commands: %d accepted, %d refused, %d repeats, %d UID conflicts, %d misplaced; changes by others: %d; fenced: %d; dead letters: %d",
		c.Accepted, c.Refused, c.Duplicates, c.Conflicts, c.Misplaced, c.Foreign, c.Fenced, c.DeadLetters)
}
