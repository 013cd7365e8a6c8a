package httpapi_test

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
)

var route = httpapi.Command{Device: "videohub-1", Payload: domain.Take{Destination: 5, Source: 12}, UID: "u-1"}

// nobody is an address at which nothing listens.
func nobody(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return "http://" + address
}

// mute is an address at which connections are taken and nothing is said, as by
// a process that is paused.
func mute(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return "http://" + l.Addr().String()
}

func client(t *testing.T, addresses ...string) *httpapi.Client {
	t.Helper()
	c := httpapi.NewClient(addresses, goodToken)
	t.Cleanup(c.Close)
	return c
}

func TestTheNextAddressIsAskedWhenOneIsGone(t *testing.T) {
	b := newFake("B")
	c := client(t, nobody(t), serve(t, b).URL)
	if s, err := c.Status(t.Context()); err != nil || s.Server.Name != "B" {
		t.Fatalf("got %s, %v", s.Server.Name, err)
	}
	if _, err := c.Submit(t.Context(), route, time.Second); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Takeover(t.Context(), "test", ""); err != nil {
		t.Fatal(err)
	}
	if len(b.commands) != 1 || len(b.moves) != 1 {
		t.Fatalf("B was asked for %d commands and %d moves", len(b.commands), len(b.moves))
	}
}

func TestAPausedServerHoldsACallUpOnlyBriefly(t *testing.T) {
	b := newFake("B")
	c := client(t, mute(t), serve(t, b).URL)
	began := time.Now()
	if _, err := c.Submit(t.Context(), route, 30*time.Second); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Status(t.Context()); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 1900*time.Millisecond {
		t.Errorf("a command and a question took %s, want two probes' time", took)
	}
}

func TestAServerThatIsNotReadyIsAskedLast(t *testing.T) {
	a, b := newFake("A"), newFake("B")
	a.ready = false
	c := client(t, serve(t, a).URL, serve(t, b).URL)
	if _, err := c.Submit(t.Context(), route, time.Second); err != nil {
		t.Fatal(err)
	}
	b.ready = false
	if _, err := c.Submit(t.Context(), route, time.Second); err != nil {
		t.Fatal(err)
	}
	if len(a.commands) != 1 || len(b.commands) != 1 {
		t.Fatalf("A was asked %d times and B %d times, want each once", len(a.commands), len(b.commands))
	}
}

func TestEveryTryOfACommandIsTheSameCommand(t *testing.T) {
	a, b := newFake("A"), newFake("B")
	a.err = fmt.Errorf("append: %w", domain.ErrUnknownFate)
	first, second := serve(t, ready{a}), serve(t, b)
	cmd := route
	cmd.UID = ""
	r, err := client(t, first.URL, second.URL).Submit(t.Context(), cmd, time.Second)
	if err != nil || r.Outcome != domain.Confirmed {
		t.Fatalf("got %+v, %v", r, err)
	}
	if len(a.commands) != 1 || len(b.commands) != 1 {
		t.Fatalf("A was asked %d times and B %d times, want each once", len(a.commands), len(b.commands))
	}
	one, two := a.commands[0], b.commands[0]
	if one.UID == "" || one.UID != two.UID || !one.Created.Equal(two.Created) || one.Payload != two.Payload {
		t.Errorf("the tries differ: %+v and %+v", one, two)
	}
}

func TestARefusalIsNotTakenToTheNextAddress(t *testing.T) {
	for _, class := range []error{domain.ErrInvalid, domain.ErrNotFound, domain.ErrConflict, domain.ErrFenced, httpapi.ErrNoPrimary} {
		a, b := newFake("A"), newFake("B")
		a.err = fmt.Errorf("no: %w", class)
		_, err := client(t, serve(t, ready{a}).URL).Submit(t.Context(), route, time.Second)
		if !errors.Is(err, class) {
			t.Errorf("class %v became %v", class, err)
		}
		if _, err := client(t, serve(t, ready{a}).URL, serve(t, b).URL).Command(t.Context(), "d", "u"); !errors.Is(err, class) {
			t.Errorf("class %v: the next address was asked: %v", class, err)
		}
	}
}

func TestAMoveIsNotAskedForTwice(t *testing.T) {
	a, b := newFake("A"), newFake("B")
	a.err = fmt.Errorf("wait for the other: %w", domain.ErrUnknownFate)
	_, err := client(t, serve(t, ready{a}).URL, serve(t, b).URL).Takeover(t.Context(), "test", "")
	if !errors.Is(err, domain.ErrUnknownFate) || len(a.moves) != 1 || len(b.moves) != 0 {
		t.Fatalf("asked of A: %v, of B: %v; %v", a.moves, b.moves, err)
	}
}

