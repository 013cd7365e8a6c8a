package up

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/guard"
	"github.com/understudy-io/understudy/infra/relay"
)

const (
	maxControlBody       = 4 << 10
	controlHeaderTimeout = 5 * time.Second
)

// controlServer is the control of `up`, for drills. The zero value serves
// nothing.
type controlServer struct{ http *http.Server }

func (c *controlServer) close() error {
	if c.http == nil {
		return nil
	}
	return c.http.Close()
}

// startControl serves the control on the loopback:
//
//	GET  /processes                what runs, servers included
//	POST /processes/{name}/start   starts a part that has ended
//	POST /processes/{name}/stop    ends it in good order, and leaves it so
//	POST /processes/{name}/restart
//	POST /restarts                 {"on": false}: what ends by itself stays so
//	POST /relay/{server}           {"mode": "drop|in|out|reset|heal"}, {"mode": "slow", "delay": "20ms"};
//	                               with {"broker": 2} of the way to the second broker alone
//
// Every change needs the folder's token.
func (u *Up) startControl() error {
	l, err := net.Listen("tcp", u.opts.address(portControl))
	if err != nil {
		return fmt.Errorf("control of up: choose other ports with --port-base: %w: %w", domain.ErrConflict, err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /processes", func(w http.ResponseWriter, _ *http.Request) { reply(w, u.processes()) })
	mux.HandleFunc("POST /processes/{name}/{what}", u.guarded(u.steerProcess))
	mux.HandleFunc("POST /restarts", u.guarded(u.setRestarts))
	mux.HandleFunc("POST /relay/{server}", u.guarded(u.steerRelay))
	u.server.http = &http.Server{Handler: mux, ReadHeaderTimeout: controlHeaderTimeout}
	u.wg.Go(func() { _ = u.server.http.Serve(l) })
	return nil
}

// guarded lets only holders of the token through, and turns errors into
// statuses.
func (u *Up) guarded(do func(*http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		given := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		if subtle.ConstantTimeCompare([]byte(given), []byte(u.token)) != 1 {
			http.Error(w, "give the folder's token: Authorization: Bearer …", http.StatusUnauthorized)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxControlBody)
		switch err := do(r); {
		case err == nil:
			reply(w, map[string]bool{"done": true})
		case errors.Is(err, domain.ErrInvalid):
			http.Error(w, domain.Plain(err), http.StatusBadRequest)
		case errors.Is(err, domain.ErrNotFound):
			http.Error(w, domain.Plain(err), http.StatusNotFound)
		default:
			http.Error(w, domain.Plain(err), http.StatusInternalServerError)
		}
	}
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// ProcessStatus is what GET /processes tells of one process. Of a server it
// tells by its guard's run file.
type ProcessStatus struct {
	Process
	Running     bool   `json:"running"`
	Incarnation string `json:"incarnation,omitempty"` // of a server
	Guard       int    `json:"guard,omitempty"`       // of a server: process id of its guard
}

func (u *Up) processes() []ProcessStatus {
	u.mu.Lock()
	children := slices.Clone(u.children)
	u.mu.Unlock()
	var out []ProcessStatus
	guards := make(map[string]int)
	for _, c := range children {
		p, running := c.process()
		guards[p.Name] = p.PID
		out = append(out, ProcessStatus{Process: p, Running: running})
	}
	for _, s := range u.Run().Servers {
		r, err := guard.ReadRunFile(s.RunFile)
		if err != nil {
			continue
		}
		out = append(out, ProcessStatus{
			Process: Process{Name: serverPart(s.Name), Kind: KindServer, Identity: r.Identity},
			Running: r.Alive(), Incarnation: r.Incarnation, Guard: guards[guardName(s.Name)],
		})
	}
	return out
}

// find finds a part. A server is started and stopped by its guard.
func (u *Up) find(name string) (*child, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, c := range u.children {
		if c.name == name || c.kind == KindGuard && c.name == guardName(strings.TrimPrefix(name, serverPart(""))) {
			return c, nil
		}
	}
	return nil, fmt.Errorf("process %q: GET /processes names those that there are: %w", name, domain.ErrNotFound)
}

func (u *Up) steerProcess(r *http.Request) error {
	c, err := u.find(r.PathValue("name"))
	if err != nil {
		return err
	}
	switch what := r.PathValue("what"); what {
	case "start":
		err = c.start()
	case "stop":
		err = c.stop()
	case "restart":
		err = errors.Join(c.stop(), c.start())
	default:
		return fmt.Errorf("%q: start, stop or restart: %w", what, domain.ErrInvalid)
	}
	return errors.Join(err, u.record())
}

func (u *Up) setRestarts(r *http.Request) error {
	var body struct{ On bool }
	if err := decode(r, &body); err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.restarts = body.On
	return nil
}

func (u *Up) steerRelay(r *http.Request) error {
	relays, ok := u.relays[r.PathValue("server")]
	if !ok {
		return fmt.Errorf("server %q has no relay: %w", r.PathValue("server"), domain.ErrNotFound)
	}
	var body struct {
		Mode, Delay string
		Broker      int // counts from 1; 0 is all
	}
	if err := decode(r, &body); err != nil {
		return err
	}
	if body.Broker < 0 || body.Broker > len(relays) {
		return fmt.Errorf("broker %d: give 1 to %d, or 0 for all: %w", body.Broker, len(relays), domain.ErrInvalid)
	}
	if body.Broker > 0 {
		relays = relays[body.Broker-1 : body.Broker]
	}
	switch body.Mode {
	case "heal":
		for _, one := range relays {
			one.Heal()
		}
		return nil
	case "slow":
		return slow(relays, body.Delay)
	}
	mode, err := relay.ParseMode(body.Mode)
	if err != nil {
		return err
	}
	for _, one := range relays {
		err = errors.Join(err, one.Cut(mode))
	}
	return err
}

func slow(relays []*relay.Relay, delay string) error {
	d, err := time.ParseDuration(delay)
	if err != nil {
		return fmt.Errorf("delay %q: write it as 20ms: %w", delay, domain.ErrInvalid)
	}
	for _, one := range relays {
		err = errors.Join(err, one.Slow(d))
	}
	return err
}

func decode(r *http.Request, v any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("body: %w: %w", domain.ErrInvalid, err)
	}
	return nil
}
