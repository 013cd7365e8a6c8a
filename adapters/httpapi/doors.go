package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// The handlers that every request passes, from the outside in.

// recovered answers a request whose handler panicked, and logs why.
func recovered(logger *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			cause := recover()
			if cause == nil {
				return
			}
			if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(cause)
			}
			logger.Error("a request failed in the server", "method", r.Method, "path", r.URL.Path, "cause", cause)
			writeProblem(w, problemOf(nil))
		}()
		next.ServeHTTP(w, r)
	})
}

// bounded keeps requests and their bodies within the limits. Those to join, which are
// read before anybody knows who asks, have a few places of their own.
func bounded(next http.Handler) http.Handler {
	all, joining := make(chan struct{}, MaxRequests), make(chan struct{}, maxJoining)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isProbe(r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		slots := all
		if joins(r) {
			slots = joining
		}
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
		default:
			w.Header().Set("Retry-After", "1")
			writeProblem(w, newProblem(http.StatusServiceUnavailable, CodeUnavailable,
				"this server has as many requests under way as it takes: try again, or ask another server"))
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody(r))
		next.ServeHTTP(w, r)
	})
}

// joins says whether a request is the one that passes without a user's token.
func joins(r *http.Request) bool { return r.Method == http.MethodPost && r.URL.Path == joinPath }

// maxBody is how large a request may be.
func maxBody(r *http.Request) int64 {
	if r.Method == http.MethodPost && strings.HasPrefix(r.URL.Path, "/api/v1/configuration/") {
		return MaxConfiguration
	}
	return MaxBody
}

// authenticated lets reading on loopback pass, and everything else only with a
// token. A name in the Host header that is not loopback's says that a browser
// was led here by somebody else's page.
func authenticated(verify func(string) (string, bool), next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		reads := r.Method == http.MethodGet || r.Method == http.MethodHead
		token, given := bearer(r)
		if given {
			user, ok := verify(token)
			if !ok {
				refuse(w, "this token is not known here: take it from the token file that the server was started with")
				return
			}
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), userKey{}, user)))
			return
		}
		if reads && (isProbe(r.URL.Path) || isLoopback(r.RemoteAddr) && isLoopback(r.Host)) {
			next.ServeHTTP(w, r)
			return
		}
		if joins(r) {
			if r.TLS == nil && !isLoopback(r.RemoteAddr) {
				refuse(w, "the answer would hold the landscape's key: ask over https, or on the server's own machine")
				return
			}
			next.ServeHTTP(w, r)
			return
		}
		refuse(w, "a token is needed: send it as Authorization: Bearer TOKEN, with a token from the server's token file")
	})
}

// unclosed lets nothing but reading pass while the server takes no change.
func unclosed(closed func() error, next http.Handler) http.Handler {
	if closed == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if why := closed(); why != nil && r.Method != http.MethodGet && r.Method != http.MethodHead {
			writeProblem(w, problemOf(why))
			return
		}
		next.ServeHTTP(w, r)
	})
}

func refuse(w http.ResponseWriter, detail string) {
	w.Header().Set("WWW-Authenticate", `Bearer realm="understudy"`)
	writeProblem(w, newProblem(http.StatusUnauthorized, CodeUnauthorized, detail))
}

type userKey struct{}

func userOf(ctx context.Context) string {
	user, _ := ctx.Value(userKey{}).(string)
	return user
}

func bearer(r *http.Request) (string, bool) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	return strings.TrimSpace(token), true
}

// isLoopback tells it of "host:port", "host" and "[::1]:port".
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = strings.Trim(address, "[]")
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// unrouted gives problem details also where no route fits.
func unrouted(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		probe := &discarded{header: make(http.Header)}
		mux.ServeHTTP(probe, r)
		if allow := probe.header.Get("Allow"); allow != "" {
			w.Header().Set("Allow", allow)
			writeProblem(w, newProblem(http.StatusMethodNotAllowed, CodeInvalid, r.Method+" is not done here: use "+allow))
			return
		}
		writeProblem(w, newProblem(http.StatusNotFound, CodeNotFound, "no such path: /openapi.json lists all"))
	})
}

// discarded is a response of which only the header counts.
type discarded struct{ header http.Header }

func (d *discarded) Header() http.Header         { return d.header }
func (d *discarded) Write(b []byte) (int, error) { return len(b), nil }
func (d *discarded) WriteHeader(int)             {}

func writeProblem(w http.ResponseWriter, p *Problem) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p)
}
