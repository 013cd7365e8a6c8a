package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// ask makes one request and gives status, header and body.
func ask(t *testing.T, method, url, token, body string) (int, http.Header, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(b)
}

const take = `{"device":"videohub-1","type":"crosspoint.take.v1","payload":{"destination":5,"source":12}}`

func TestEveryPathAnswers(t *testing.T) {
	for _, c := range []struct {
		method, path, token, body string
		status                    int
		has                       string
	}{
		{"GET", "/api/v1/status", "", "", 200, `"servers":[]`},
		{"GET", "/api/v1/devices", "", "", 200, `[]`},
		{"GET", "/api/v1/devices/videohub-1", "", "", 200, `"cells":[]`},
		{"GET", "/api/v1/devices/none", "", "", 404, `"code":"not_found"`},
		{"GET", "/api/v1/commands?uid=a%2Fb&device=d", "", "", 200, `"uid":"a/b"`},
		{"GET", "/api/v1/commands", "", "", 422, `"location":"query.uid"`},
		{"GET", "/api/v1/commands?uid=a&devise=d", "", "", 422, `query.devise`},
		{"GET", "/api/v1/doubts", "", "", 200, `[]`},
		{"POST", "/api/v1/commands", goodToken, take, 200, `"outcome":"confirmed"`},
		{"POST", "/api/v1/doubts/resolve", goodToken, `{"uid":"u","as":"done","reason":"seen"}`, 200, `"user":"anna"`},
		{"POST", "/api/v1/doubts/resolve", goodToken, `{"uid":"u","as":"perhaps","reason":"seen"}`, 422, `body.as`},
		{"POST", "/api/v1/doubts/resolve", goodToken, `{"uid":"u","as":"done","reason":""}`, 422, `body.reason`},
		{"POST", "/api/v1/switchover", goodToken, `{"to":"C"}`, 200, `"to":"C"`},
		{"POST", "/api/v1/takeover", goodToken, `{"reason":"test"}`, 200, `"epoch":9`},
		{"POST", "/api/v1/takeover", goodToken, `{}`, 422, `required property reason`},
		{"GET", "/openapi.json", "", "", 200, `"3.1.0"`},
		{"GET", "/healthz", "", "", 200, `"ok"`},
		{"GET", "/readyz", "", "", 200, `"role":"secondary"`},
		{"GET", "/primary", "", "", 503, `this server is secondary`},
		{"GET", "/secondary", "", "", 200, `"ok"`},
		{"GET", "/nothing", "", "", 404, `"code":"not_found"`},
		{"DELETE", "/api/v1/status", goodToken, "", 405, `use GET`},
	} {
		t.Run(c.method+" "+c.path+" "+fmt.Sprint(c.status), func(t *testing.T) {
			s := serve(t, newFake("B"))
			status, header, body := ask(t, c.method, s.URL+c.path, c.token, c.body)
			if status != c.status || !strings.Contains(body, c.has) {
				t.Fatalf("got %d %s, want %d with %s", status, body, c.status, c.has)
			}
			if want := "application/problem+json"; status >= 400 && status != 503 && header.Get("Content-Type") != want {
				t.Errorf("content type of a problem is %q, want %q", header.Get("Content-Type"), want)
			}
			if strings.Contains(body, "$schema") {
				t.Errorf("the answer has a field that is not part of it: %s", body)
			}
		})
	}
}

func TestChangesNeedAToken(t *testing.T) {
	for _, path := range []string{"/api/v1/commands", "/api/v1/doubts/resolve", "/api/v1/switchover", "/api/v1/takeover"} {
		for name, token := range map[string]string{"no token": "", "a wrong token": "guess"} {
			t.Run(name+" "+path, func(t *testing.T) {
				f := newFake("A")
				status, header, body := ask(t, "POST", serve(t, f).URL+path, token, take)
				if status != 401 || !strings.Contains(body, `"code":"unauthorized"`) || header.Get("WWW-Authenticate") == "" {
					t.Fatalf("got %d %s", status, body)
				}
				if len(f.commands)+len(f.moves)+len(f.verdicts) != 0 {
					t.Fatal("the backend was asked without a token")
				}
			})
		}
	}
}

