package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/understudy-io/understudy/adapters/httpapi"
)

// The landscape's key is given for the token in the body alone, and never in clear text
// to another machine.
func TestTheKeyOfALandscapeIsNotGivenInClearText(t *testing.T) {
	h := httpapi.New(&fake{}, httpapi.Options{Verify: verify})
	ask := func(url, from string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, url+"/api/v1/cluster/join", strings.NewReader(`{"token":"t","server":"D","identity":"00","proof":"00"}`))
		r.Header.Set("Content-Type", "application/json")
		r.RemoteAddr = from
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	if w := ask("http://server", "192.0.2.1:40000"); w.Code != http.StatusUnauthorized || !strings.Contains(w.Body.String(), "over https") {
		t.Errorf("over the network: %d %s", w.Code, w.Body)
	}
	for url, from := range map[string]string{"https://server": "192.0.2.1:40000", "http://server": "127.0.0.1:40000"} {
		if w := ask(url, from); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "of D") {
			t.Errorf("%s from %s: %d %s", url, from, w.Code, w.Body)
		}
	}
	r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1/api/v1/cluster/token", strings.NewReader("{}"))
	r.RemoteAddr = "127.0.0.1:40000"
	w := httptest.NewRecorder()
	if h.ServeHTTP(w, r); w.Code != http.StatusUnauthorized {
		t.Errorf("anybody makes tokens: %d %s", w.Code, w.Body)
	}
}
