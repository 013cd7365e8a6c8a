package httpapi_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
)

// sniffer is a network that carries nothing, and notes what it was to carry.
type sniffer struct{ sent []string }

func (s *sniffer) RoundTrip(r *http.Request) (*http.Response, error) {
	s.sent = append(s.sent, r.URL.Scheme+"://"+r.URL.Host+" "+r.Header.Get("Authorization"))
	return nil, &net.OpError{Op: "dial", Err: context.Canceled}
}

// TestATokenTravelsByTLSOnly: or not beyond this machine. Whoever reads along on the way
// would be that user.
func TestATokenTravelsByTLSOnly(t *testing.T) {
	for address, want := range map[string]string{
		"b.example:7501":         "https://b.example:7501",
		"192.0.2.1:7501":         "https://192.0.2.1:7501",
		"https://b.example:7501": "https://b.example:7501",
		"127.0.0.1:7501":         "http://127.0.0.1:7501",
		"localhost:7501":         "http://localhost:7501",
		"[::1]:7501":             "http://[::1]:7501",
		"http://127.0.0.1:7501/": "http://127.0.0.1:7501",
		"http://b.example:7501":  "", "HTTP://192.0.2.1:7501": "", "http://127.0.0.1@b.example": "", "http://localhost.example": "",
	} {
		for name, ask := range map[string]func(t http.RoundTripper) error{
			"NewClient": func(tr http.RoundTripper) error {
				_, err := httpapi.NewClient([]string{address}, "secret").WithTransport(tr).Status(t.Context())
				return err
			},
			"At": func(tr http.RoundTripper) error {
				_, err := httpapi.NewClient([]string{"127.0.0.1:1"}, "secret").WithTransport(tr).At(address).Status(t.Context())
				return err
			},
		} {
			s := &sniffer{}
			err := ask(s)
			switch {
			case want != "" && (len(s.sent) != 1 || s.sent[0] != want+" Bearer secret"):
				t.Errorf("%s %s: sent %q, want it to %s", name, address, s.sent, want)
			case want == "" && (len(s.sent) > 0 || !errors.Is(err, domain.ErrInvalid) || !strings.Contains(err.Error(), "in clear text")):
				t.Errorf("%s %s: sent %q, %v", name, address, s.sent, err)
			}
		}
	}
}

// TestATokenDoesNotFollowAPrimaryIntoTheClear: where the primary is, another server says.
func TestATokenDoesNotFollowAPrimaryIntoTheClear(t *testing.T) {
	elsewhere := httptest.NewServer(httpapi.New(redirects{newFake("A"), "http://b.example:7501"}, httpapi.Options{Verify: verify}))
	t.Cleanup(elsewhere.Close)
	_, err := client(t, elsewhere.URL).Switchover(t.Context(), "C")
	if !errors.Is(err, domain.ErrInvalid) || !strings.Contains(err.Error(), "http://b.example:7501 would carry the token in clear text") {
		t.Errorf("got %v", err)
	}
}

// TestWithoutATokenNothingIsKeptBack: what anybody may read needs no TLS.
func TestWithoutATokenNothingIsKeptBack(t *testing.T) {
	s := &sniffer{}
	_, _ = httpapi.NewClient([]string{"http://b.example:7501"}, "").WithTransport(s).Status(t.Context())
	if len(s.sent) != 1 {
		t.Errorf("sent %q", s.sent)
	}
}
