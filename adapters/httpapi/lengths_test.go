package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/understudy-io/understudy/adapters/httpapi"
)

// A record is bounded in bytes, and a letter may have four of them: what would not fit into
// the log is refused at the edge, with the name of the field, whatever route it comes by.
func TestTextsAreBoundedInBytes(t *testing.T) {
	name, reason := strings.Repeat("ü", 100), strings.Repeat("ü", 600) // 200 and 1,200 bytes
	for _, c := range []struct{ path, body, field string }{
		{"cluster/join", `{"token":"t","server":"` + name + `","identity":"00","proof":"00"}`, "server"},
		{"cluster/pause", `{"on":true,"reason":"` + reason + `"}`, "reason"},
		{"cluster/drain", `{"server":"` + name + `","on":true}`, "server"},
		{"cluster/drain", `{"server":"B","on":true,"reason":"` + reason + `"}`, "reason"},
		{"cluster/remove", `{"server":"B","reason":"` + reason + `"}`, "reason"},
		{"cluster/dissolve", `{"landscape":"main","reason":"` + reason + `"}`, "reason"},
		{"switchover", `{"to":"` + name + `"}`, "to"},
		{"takeover", `{"reason":"` + reason + `"}`, "reason"},
		{"doubts/resolve", `{"uid":"u","as":"done","reason":"` + reason + `"}`, "reason"},
		{"deadletters/discard", `{"letter":1,"reason":"` + reason + `"}`, "reason"},
		{"configuration/revisions", `{"running":true,"comment":"` + reason + `"}`, "comment"},
		{"configuration/activate", `{"revision":1,"comment":"` + reason + `"}`, "comment"},
		{"commands", `{"device":"` + name + `","type":"crosspoint.take.v1","payload":{"destination":1,"source":1}}`, "device"},
	} {
		wantTooLong(t, http.MethodPost, c.path, c.body, c.field)
	}
	wantTooLong(t, http.MethodGet, "commands?uid="+url.QueryEscape(name), "", "uid")
	wantTooLong(t, http.MethodGet, "devices/"+url.PathEscape(name), "", "device")
}

func wantTooLong(t *testing.T, method, path, body, field string) {
	t.Helper()
	h := httpapi.New(newFake("A"), httpapi.Options{Verify: verify, Configuration: struct{ httpapi.Configurator }{}})
	r := httptest.NewRequest(method, "https://server/api/v1/"+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+goodToken)
	r.Header.Set("If-Match", "0")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), field+" has ") || !strings.Contains(w.Body.String(), "bytes") {
		t.Errorf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
}
