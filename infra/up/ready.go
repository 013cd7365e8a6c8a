package up

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
)

// awaitReady waits until a primary acts, all servers are ready and the primary
// reaches all devices.
func (u *Up) awaitReady(ctx context.Context) error {
	said, pause := time.Now(), sayAfter
	for {
		missing := u.missing(ctx)
		if missing == "" {
			return nil
		}
		if time.Since(said) >= pause && ctx.Err() == nil {
			said, pause = time.Now(), 2*pause
			u.opts.Printf("still waiting: %s%s", missing, u.reasons(ctx))
		}
		if err := u.pause(ctx); err != nil {
			if errors.Is(err, domain.ErrTransient) {
				return fmt.Errorf("%w: %s%s\nThe logs are in %s", err, missing, u.reasons(context.WithoutCancel(ctx)), u.folder.file(logsName))
			}
			return err
		}
	}
}

// missing says what is not ready yet; empty if all is.
func (u *Up) missing(ctx context.Context) string {
	for _, s := range u.servers() {
		if !answersOK(ctx, s.Address+"/readyz") {
			return "server " + s.Name + " is not ready"
		}
	}
	if u.Primary(ctx) == "" {
		return "no server is the primary"
	}
	return u.missingDevice(ctx)
}

func (u *Up) missingDevice(ctx context.Context) string {
	client := httpapi.NewClient(u.addresses(), u.token)
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, probeWithin)
	defer cancel()
	devices, err := client.Devices(ctx)
	if err != nil {
		return "the devices cannot be asked for: " + domain.Plain(err)
	}
	connected := make(map[string]bool)
	for _, d := range devices {
		connected[d.ID] = d.Connected
	}
	for _, d := range u.run.Devices {
		if !connected[d.ID] {
			return "device " + d.ID + " is not connected"
		}
	}
	return ""
}

// reasons are those of the servers themselves for not being ready, or what one that
// does not answer has logged last.
func (u *Up) reasons(ctx context.Context) string {
	out := ""
	for _, s := range u.servers() {
		asked, cancel := context.WithTimeout(ctx, probeWithin)
		client := httpapi.NewClient([]string{s.Address}, u.token)
		st, err := client.Status(asked)
		client.Close()
		cancel()
		switch {
		case err != nil:
			out += fmt.Sprintf("\n  server %s does not answer at %s; it said last:\n  %s", s.Name, s.Address, u.lastWords(guardName(s.Name)))
		case len(st.Server.Reasons) > 0:
			out += fmt.Sprintf("\n  server %s: %s", s.Name, strings.Join(st.Server.Reasons, "; "))
		}
	}
	return out
}

// lastWords are the last lines that a part has logged.
func (u *Up) lastWords(part string) string {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, c := range u.children {
		if c.name == part {
			return c.lastWords()
		}
	}
	return ""
}

// servers are those that take part: one that was removed for good, for example, ends
// at once, and stays out.
func (u *Up) servers() []Server {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(u.run.Servers), func(s Server) bool { return u.out[s.Name] })
}

// without goes on without a server that no start would mend; the last one is missed.
func (u *Up) without(c *child, how string) {
	u.mu.Lock()
	for _, s := range u.run.Servers {
		if guardName(s.Name) == c.name {
			u.out[s.Name] = true
		}
	}
	left := len(u.run.Servers) - len(u.out)
	u.mu.Unlock()
	said := c.lastWords()
	if left == 0 {
		u.failed <- fmt.Errorf("no server is left: %s could not start (%s). It said:\n  %s\nMore is in %s", c.name, how, said, c.log)
		return
	}
	u.opts.Printf("%s ended for good (%s), and the landscape starts without it. Its last lines say why:\n  %s", c.name, how, said)
}

// Primary is the name of the server that acts; empty if none does.
func (u *Up) Primary(ctx context.Context) string {
	for _, s := range u.servers() {
		if answersOK(ctx, s.Address+"/primary") {
			return s.Name
		}
	}
	return ""
}

func (u *Up) addresses() []string {
	var out []string
	for _, s := range u.servers() {
		out = append(out, s.Address)
	}
	return out
}

func answersOK(ctx context.Context, url string) bool {
	ctx, cancel := context.WithTimeout(ctx, probeWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	return res.StatusCode == http.StatusOK
}
