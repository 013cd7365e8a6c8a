package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/up"
)

// clientCommands are the commands that talk to a running landscape.
func clientCommands(g *globals) []*cobra.Command {
	return []*cobra.Command{
		routeCommand(g), labelCommand(g), commandCommand(g), indoubtCommand(g), deadLetterCommand(g),
		stateCommand(g), clusterCommand(g), switchoverCommand(g), takeoverCommand(g), logCommand(g), drillCommand(g),
		timelineCommand(g), explainCommand(g), exportCommand(g), importCommand(g), sealCommand(g), replayCommand(g), auditCommand(g),
	}
}

// maxTokenFile bounds what is read of a token file.
const maxTokenFile = httpapi.MaxSecret

// session is a client command at work: whom it asks and where it prints.
type session struct {
	*globals
	*screen
	client *httpapi.Client
	run    *up.Run // what the folder tells; nil with --address and no folder
	// hasToken tells whether a token is sent.
	hasToken bool
}

// open finds the landscape that the flags name.
func (g *globals) open(cmd *cobra.Command) (*session, error) {
	s, err := g.folder(cmd, "name one with --dir or --address")
	if err != nil {
		return nil, err
	}
	addresses, err := g.addresses(s.run)
	if err != nil {
		return nil, err
	}
	token, err := g.token(s.run, addresses)
	if err != nil {
		return nil, err
	}
	s.client, s.hasToken = httpapi.NewClient(addresses, token), token != ""
	if _, own := g.ownServer(s.run); g.Server != "" && !own {
		return s, s.askMember(cmd.Context(), g.Server)
	}
	return s, nil
}

// ownServer is the server that --server names, if the folder knows it.
func (g *globals) ownServer(run *up.Run) (up.Server, bool) {
	if run == nil || g.Server == "" {
		return up.Server{}, false
	}
	return run.Server(g.Server)
}

// askMember has a member of the landscape asked that the folder does not know: one that has
// joined since. The others say where it is.
func (s *session) askMember(ctx context.Context, name string) error {
	st, err := s.client.Status(ctx)
	if err != nil {
		return s.explain(err)
	}
	var names []string
	for _, m := range st.Servers {
		if m.Name == name {
			s.client = s.client.At(m.Address)
			return nil
		}
		names = append(names, m.Name)
	}
	return fmt.Errorf("no server %q in landscape %s: give one of %s: %w", name, st.Landscape, strings.Join(names, ", "), domain.ErrNotFound)
}

// folder reads up.json, which need not be there if an address is given. Faults
// of the flags come first, before anything is asked for. What else could be done
// where there is none is told in the words of whoever asks.
func (g *globals) folder(cmd *cobra.Command, orElse string) (*session, error) {
	screen, err := newScreen(cmd, g.Output)
	if err != nil {
		return nil, err
	}
	if g.Address != "" && g.Server != "" {
		return nil, usage("give --address or --server, not both: an address names a server already")
	}
	s := &session{globals: g, screen: screen}
	run, err := up.Load(g.Dir)
	switch {
	case err == nil:
		s.run = &run
	case g.Address == "" && errors.Is(err, domain.ErrNotFound):
		return nil, fmt.Errorf("no landscape in %s: start one with `%s`, or %s: %w", g.Dir, g.line("up"), orElse, domain.ErrNotFound)
	case g.Address == "":
		return nil, err
	}
	return s, nil
}

func (g *globals) addresses(run *up.Run) ([]string, error) {
	if g.Address != "" {
		return []string{g.Address}, checkAddress(g.Address)
	}
	if one, own := g.ownServer(run); own {
		return []string{one.Address}, nil
	}
	var all []string
	for _, s := range run.Servers {
		all = append(all, s.Address)
	}
	return all, nil
}

// checkAddress takes host:port as well, as the client does.
func checkAddress(address string) error {
	full := address
	if !strings.Contains(address, "://") {
		full = "http://" + address
	}
	if u, err := url.Parse(full); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return usage("--address %q: give the URL of a server, such as http://127.0.0.1:17501", address)
	}
	return nil
}

// token is the first one of the token file. That of the folder goes to the
// folder's own servers only.
func (g *globals) token(run *up.Run, addresses []string) (string, error) {
	path := g.TokenFile
	if path == "" {
		if run == nil || !owns(run, addresses) {
			return "", nil
		}
		path = run.TokenFile
	}
	b, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrPermission) && g.TokenFile == "":
		return "", nil // reading needs none; a change is told that it does
	case err != nil:
		return "", fmt.Errorf("read the token: name another file with --token-file: %w: %w", domain.ErrInvalid, err)
	case len(b) > maxTokenFile:
		return "", fmt.Errorf("%s has %d bytes and is no token file: name another with --token-file: %w", path, len(b), domain.ErrInvalid)
	}
	for line := range strings.Lines(string(b)) {
		words := strings.Fields(line)
		if len(words) == 2 && !strings.HasPrefix(words[0], "#") && !strings.HasPrefix(words[1], hashMark) {
			return words[1], nil
		}
	}
	if strings.Contains(string(b), hashMark) {
		return "", fmt.Errorf("%s holds hashes of tokens, for a server, and no token: name the file that you have yours in with --token-file: %w", path, domain.ErrInvalid)
	}
	return "", fmt.Errorf("%s holds no line \"<user> <token>\": name another file with --token-file: %w", path, domain.ErrInvalid)
}