// V35: a server without a log shows what it has, and takes nothing.
func TestAServerThatIsClosedIsReadOnly(t *testing.T) {
	f, why := newFake("A"), fmt.Errorf("there is no log: %w", httpapi.ErrNoPrimary)
	s := httptest.NewServer(httpapi.New(f, httpapi.Options{Verify: verify, Closed: func() error { return why }}))
	defer s.Close()
	if status, _, body := ask(t, "POST", s.URL+"/api/v1/commands", goodToken, take); status != 503 || !strings.Contains(body, "there is no log") || !strings.Contains(body, `"no_primary"`) || len(f.commands) != 0 {
		t.Errorf("a command is answered %d %s", status, body)
	}
	if status, _, body := ask(t, "GET", s.URL+"/api/v1/status", "", ""); status != 200 {
		t.Errorf("reading is answered %d %s", status, body)
	}
	why = nil
	if status, _, body := ask(t, "POST", s.URL+"/api/v1/commands", goodToken, take); status != 200 || len(f.commands) != 1 {
		t.Errorf("open again it answers %d %s", status, body)
	}
}

func TestReadingIsFreeOnLoopbackOnly(t *testing.T) {
	handler := httpapi.New(newFake("A"), httpapi.Options{Verify: verify})
	for _, c := range []struct {
		name, remote, host, path, token string
		want                            int
	}{
		{"loopback", "127.0.0.1:9", "127.0.0.1:17501", "/api/v1/status", "", 200},
		{"loopback by name", "127.0.0.1:9", "localhost:17501", "/api/v1/status", "", 200},
		{"loopback over IPv6", "[::1]:9", "[::1]:17501", "/api/v1/status", "", 200},
		{"a page of somebody else in a browser here", "127.0.0.1:9", "evil.example:17501", "/api/v1/status", "", 401},
		{"another machine", "192.0.2.7:9", "192.0.2.1:17501", "/api/v1/status", "", 401},
		{"another machine that claims to be here", "192.0.2.7:9", "127.0.0.1", "/api/v1/status", "", 401},
		{"another machine with a token", "192.0.2.7:9", "192.0.2.1:17501", "/api/v1/status", goodToken, 200},
		{"another machine that probes", "192.0.2.7:9", "192.0.2.1:17501", "/readyz", "", 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, c.path, nil)
			r.RemoteAddr, r.Host = c.remote, c.host
			if c.token != "" {
				r.Header.Set("Authorization", "Bearer "+c.token)
			}
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if w.Code != c.want {
				t.Fatalf("got %d %s, want %d", w.Code, w.Body, c.want)
			}
		})
	}
}

func TestWhatIsLeftOutOfACommandIsFilledIn(t *testing.T) {
	f := newFake("A")
	status, _, body := ask(t, "POST", serve(t, f).URL+"/api/v1/commands", goodToken, take)
	if status != 200 || len(f.commands) != 1 {
		t.Fatalf("got %d %s", status, body)
	}
	c := f.commands[0]
	if len(c.UID) != 36 || c.Created.IsZero() || c.User != "anna" || f.waits[0] != httpapi.DefaultWait {
		t.Errorf("got %+v, wait %s", c, f.waits[0])
	}
	if c.Payload != (domain.Take{Destination: 5, Source: 12}) {
		t.Errorf("payload is %#v", c.Payload)
	}
}

func TestACommandWithoutOutcomeIsAcceptedOnly(t *testing.T) {
	f := newFake("A")
	f.result = httpapi.Result{Position: domain.Position{Partition: 3, Offset: 812}}
	status, _, body := ask(t, "POST", serve(t, f).URL+"/api/v1/commands?wait=0", goodToken, take)
	if status != 202 || !strings.Contains(body, `"position":{"partition":3,"offset":812}`) || f.waits[0] != 0 {
		t.Fatalf("got %d %s", status, body)
	}
}