func TestASwitchoverFindsThePrimary(t *testing.T) {
	a, b := newFake("A"), newFake("B")
	primary := serve(t, a)
	elsewhere := serve(t, redirects{b, primary.URL})
	m, err := client(t, elsewhere.URL).Switchover(t.Context(), "C")
	if err != nil || m.From != "A" || !slices.Equal(a.moves, []string{"switchover by anna to C"}) {
		t.Fatalf("got %+v, %v; asked of A: %v", m, err, a.moves)
	}
}

func TestAnErrorOfAllAddressesNamesThemAll(t *testing.T) {
	one, two := nobody(t), nobody(t)
	_, err := client(t, one, two).Status(t.Context())
	if err == nil || !strings.Contains(err.Error(), one) || !strings.Contains(err.Error(), two) {
		t.Fatalf("got %v", err)
	}
	if e, ok := errors.AsType[*httpapi.Error](err); !ok || e.Code != httpapi.CodeUnreachable || e.ExitCode() != httpapi.ExitError {
		t.Fatalf("got %#v", err)
	}
}

func TestACommandThatNobodyAnsweredIsUnsureAndNamesItsUID(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			panic(http.ErrAbortHandler)
		}
	}))
	defer s.Close()
	_, err := client(t, s.URL).Submit(t.Context(), route, time.Second)
	e, ok := errors.AsType[*httpapi.Error](err)
	if !ok || e.Code != httpapi.CodeUnknownFate || e.UID != "u-1" || e.ExitCode() != httpapi.ExitUnsure {
		t.Fatalf("got %#v", err)
	}
}

func TestSomethingElseAtTheAddressIsSaid(t *testing.T) {
	for name, answer := range map[string]func(http.ResponseWriter){
		"a page":   func(w http.ResponseWriter) { _, _ = w.Write([]byte("<html>")) },
		"an error": func(w http.ResponseWriter) { http.Error(w, "nginx", http.StatusBadGateway) },
		"a redirect": func(w http.ResponseWriter) {
			w.Header().Set("Location", "http://127.0.0.1:1/")
			w.WriteHeader(http.StatusFound)
		},
		"another JSON": func(w http.ResponseWriter) { _, _ = w.Write([]byte(`[1]`)) },
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w) }))
			defer s.Close()
			_, err := client(t, s.URL).Status(t.Context())
			if e, ok := errors.AsType[*httpapi.Error](err); !ok || e.Code != httpapi.CodeInternal || !strings.Contains(e.Detail, s.URL) {
				t.Fatalf("got %#v", err)
			}
		})
	}
}

func TestExitCodes(t *testing.T) {
	for code, want := range map[httpapi.Code]int{
		httpapi.CodeInvalid: 2, httpapi.CodeUnauthorized: 3, httpapi.CodeNotFound: 1, httpapi.CodeConflict: 3,
		httpapi.CodeNotPrimary: 3, httpapi.CodeFenced: 3, httpapi.CodeNoPrimary: 4, httpapi.CodeUnavailable: 3,
		httpapi.CodeUnknownFate: 5, httpapi.CodeInternal: 1, httpapi.CodeUnreachable: 1,
	} {
		if got := (&httpapi.Error{Code: code}).ExitCode(); got != want {
			t.Errorf("problem %s exits with %d, want %d", code, got, want)
		}
	}
	for _, c := range []struct {
		result httpapi.Result
		want   int
	}{
		{httpapi.Result{Outcome: domain.Confirmed}, 0},
		{httpapi.Result{Outcome: domain.Failed}, 1},
		{httpapi.Result{Outcome: domain.Expired}, 1},
		{httpapi.Result{Outcome: domain.Superseded}, 1},
		{httpapi.Result{Outcome: domain.Refused}, 3},
		{httpapi.Result{Outcome: domain.InDoubt}, 5},
		{httpapi.Result{}, 5},
		{httpapi.Result{NoPrimary: true}, 4},
		{httpapi.Result{Outcome: domain.Confirmed, Duplicate: true}, 0},
		{httpapi.Result{Outcome: domain.Confirmed, Conflict: true}, 3},
	} {
		if got := c.result.ExitCode(); got != c.want {
			t.Errorf("outcome %q (no primary: %v) exits with %d, want %d", c.result.Outcome, c.result.NoPrimary, got, c.want)
		}
	}
}
