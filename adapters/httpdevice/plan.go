package httpdevice

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// plan is a definition made ready.
type plan struct {
	base      string // URL, without a slash at its end
	authority string // host:port to dial
	tls       string // the name to expect in the device's certificate; empty without TLS
	*shape
}

// parseAddress takes "host:port" or a base URL.
func parseAddress(address string) (*url.URL, error) {
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("%q is neither host:port nor a base URL: %w", address, err)
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("scheme %q is not http or https", u.Scheme)
	case u.Hostname() == "":
		return nil, fmt.Errorf("%q names no host: write it as host:port or http://host:port/base", address)
	case u.User != nil:
		return nil, errors.New("holds credentials, which everybody who reads the log would see: take them out")
	case u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("%q has a query or a fragment: those belong into a verb's url", address)
	}
	u.Path = strings.TrimSuffix(u.Path, "/")
	u.RawPath = strings.TrimSuffix(u.RawPath, "/")
	return u, nil
}

func authority(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// verbTimeout is how long the device may take to answer.
func verbTimeout(def domain.Definition, v domain.Verb) time.Duration {
	switch {
	case v.Timeout > 0:
		return v.Timeout
	case def.ConfirmWithin > 0:
		return def.ConfirmWithin
	}
	return DefaultTimeout
}