func owns(run *up.Run, addresses []string) bool {
	for _, a := range addresses {
		found := false
		for _, s := range run.Servers {
			found = found || strings.TrimRight(a, "/") == s.Address
		}
		if !found {
			return false
		}
	}
	return true
}

// explain adds to an error what the folder tells about its landscape.
func (s *session) explain(err error) error {
	e, ok := errors.AsType[*httpapi.Error](err)
	switch {
	case !ok:
		return err
	case e.Code == httpapi.CodeUnreachable && s.Address == "" && s.run != nil && !s.run.Alive():
		return s.ended()
	case e.Code == httpapi.CodeUnauthorized && !s.hasToken:
		return withExit(e.ExitCode(), fmt.Errorf("a token is needed at %s: name the file that holds it with --token-file%s", e.Address, s.tokenOf()))
	case e.Code == httpapi.CodeUnauthorized && s.TokenFile == "":
		return fmt.Errorf("%w (the token comes from %s)", err, s.run.TokenFile)
	case e.Code == httpapi.CodeUnauthorized:
		return fmt.Errorf("%w (the token comes from %s)", err, s.TokenFile)
	}
	told := *e
	told.Detail = s.pasteable(e.Detail)
	return &told
}

// ended says that nothing of the folder's landscape runs.
func (s *session) ended() error {
	return fmt.Errorf("the landscape in %s has ended: start it again with `%s`", s.Dir, s.line("up"))
}

// tokenOf says why the token of the folder was not used.
func (s *session) tokenOf() string {
	switch {
	case s.run == nil:
		return ""
	case s.Address != "" && !owns(s.run, []string{s.Address}):
		return fmt.Sprintf(" (that of %s is for its own servers only)", s.Dir)
	}
	return fmt.Sprintf(" (this user may not read %s)", s.run.TokenFile)
}

// aCommand finds a command line in what a server says.
var aCommand = regexp.MustCompile("`understudy ([^`]+)`")

// pasteable makes the command lines in what a server says name the landscape
// that was asked: a server cannot know how it was found.
func (g *globals) pasteable(text string) string {
	return aCommand.ReplaceAllStringFunc(text, func(quoted string) string {
		return "`" + g.line(strings.Fields(aCommand.FindStringSubmatch(quoted)[1])...) + "`"
	})
}

// pastedError is an error with command lines that name the landscape that was asked.
type pastedError struct {
	error
	text string
}

func (p *pastedError) Error() string { return p.text }
func (p *pastedError) Unwrap() error { return p.error }

// pasted is pasteable for an error that was not made here.
func (g *globals) pasted(err error) error {
	if err == nil {
		return nil
	}
	return &pastedError{err, g.pasteable(err.Error())}
}

// readsTheLog says whether a command reads the brokers, or a folder, and asks no server.
func readsTheLog(args []string) bool {
	of := map[string][]string{"deadletter": {"list", "show"}, "state": {"at", "diff"}} // of a group: only these
	switch {
	case len(args) == 0:
		return false
	case slices.Contains([]string{"log", "timeline", "explain", "export", "seal", "audit", "replay"}, args[0]):
		return true
	}
	return len(args) > 1 && slices.Contains(of[args[0]], args[1])
}

// line is a command line that can be pasted: it names the same landscape.
func (g *globals) line(args ...string) string {
	words := append([]string{programName()}, args...)
	switch {
	case g.Address != "" && readsTheLog(args):
		words = append(words, "--kafka", "HOST:PORT")
	case g.Address != "":
		words = append(words, "--address", g.Address)
	case filepath.Clean(g.Dir) != filepath.Clean(up.DefaultDir):
		words = append(words, "--dir", g.Dir)
	}
	if g.TokenFile != "" && len(args) > 0 && args[0] != "up" {
		words = append(words, "--token-file", g.TokenFile)
	}
	for i, w := range words[1:] {
		words[i+1] = quoted(w)
	}
	return strings.Join(words, " ")
}

// programName is a variable so that tests can fix it.
var programName = up.CommandLine

// quoted makes a word safe to paste into a shell.
func quoted(w string) string {
	safe := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:@%+=,", r)
	}
	if w != "" && strings.IndexFunc(w, func(r rune) bool { return !safe(r) }) < 0 {
		return w
	}
	return "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
}

func usage(format string, args ...any) error {
	return withExit(exitUsage, fmt.Errorf(format, args...))
}
