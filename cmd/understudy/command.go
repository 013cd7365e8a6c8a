package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
)

// sending are the flags of every command that is sent to a device.
type sending struct {
	uid      string
	wait     time.Duration
	validFor time.Duration
}

func (o *sending) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.uid, "uid", "", "UID of the command: the same one again gets the same answer and does nothing twice (default: a new one)")
	f.DurationVar(&o.wait, "timeout", httpapi.DefaultWait, "how long to wait for the outcome, at most "+httpapi.MaxWait.String())
	f.DurationVar(&o.validFor, "valid-for", 0, "how long it may wait to be sent, before it expires (default: what the device's definition says)")
}

func commandCommand(g *globals) *cobra.Command {
	return group("command", "Send a command, or ask what became of one", sendCommand(g), statusCommand(g))
}

func sendCommand(g *globals) *cobra.Command {
	var args []string
	var o sending
	cmd := &cobra.Command{
		Use:   "send DEVICE VERB",
		Short: "Call a verb of a device, and wait for its outcome",
		Long: `Call a verb that the device's definition declares, and wait for its outcome.
Under the same UID the same line gets the same answer, and nothing is done twice.
A UID is remembered for 24 hours; after that it is a new command.`,
		Example: `  understudy command send gate-1 pulse --uid show7-cue12
  understudy command send gate-1 set-level --arg level=40`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, words []string) error {
			invoke := domain.Invoke{Verb: words[1]}
			for _, a := range args {
				name, value, ok := strings.Cut(a, "=")
				if !ok || name == "" {
					return usage("--arg %q: write it as name=value", a)
				}
				if invoke.Args == nil {
					invoke.Args = make(map[string]string)
				}
				if _, twice := invoke.Args[name]; twice {
					return usage("--arg %s is given twice", name)
				}
				invoke.Args[name] = value
			}
			return g.submit(cmd, words[0], invoke, o)
		},
	}
	cmd.Flags().StringArrayVar(&args, "arg", nil, "an argument of the verb, name=value; may be repeated")
	o.register(cmd)
	return cmd
}

func statusCommand(g *globals) *cobra.Command {
	var device string
	cmd := &cobra.Command{
		Use:   "status UID",
		Short: "Ask what became of a command",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, words []string) error {
			s, err := g.open(cmd)
			if err != nil {
				return err
			}
			r, err := s.client.Command(cmd.Context(), device, words[0])
			if err != nil {
				return s.explain(err)
			}
			return s.showResult("", r)
		},
	}
	cmd.Flags().StringVar(&device, "device", "", "its device (default: whichever knows the UID)")
	return cmd
}

// submit sends a command, shows its outcome, and ends with the exit code for it.
func (g *globals) submit(cmd *cobra.Command, device string, p domain.Payload, o sending) error {
	if o.wait < 0 || o.wait > httpapi.MaxWait {
		return usage("--timeout %s: give 0s to %s", o.wait, httpapi.MaxWait)
	}
	if o.validFor < 0 || o.validFor > domain.MaxValidFor {
		return usage("--valid-for %s: give 0s to %s", o.validFor, domain.MaxValidFor)
	}
	s, err := g.open(cmd)
	if err != nil {
		return err
	}
	if o.uid == "" {
		if o.uid, err = httpapi.NewUID(); err != nil {
			return err
		}
	}
	// Whoever interrupts the wait is told the UID.
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	r, err := s.client.Submit(ctx, httpapi.Command{
		Device: device, Payload: p, UID: o.uid, ValidFor: o.validFor, Source: "/understudy/cli",
	}, o.wait)
	if err != nil {
		return s.unsure(s.explain(err), device, o.uid)
	}
	return s.showResult(inWords(p), r)
}

// unsure adds to an error that leaves the fate of a command open how to learn it.
func (s *session) unsure(err error, device, uid string) error {
	if !errors.Is(err, domain.ErrUnknownFate) && !errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%w\nNobody knows yet whether %s is in the log. %s", err, uid, s.howToAsk(device, uid))
}

func (s *session) howToAsk(device, uid string) string {
	return fmt.Sprintf("Ask with `%s`, or run the same again with --uid %s: it is done at most once.",
		s.line("command", "status", uid, "--device", device), quoted(uid))
}

// showResult prints a result; what is not confirmed is an error with its code.
func (s *session) showResult(what string, r httpapi.Result) error {
	if err := s.show(r, func(t *table) { resultTable(t, what, &r) }); err != nil {
		return err
	}
	code := r.ExitCode()
	if code == exitOK {
		return nil
	}
	return withExit(code, errors.New(s.verdict(&r)))
}

