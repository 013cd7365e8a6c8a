package main

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"

	"github.com/understudy-io/understudy/domain"
)

// envToken holds the token of understudy cluster token: an argument is seen by everybody
// who lists the processes of a machine.
const envToken = "UNDERSTUDY_TOKEN"

// admissionToken reads the token from the one place that it was given at.
func admissionToken(token, file string, in io.Reader) (string, error) {
	text := token
	switch {
	case token != "" && file != "":
		return "", usage("give --token or --token-file, not both")
	case file != "":
		b, err := readToken(file, in)
		if err != nil {
			return "", fmt.Errorf("read the token: %w", err)
		}
		text = string(b)
	case token == "":
		text = os.Getenv(envToken)
	}
	words := strings.Fields(text)
	if len(words) == 0 {
		return "", usage("a token of `understudy cluster token` is missing: give it with --token-file FILE (- for standard input), or in %s", envToken)
	}
	return words[0], nil // what that command prints after it is for people
}

func readToken(file string, in io.Reader) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(io.LimitReader(in, maxTokenFile))
	}
	return readSecret(file, maxTokenFile)
}

// secretAddress is the address of a server to which a token may be sent: by https, or
// on this machine. The token would give the landscape's key to who reads it on its way.
func secretAddress(address string) (string, error) {
	if err := checkAddress(address); err != nil {
		return "", err
	}
	full := address
	if !strings.Contains(address, "://") {
		full = "http://" + address
	}
	u, err := url.Parse(full)
	switch ip := net.ParseIP(u.Hostname()); {
	case err != nil:
		return "", usage("%q is no URL of a server: %v", address, err)
	case u.Scheme == "https" || u.Hostname() == "localhost" || ip != nil && ip.IsLoopback():
		return full, nil
	case full != address:
		return "https://" + address, nil
	}
	return "", fmt.Errorf("%s would carry the token in clear text over the network: ask by https://%s, or at a server of this machine; nothing was sent: %w", address, u.Host, domain.ErrInvalid)
}
