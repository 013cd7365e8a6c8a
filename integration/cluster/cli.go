package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/infra/drill"
	"github.com/understudy-io/understudy/infra/up"
)

// cliWithin bounds one command line.
const cliWithin = 90 * time.Second

// Said is how a command line ended.
type Said struct {
	Args []string
	Code int
	Out  string
	Err  string
}

func (s Said) String() string {
	return fmt.Sprintf("understudy %s: exit code %d\n%s%s", strings.Join(s.Args, " "), s.Code, s.Out, s.Err)
}

// CLI runs a command line on the landscape.
func (l *Landscape) CLI(ctx context.Context, args ...string) Said {
	return Run(ctx, l.Program, append(args, "--dir", l.Dir)...)
}

// Run runs a command line to its end.
func Run(ctx context.Context, program string, args ...string) Said {
	ctx, cancel := context.WithTimeout(ctx, cliWithin)
	defer cancel()
	var out, errOut bytes.Buffer
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdout, cmd.Stderr = &out, &errOut
	cmd.WaitDelay = time.Second // a child of its own may hold the pipes
	err := cmd.Run()
	said := Said{Args: args, Code: cmd.ProcessState.ExitCode(), Out: out.String(), Err: errOut.String()}
	if err != nil && cmd.ProcessState == nil {
		said.Code, said.Err = -1, err.Error()
	}
	return said
}

// JSON reads what a command line with -o json has printed.
func JSON[T any](s Said) (T, error) {
	var v T
	if err := json.Unmarshal([]byte(s.Out), &v); err != nil {
		return v, fmt.Errorf("no JSON: %w: %s", err, s)
	}
	return v, nil
}

// Token is the first token of the folder.
func (l *Landscape) Token() (string, error) {
	b, err := os.ReadFile(l.Run.TokenFile)
	words := strings.Fields(string(b))
	if err == nil && len(words) < 2 {
		err = fmt.Errorf("%s holds no token", l.Run.TokenFile)
	}
	if err != nil {
		return "", err
	}
	return words[1], nil
}

// Steer asks the running up: "/restarts", "/processes/gate-1/stop", "/relay/A".
func (l *Landscape) Steer(ctx context.Context, path, body string) error {
	token, err := l.Token()
	if err != nil {
		return err
	}
	return ask(ctx, http.MethodPost, l.Run.Control+path, token, body, nil)
}

// Runs says whether up takes a process to run.
func (l *Landscape) Runs(ctx context.Context, name string) bool {
	var all []up.ProcessStatus
	if err := ask(ctx, http.MethodGet, l.Run.Control+"/processes", "", "", &all); err != nil {
		return true
	}
	return slices.ContainsFunc(all, func(p up.ProcessStatus) bool { return p.Name == name && p.Running })
}

// Settled waits until all servers agree on a primary and are ready, and names it.
func (l *Landscape) Settled(ctx context.Context) (string, error) {
	token, err := l.Token()
	if err != nil {
		return "", err
	}
	land, err := drill.NewLocal(l.Run, nil, token)
	if err != nil {
		return "", err
	}
	return land.Primary(ctx)
}

// Status asks one server.
func (l *Landscape) Status(ctx context.Context, server string) (httpapi.Status, error) {
	s, ok := l.Run.Server(server)
	if !ok {
		return httpapi.Status{}, fmt.Errorf("no server %q", server)
	}
	return httpapi.NewClient([]string{s.Address}, "").Status(ctx)
}

// Agreed waits until all servers have folded all of the log and hold the same
// state: the same hash at the same position in every partition.
func (l *Landscape) Agreed(ctx context.Context) ([]httpapi.Partition, error) {
	ctx, cancel := context.WithTimeout(ctx, agreeWithin)
	defer cancel()
	for {
		same, err := l.agree(ctx)
		if err == nil {
			return same, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("the servers do not agree within %v: %w", agreeWithin, err)
		case <-time.After(pace):
		}
	}
}

const agreeWithin = 20 * time.Second

func (l *Landscape) agree(ctx context.Context) ([]httpapi.Partition, error) {
	var first []httpapi.Partition
	for _, s := range l.Run.Servers {
		st, err := l.Status(ctx, s.Name)
		if err != nil {
			return nil, err
		}
		if first == nil {
			first = st.Partitions
			continue
		}
		for i, p := range st.Partitions {
			if p.Next != first[i].Next || p.Hash != first[i].Hash {
				return nil, fmt.Errorf("server %s, partition %d: hash %s at %d, another one has %s at %d", s.Name, i, p.Hash, p.Next, first[i].Hash, first[i].Next)
			}
		}
	}
	return first, nil
}

// ask makes one HTTP request and reads the JSON that comes back.
func ask(ctx context.Context, method, url, token, body string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	var b bytes.Buffer
	_, err = b.ReadFrom(res.Body)
	if res.StatusCode != http.StatusOK {
		err = errors.Join(err, fmt.Errorf("%s %s: %s: %s", method, url, res.Status, b.String()))
	}
	if err == nil && into != nil {
		err = json.Unmarshal(b.Bytes(), into)
	}
	return err
}

// Answers says whether a URL answers with 200.
func (l *Landscape) Answers(ctx context.Context, url string) bool {
	return ask(ctx, http.MethodGet, url, "", "", nil) == nil
}