// verdict says in a sentence what a result means, and what to do.
func (s *session) verdict(r *httpapi.Result) string {
	because := ""
	if r.Reason != "" {
		because = ": " + string(r.Reason)
	}
	switch {
	case r.Conflict:
		return fmt.Sprintf("UID %s was used before for another wish, and that one's answer is shown: use a new UID", r.UID)
	case r.Outcome == "" && r.NoPrimary:
		return "it is in the log, but no server acts; `" + s.line("cluster", "status") + "` shows why. " + s.howToAsk(r.Device, r.UID)
	case r.Outcome == "":
		return "it is in the log and has no outcome yet. " + s.howToAsk(r.Device, r.UID)
	case r.Outcome == domain.InDoubt:
		return fmt.Sprintf("nobody knows whether it was done: look at the device, then say done, not-done or again: `%s`",
			s.line("indoubt", "resolve", r.UID, "--device", r.Device, "--as", "done", "--reason", "TEXT"))
	case r.Outcome == domain.Refused:
		return "refused" + because + refusalAdvice(s, r)
	case r.Outcome == domain.Superseded:
		return "superseded: a newer wish took its place before it was done"
	case r.Outcome == domain.Expired:
		return "expired: it grew too old before it could be sent" + because + "; send it again with a new UID if it is still wanted"
	case len(r.Items) > 0:
		return "not all of it was done: the results above say what was not" + because
	}
	return inPlain(r.Outcome) + because
}

func refusalAdvice(s *session, r *httpapi.Result) string {
	switch r.Reason {
	case domain.ReasonUnknownDevice:
		return "; `" + s.line("state", "list") + "` lists the devices"
	case domain.ReasonTooOld, domain.ReasonFromFuture:
		return "; set this machine's clock, then use a new UID"
	case domain.ReasonOutOfRange:
		return detailOf(r) + "; `" + s.line("state", "get", r.Device) + "` shows how many ports it has"
	case domain.ReasonUnknownVerb, domain.ReasonBadArguments:
		return detailOf(r) + "; the verbs and their arguments are in the device's definition, in the servers' configuration"
	case domain.ReasonNotInDoubt:
		return "; `" + s.line("indoubt", "list") + "` shows what is"
	case domain.ReasonOverloaded:
		return "; too many commands of this device are waiting: try again later with a new UID"
	}
	return detailOf(r)
}

func detailOf(r *httpapi.Result) string {
	if r.Detail == "" {
		return ""
	}
	return " (" + oneLine(r.Detail) + ")"
}

// inPlain is an outcome in the words of the field.
func inPlain(o domain.Outcome) string {
	if o == "" {
		return "no outcome yet"
	}
	return strings.ReplaceAll(string(o), "_", " ")
}

func resultTable(t *table, what string, r *httpapi.Result) {
	head := inPlain(r.Outcome)
	if r.Reason != "" {
		head += ", " + string(r.Reason)
	}
	switch {
	case r.Conflict:
		head += " (of another wish under this UID)"
	case r.Duplicate:
		head += " (the answer that this UID got before)"
	}
	subject := r.Device
	if what != "" {
		subject += ": " + what
	}
	t.text("%s  %s", head, oneLine(subject))
	t.field("detail", r.Detail)
	t.field("UID", r.UID)
	t.field("position", r.Position)
	if r.OutcomeAt != nil {
		t.field("outcome at", *r.OutcomeAt)
	}
	if r.Epoch != 0 {
		t.field("epoch", r.Epoch)
	}
	t.field("server", r.Server)
	t.field("superseded by", r.By)
	t.field("resolved as", r.Resolved)
	t.field("user", r.User)
	t.field("source", r.Source)
	if !r.Accepted.IsZero() {
		t.field("accepted", r.Accepted.Format("2006-01-02 15:04:05.000 MST"))
	}
	stepsTable(t, r.Steps)
	itemsTable(t, r.Items)
}

// stepsTable shows how long each step took.
func stepsTable(t *table, s *httpapi.Steps) {
	if s == nil {
		return
	}
	for _, step := range []struct {
		name, meaning string
		took          httpapi.Milliseconds
	}{
		{"read", "by the primary, after the append", s.Read},
		{"started", "write-ahead read back", s.Started},
		{"sent", "bytes with the device's socket", s.Sent},
		{"answered", "the device acknowledged", s.Answered},
		{"confirmed", "the device reports it", s.Confirmed},
	} {
		if step.took > 0 {
			t.row("  "+step.name, "+"+shortMs(step.took)+"  "+step.meaning)
		}
	}
}

func itemsTable(t *table, items []domain.Item) {
	if len(items) == 0 {
		return
	}
	t.text("")
	t.row("TARGET", "OUTCOME", "REASON")
	for _, i := range items {
		t.row(i.Target, inPlain(i.Outcome), i.Reason)
	}
}