func TestErrorsOfTheBackendAreProblems(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		code   httpapi.Code
	}{
		{fmt.Errorf("too big: %w", domain.ErrInvalid), 422, httpapi.CodeInvalid},
		{fmt.Errorf("gone: %w", domain.ErrNotFound), 404, httpapi.CodeNotFound},
		{fmt.Errorf("no: %w", domain.ErrConflict), 409, httpapi.CodeConflict},
		{fmt.Errorf("over: %w", domain.ErrFenced), 409, httpapi.CodeFenced},
		{fmt.Errorf("nobody: %w", httpapi.ErrNoPrimary), 503, httpapi.CodeNoPrimary},
		{fmt.Errorf("log: %w", domain.ErrTransient), 503, httpapi.CodeUnavailable},
		{fmt.Errorf("log: %w", domain.ErrNotSent), 503, httpapi.CodeUnavailable},
		{fmt.Errorf("log: %w", domain.ErrUnknownFate), 504, httpapi.CodeUnknownFate},
		{context.DeadlineExceeded, 504, httpapi.CodeUnknownFate},
		{&httpapi.NotPrimary{Primary: "A", Address: "http://127.0.0.1:1"}, 409, httpapi.CodeNotPrimary},
		{errors.New("secret path /etc/x"), 500, httpapi.CodeInternal},
	} {
		t.Run(string(c.code)+" "+c.err.Error(), func(t *testing.T) {
			f := newFake("A")
			f.err = c.err
			body := strings.Replace(take, "{", `{"uid":"u-1",`, 1)
			status, header, got := ask(t, "POST", serve(t, f).URL+"/api/v1/commands", goodToken, body)
			var p httpapi.Problem
			if err := json.Unmarshal([]byte(got), &p); err != nil {
				t.Fatal(err)
			}
			if status != c.status || p.Status != status || p.Code != c.code || header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("got %d %s", status, got)
			}
			if p.UID != "u-1" || p.Device != "videohub-1" {
				t.Errorf("the problem does not say which command it is about: %s", got)
			}
			if word := strings.ReplaceAll(string(c.code), "_", " "); strings.HasSuffix(p.Detail, ": "+word) && c.status < 500 {
				t.Errorf("the class is told a second time: %q", p.Detail)
			}
			if strings.Contains(got, "/etc/x") {
				t.Errorf("an internal error is told to the caller: %s", got)
			}
		})
	}
}

func TestWhatCannotBeACommandIsRefusedAtTheEdge(t *testing.T) {
	wish := func(typ, payload string) string {
		return fmt.Sprintf(`{"device":"d","type":%q,"payload":%s}`, typ, payload)
	}
	for name, body := range map[string]string{
		"no JSON":                         `{`,
		"nothing":                         ``,
		"a list":                          `[]`,
		"no device":                       `{"type":"crosspoint.take.v1","payload":{"destination":1,"source":1}}`,
		"an empty device":                 `{"device":"","type":"crosspoint.take.v1","payload":{"destination":1,"source":1}}`,
		"a field never heard of":          strings.Replace(take, "{", `{"devise":"x",`, 1),
		"no payload":                      `{"device":"d","type":"crosspoint.take.v1"}`,
		"a null payload":                  wish("crosspoint.take.v1", "null"),
		"a type never heard of":           wish("crosspoint.take.v9", `{"destination":1,"source":1}`),
		"a server's type":                 wish("epoch.opened.v1", `{}`),
		"a misspelt destination":          wish("crosspoint.take.v1", `{"destnation":1,"source":1}`),
		"a field beside the known ones":   wish("crosspoint.take.v1", `{"destination":1,"source":1,"layer":"x"}`),
		"destination zero":                wish("crosspoint.take.v1", `{"destination":0,"source":1}`),
		"a source below zero":             wish("crosspoint.take.v1", `{"destination":1,"source":-1}`),
		"a destination that is text":      wish("crosspoint.take.v1", `{"destination":"1","source":1}`),
		"an empty salvo":                  wish("crosspoint.salvo.v1", `{"takes":[]}`),
		"a salvo of 289":                  wish("crosspoint.salvo.v1", `{"takes":[`+strings.Repeat(`{"destination":1,"source":1},`, 288)+`{"destination":1,"source":1}]}`),
		"a label of neither kind":         wish("label.set.v1", `{"port":"side","number":1,"text":"x"}`),
		"a label that is too long":        wish("label.set.v1", `{"port":"input","number":1,"text":"`+strings.Repeat("x", 1025)+`"}`),
		"a lock state never heard of":     wish("lock.set.v1", `{"destination":1,"state":"maybe"}`),
		"no verb":                         wish("verb.invoke.v1", `{}`),
		"an argument that is a list":      wish("verb.invoke.v1", `{"verb":"pulse","args":{"a":[1]}}`),
		"an argument that is null":        wish("verb.invoke.v1", `{"verb":"pulse","args":{"a":null}}`),
		"a UID of 129 bytes":              strings.Replace(take, "{", `{"uid":"`+strings.Repeat("é", 64)+`x",`, 1),
		"a UID with a line break":         strings.Replace(take, "{", `{"uid":"a\nb",`, 1),
		"a validity that is no time":      strings.Replace(take, "{", `{"valid_for":"soon",`, 1),
		"a validity of more than an hour": strings.Replace(take, "{", `{"valid_for":"61m",`, 1),
		"a time that is none":             strings.Replace(take, "{", `{"created":"yesterday",`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake("A")
			status, header, got := ask(t, "POST", serve(t, f).URL+"/api/v1/commands", goodToken, body)
			if status != 422 && status != 400 || !strings.Contains(got, `"code":"invalid"`) {
				t.Errorf("got %d %s", status, got)
			}
			if header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("content type %q", header.Get("Content-Type"))
			}
			if len(f.commands) != 0 {
				t.Error("it reached the backend")
			}
		})
	}
}

