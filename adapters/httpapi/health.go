package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// probeLimit bounds how long a probe waits for the server's own answer.
const probeLimit = 2 * time.Second

// The probes are free for everybody: load balancers and supervisors send no
// token. They tell a role, and why a server is not ready; no folder, host or error of
// this machine, which the status tells to who may read it.
func isProbe(path string) bool {
	switch path {
	case "/healthz", "/readyz", "/primary", "/secondary":
		return true
	}
	return false
}

type health struct{ backend Backend }

func (h health) register(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeProbe(w, http.StatusOK, probe{Status: "ok"})
	})
	mux.HandleFunc("GET /readyz", h.probe(func(s *Status) (bool, []string) {
		return s.Server.Ready, s.Server.Reasons
	}))
	mux.HandleFunc("GET /primary", h.probe(hasRole(RolePrimary)))
	mux.HandleFunc("GET /secondary", h.probe(hasRole(RoleSecondary)))
}

func hasRole(role string) func(*Status) (bool, []string) {
	return func(s *Status) (bool, []string) {
		if s.Server.Role == role {
			return true, nil
		}
		return false, []string{"this server is " + s.Server.Role}
	}
}

// probe is the body of an answer to a probe.
type probe struct {
	Status  string   `json:"status"` // ok or unavailable
	Server  string   `json:"server,omitempty"`
	Role    string   `json:"role,omitempty"`
	Reasons []string `json:"reasons,omitempty"`

	Warnings []string `json:"warnings,omitempty"` // the checks of what it stands on that fail; it is no less ready for that
}

func (h health) probe(judge func(*Status) (bool, []string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), probeLimit)
		defer cancel()
		s, err := h.backend.Status(ctx)
		if err != nil {
			writeProbe(w, http.StatusServiceUnavailable, probe{Status: "unavailable", Reasons: []string{problemOf(err).Detail}})
			return
		}
		answer := probe{Status: "ok", Server: s.Server.Name, Role: s.Server.Role}
		for _, c := range s.Server.Checks {
			if c.Failure != "" {
				answer.Warnings = append(answer.Warnings, c.Check)
			}
		}
		ok, reasons := judge(&s)
		if ok {
			writeProbe(w, http.StatusOK, answer)
			return
		}
		answer.Status, answer.Reasons = "unavailable", reasons
		writeProbe(w, http.StatusServiceUnavailable, answer)
	}
}

func writeProbe(w http.ResponseWriter, status int, p probe) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(p)
}
