package httpapi

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/understudy-io/understudy/domain"
)

// baseURL is that of a server. What is no URL is host:port, of a server of this machine by
// http, and elsewhere by https: a server that listens there has a certificate.
func baseURL(address string) string {
	address = strings.TrimRight(address, "/")
	if strings.Contains(address, "://") {
		return address
	}
	if u, err := url.Parse("http://" + address); err == nil && isLoopback(u.Host) {
		return "http://" + address
	}
	return "https://" + address
}

// SecretAddress is the base URL of a server to which a token may be sent: by https, or on
// this machine. Any other way would show the token to who reads along.
func SecretAddress(address string) (string, error) {
	full := baseURL(address)
	u, err := url.Parse(full)
	switch {
	case err != nil:
		return "", fmt.Errorf("%q is no URL of a server: %w", address, domain.ErrInvalid)
	case u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return "", fmt.Errorf("%q is no URL of a server, such as https://a.example:7500: %w", address, domain.ErrInvalid)
	case u.Scheme == "https" || isLoopback(u.Host):
		return full, nil
	}
	return "", fmt.Errorf("%s would carry the token in clear text over the network: ask by https://%s, or at a server of this machine; nothing was sent: %w", address, u.Host, domain.ErrInvalid)
}

// keepsToken refuses addresses to which the client's token may not be sent.
func (c *Client) keepsToken() error {
	if c.token == "" {
		return nil
	}
	for _, a := range c.addresses {
		if _, err := SecretAddress(a); err != nil {
			return &Error{Code: CodeInvalid, Detail: domain.Plain(err), Address: a}
		}
	}
	return nil
}