func TestArgumentsBecomeTheirJSONText(t *testing.T) {
	f := newFake("A")
	status, _, got := ask(t, "POST", serve(t, f).URL+"/api/v1/commands", goodToken,
		`{"device":"d","type":"verb.invoke.v1","payload":{"verb":"set","args":{"a":1.50,"b":true,"c":"ü"}},"valid_for":"1500"}`)
	if status != 200 {
		t.Fatalf("got %d %s", status, got)
	}
	args := f.commands[0].Payload.(domain.Invoke).Args
	if args["a"] != "1.50" || args["b"] != "true" || args["c"] != "ü" || f.commands[0].ValidFor != 1500*time.Millisecond {
		t.Errorf("got %v, valid for %s", args, f.commands[0].ValidFor)
	}
}

func TestABodyOverTheLimitIsRefused(t *testing.T) {
	f := newFake("A")
	big := strings.Replace(take, "{", `{"source":"`+strings.Repeat("x", httpapi.MaxBody)+`",`, 1)
	status, _, got := ask(t, "POST", serve(t, f).URL+"/api/v1/commands", goodToken, big)
	if status != 413 || !strings.Contains(got, `"code":"invalid"`) || len(f.commands) != 0 {
		t.Fatalf("got %d %.200s", status, got)
	}
}

func TestWaitsOverTheLimitAreRefused(t *testing.T) {
	for _, wait := range []string{"61s", "-1s", "long", "60001"} {
		status, _, got := ask(t, "POST", serve(t, newFake("A")).URL+"/api/v1/commands?wait="+wait, goodToken, take)
		if status != 422 || !strings.Contains(got, "wait") {
			t.Errorf("wait=%s: got %d %s", wait, status, got)
		}
	}
}

func TestTooManyRequestsAreToldToComeAgain(t *testing.T) {
	f := newFake("A")
	f.hold = make(chan struct{})
	handler := httpapi.New(f, httpapi.Options{Verify: verify})
	submit := func() *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, "/api/v1/commands", strings.NewReader(take))
		r.Header.Set("Authorization", "Bearer "+goodToken)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w
	}
	full := make(chan int, httpapi.MaxRequests)
	for range httpapi.MaxRequests {
		go func() { full <- submit().Code }()
	}
	until(t, "all that are let in are under way", func() bool { return f.held.Load() == httpapi.MaxRequests })
	if w := submit(); w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Fatalf("one more got %d", w.Code)
	}
	w := httptest.NewRecorder()
	if handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil)); w.Code != 200 {
		t.Errorf("a probe was turned away: %d", w.Code)
	}
	close(f.hold)
	for range httpapi.MaxRequests {
		if code := <-full; code != 200 {
			t.Fatalf("a request that was let in got %d", code)
		}
	}
}

// until polls for what must become true.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

func TestReadinessSaysWhyNot(t *testing.T) {
	f := newFake("A")
	f.ready = false
	s := serve(t, f)
	if status, _, body := ask(t, "GET", s.URL+"/readyz", "", ""); status != 503 || !strings.Contains(body, "the log does not answer") {
		t.Errorf("got %d %s", status, body)
	}
	f.ready, f.role = true, httpapi.RolePrimary
	if status, _, body := ask(t, "GET", s.URL+"/primary", "", ""); status != 200 {
		t.Errorf("got %d %s", status, body)
	}
	if status, _, body := ask(t, "GET", s.URL+"/secondary", "", ""); status != 503 {
		t.Errorf("got %d %s", status, body)
	}
	f.err = fmt.Errorf("busy: %w", domain.ErrTransient)
	if status, _, body := ask(t, "GET", s.URL+"/primary", "", ""); status != 503 {
		t.Errorf("got %d %s", status, body)
	}
	if status, _, body := ask(t, "GET", s.URL+"/healthz", "", ""); status != 200 {
		t.Errorf("got %d %s", status, body)
	}
}

