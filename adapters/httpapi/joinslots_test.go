package httpapi_test

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/adapters/httpapi"
)

// TestWhoHasNoTokenKeepsNobodyOut: connections that begin a request to join, and do not go
// on with it, leave all other requests their places, and lose their own soon.
func TestWhoHasNoTokenKeepsNobodyOut(t *testing.T) {
	s := httptest.NewUnstartedServer(nil)
	s.Config = httpapi.Server(httpapi.New(newFake("A"), httpapi.Options{Verify: verify}), slog.New(slog.DiscardHandler))
	s.Start()
	t.Cleanup(s.Close)
	ask := func(method, path, body string) int {
		r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if method == http.MethodGet {
			r.Header.Set("Authorization", "Bearer "+goodToken)
		} else {
			r.Header.Set("Content-Type", "application/json")
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := answer.Body.Close(); err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode
	}
	join := func() int {
		return ask(http.MethodPost, "/api/v1/cluster/join", `{"token":"t","server":"D","identity":"00","proof":"00"}`)
	}
	if code := join(); code != http.StatusOK {
		t.Fatalf("who joins is told %d", code)
	}
	for range httpapi.MaxRequests {
		c, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		if _, err := fmt.Fprint(c, "POST /api/v1/cluster/join HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "the places of those who join are taken", func() bool { return join() == http.StatusServiceUnavailable })
	if code := ask(http.MethodGet, "/api/v1/devices", ""); code != http.StatusOK {
		t.Errorf("a user is told %d", code)
	}
	began := time.Now()
	until(t, "a place is free again", func() bool { return join() == http.StatusOK })
	if took := time.Since(began); took > 7*time.Second {
		t.Errorf("a byte of a body keeps a place for %s", took)
	}
}
