package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

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
		Args: exactly,
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
		Args:  exactly,
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
	if o.uid == "" && cmd.Flags().Changed("uid") {
		return usage(`--uid "": give 1 to %d bytes, or leave the flag out for a new UID; is a variable empty?`, domain.MaxUID)
	}
	if strings.ContainsFunc(o.uid, unicode.IsControl) {
		return usage("--uid %q has control characters, such as a line break: nobody could ask for it by hand afterwards; give it without", o.uid)
	}
	if o.wait < 0 || o.wait > httpapi.MaxWait {
		return usage("--timeout %s: give 0s to %s", o.wait, httpapi.MaxWait)
	}
	if cmd.Flags().Changed("valid-for") && (o.validFor < time.Millisecond || o.validFor > domain.MaxValidFor) {
		return usage("--valid-for %s: give 1ms to %s, or leave it out for what the device's definition says", o.validFor, domain.MaxValidFor)
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
	r, err := s.client.Submit(cmd.Context(), httpapi.Command{
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
	return resumableError{fmt.Errorf("%w\nNobody knows yet whether %s is in the log. %s", err, uid, s.howToAsk(device, uid))}
}

func (s *session) howToAsk(device, uid string) string {
	return fmt.Sprintf("Ask with `%s`, or run the same again with --uid %s: it is done at most once.",
		s.line("command", "status", uid, "--device", device), quoted(uid))
}
