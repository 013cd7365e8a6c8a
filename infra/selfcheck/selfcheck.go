// Package selfcheck looks at what a server stands on and cannot see from the log: its
// disk, its resolver, its brokers' settings, and the address at which others reach it.
//
//	c := selfcheck.New(selfcheck.Options{Dir: dir, Hosts: hosts, Advertised: url, Topics: topics})
//	go c.Run(ctx)
//	for _, f := range c.Findings() { fmt.Println(f.Check, f.Failure) }
//
// It decides nothing: a server goes on with a failing check for as long as it can. What
// was found is lost on a crash, and found again.
package selfcheck

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/understudy-io/understudy/domain"
)

const (
	first     = 3 * time.Second  // after the start: the API is to serve before it is asked
	every     = 30 * time.Second // from one look to the next
	within    = 3 * time.Second  // for one answer
	slowLook  = time.Second      // a resolver that takes longer holds up each connection
	probeSize = 1 << 20          // bytes that the disk must take
)

// Options are what to look at.
type Options struct {
	Dir        string                                      // where the server keeps its data
	Hosts      []string                                    // host or host:port, as configured
	Advertised string                                      // URL at which others reach this server
	Own        []byte                                      // PEM of the certificates that it shows there, if it does
	Topics     func(ctx context.Context) ([]string, error) // what is wrong with the brokers' topics
}

// Finding is one check; without a failure all is well.
type Finding struct{ Check, Failure string }

// Checker looks again and again.
type Checker struct {
	options Options
	client  *http.Client
	found   atomic.Pointer[[]Finding]
}

// New is a checker that has not looked yet.
func New(o Options) *Checker { return &Checker{options: o, client: direct(o.Own)} }

// direct is a client that asks without a proxy, as others do, and knows this server's own
// certificate: whether others trust it is not to be found out from here.
func direct(own []byte) *http.Client {
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	roots.AppendCertsFromPEM(own)
	return &http.Client{
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Findings are those of the last look; none before the first one has ended.
func (c *Checker) Findings() []Finding {
	if found := c.found.Load(); found != nil {
		return *found
	}
	return nil
}

// Run looks until ctx ends.
func (c *Checker) Run(ctx context.Context) {
	next := time.NewTimer(first)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
		if found := c.Look(ctx); ctx.Err() == nil {
			c.found.Store(&found)
		}
		next.Reset(every)
	}
}

// Look looks once.
func (c *Checker) Look(ctx context.Context) []Finding {
	return []Finding{
		{"disk", c.disk()}, {"resolver", c.resolver(ctx)}, {"port", c.port(ctx)}, {"brokers", c.brokers(ctx)},
	}
}

// disk writes what a small snapshot needs.
func (c *Checker) disk() string {
	f, err := os.CreateTemp(c.options.Dir, "probe.*")
	if err != nil {
		return fmt.Sprintf("%v: snapshots are not written", err)
	}
	_, err = f.Write(make([]byte, probeSize))
	if err = errors.Join(err, f.Close(), os.Remove(f.Name())); err != nil {
		return fmt.Sprintf("%v: free some space, or snapshots are not written", err)
	}
	return ""
}

// resolver asks for the names that the configuration holds.
func (c *Checker) resolver(ctx context.Context) string {
	var faults []string
	for _, host := range c.options.Hosts {
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		if net.ParseIP(host) != nil {
			continue
		}
		began := time.Now()
		asked, cancel := context.WithTimeout(ctx, within)
		_, err := net.DefaultResolver.LookupHost(asked, host)
		cancel()
		switch took := time.Since(began); {
		case err != nil:
			faults = append(faults, fmt.Sprintf("%s: %v", host, err))
		case took > slowLook:
			faults = append(faults, fmt.Sprintf("%s took %s", host, took.Round(time.Millisecond)))
		}
	}
	return strings.Join(faults, "; ")
}

// port asks this server as others do.
func (c *Checker) port(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(c.options.Advertised, "/")+"/healthz", nil)
	if err != nil {
		return err.Error()
	}
	res, err := c.client.Do(req)
	if err != nil {
		return fmt.Sprintf("this server does not reach itself at the address that it tells others (server.advertise): %v", err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Sprintf("something else answers at %s, the address that it tells others (server.advertise): %s", c.options.Advertised, res.Status)
	}
	return ""
}

// brokers looks at the topics as a server does that starts.
func (c *Checker) brokers(ctx context.Context) string {
	findings, err := c.options.Topics(ctx)
	if err != nil {
		return domain.Plain(err)
	}
	return strings.Join(findings, "; ")
}