func TestAPanicIsAProblem(t *testing.T) {
	status, _, body := ask(t, "GET", serve(t, panics{newFake("A")}).URL+"/api/v1/doubts", "", "")
	if status != 500 || !strings.Contains(body, `"code":"internal"`) {
		t.Fatalf("got %d %s", status, body)
	}
}

type panics struct{ *fake }

func (panics) Doubts(context.Context) ([]httpapi.Doubt, error) { panic("planted") }

func TestOpenAPIDocumentIsAsRecorded(t *testing.T) {
	status, _, got := ask(t, "GET", serve(t, newFake("A")).URL+"/openapi.json", "", "")
	if status != 200 {
		t.Fatalf("got %d", status)
	}
	const golden = "testdata/openapi.json"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal([]byte(got), want) {
		t.Fatalf("the document is not %s any more: programs are made from it, so look at what changed, then go test -update", golden)
	}
}

// TestOpenAPIDocumentIsSound checks what a generator of clients relies on.
func TestOpenAPIDocumentIsSound(t *testing.T) {
	_, _, got := ask(t, "GET", serve(t, newFake("A")).URL+"/openapi.json", "", "")
	var doc struct {
		OpenAPI    string
		Paths      map[string]map[string]map[string]any
		Components struct{ Schemas map[string]any }
	}
	if err := json.Unmarshal([]byte(got), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.OpenAPI != "3.1.0" {
		t.Errorf("version is %q", doc.OpenAPI)
	}
	for _, name := range []string{"Take", "Salvo", "SetLabel", "SetLock", "Invoke", "Problem", "Result", "Status"} {
		if doc.Components.Schemas[name] == nil {
			t.Errorf("schema %s is missing", name)
		}
	}
	ids := make(map[string]bool)
	for path, methods := range doc.Paths {
		for method, op := range methods {
			id, _ := op["operationId"].(string)
			if id == "" || ids[id] {
				t.Errorf("%s %s: operation id %q is missing or not unique", method, path, id)
			}
			ids[id] = true
			if _, secured := op["security"]; secured != (method != "get" && path != "/api/v1/cluster/join") { // a join has its token in the body
				t.Errorf("%s %s: security is %v", method, path, op["security"])
			}
			responses, _ := op["responses"].(map[string]any)
			if responses["200"] == nil || responses["default"] == nil {
				t.Errorf("%s %s: responses are %v", method, path, responses)
			}
		}
	}
	references(t, doc.Components.Schemas, json.RawMessage(got))
}

// references checks that every $ref of the document leads somewhere.
func references(t *testing.T, schemas map[string]any, raw json.RawMessage) {
	t.Helper()
	var walk func(v any)
	walk = func(v any) {
		switch x := v.(type) {
		case map[string]any:
			if ref, ok := x["$ref"].(string); ok {
				name, found := strings.CutPrefix(ref, "#/components/schemas/")
				if !found || schemas[name] == nil {
					t.Errorf("reference %s leads nowhere", ref)
				}
			}
			for _, one := range x {
				walk(one)
			}
		case []any:
			for _, one := range x {
				walk(one)
			}
		}
	}
	var doc any
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	walk(doc)
}

// Nobody needs a token for a probe, so it names no folder and no host.
func TestAProbeNamesTheCheckAndKeepsTheDetail(t *testing.T) {
	f := &fake{}
	f.checks = []httpapi.SelfCheck{{Check: "disk"}, {Check: "resolver", Failure: "lookup broker-7.example on 192.0.2.53: no such host"}}
	s := httptest.NewServer(httpapi.New(f, httpapi.Options{Verify: verify}))
	defer s.Close()
	if _, _, body := ask(t, "GET", s.URL+"/readyz", "", ""); !strings.Contains(body, `"warnings":["resolver"]`) || strings.Contains(body, "broker-7") {
		t.Errorf("a probe is told %s", body)
	}
	if _, _, body := ask(t, "GET", s.URL+"/api/v1/status", goodToken, ""); !strings.Contains(body, "broker-7") {
		t.Errorf("the status tells %s", body)
	}
}
