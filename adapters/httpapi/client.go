package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// The client's limits. An address that does not answer in time is left for the
// next one.
const (
	dialLimit = time.Second
	askLimit  = 2 * time.Second        // for a request that only reads
	probeWait = 500 * time.Millisecond // for a server to say that it is ready
	slack     = 3 * time.Second        // beyond what the server was asked to wait
	maxAnswer = 64 << 20               // bytes of an answer
)

// Client asks the servers of a landscape. It is safe for concurrent use.
type Client struct {
	addresses []string
	token     string
	http      *http.Client
	now       func() time.Time
}

// NewClient makes a client that tries the addresses (base URLs, or host:port) in
// turn. The token may be empty for reading on loopback; it is sent by https, or to
// a server of this machine, only.
func NewClient(addresses []string, token string) *Client {
	c := &Client{
		token: token,
		now:   time.Now,
		http: &http.Client{
			Transport: &http.Transport{
				DialContext:         (&net.Dialer{Timeout: dialLimit}).DialContext,
				TLSHandshakeTimeout: dialLimit,
				MaxIdleConnsPerHost: 16,
				IdleConnTimeout:     idleLimit / 2,
			},
			// A redirect would send the token somewhere else.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	for _, a := range addresses {
		c.addresses = append(c.addresses, baseURL(a))
	}
	return c
}

// WithTransport makes a client that sends through t: for TLS with an authority
// of one's own, for example.
func (c *Client) WithTransport(t http.RoundTripper) *Client {
	other := *c
	h := *c.http
	h.Transport = t
	other.http = &h
	return &other
}

// Close ends the idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// call is one request, to be made at one address after the other.
type call struct {
	method, path string
	body         any
	header       http.Header
	limit        time.Duration // at each address
	// repeatable says that asking twice is no different from asking once. A
	// call that is not goes to the next address only if nothing was sent.
	repeatable bool
	uid        string // of the command in question
	device     string
}

// do makes the call and reads the answer.
func (c *Client) do(ctx context.Context, call call, into any) error {
	if len(c.addresses) == 0 {
		return &Error{Code: CodeInvalid, Detail: "no address of a server is known: give one"}
	}
	if err := c.keepsToken(); err != nil {
		return err
	}
	var sent []byte
	if call.body != nil {
		b, err := json.Marshal(call.body)
		if err != nil {
			return &Error{Code: CodeInvalid, Detail: fmt.Sprintf("encode the request: %v", err)}
		}
		sent = b
	}
	var failures []*Error
	for address := range c.inTurn(ctx) {
		err := c.at(ctx, address, call, sent, into)
		if err == nil {
			return nil
		}
		failures = append(failures, err)
		if ctx.Err() != nil || !err.passable(call.repeatable) {
			break
		}
	}
	return worst(failures)
}

// inTurn gives the addresses in the order in which to ask them. Where there are
// several, those come first that say that they are ready: one that is paused,
// or has lost the log, would hold a call up for as long as it may take.
func (c *Client) inTurn(ctx context.Context) iter.Seq[string] {
	if len(c.addresses) == 1 {
		return slices.Values(c.addresses)
	}
	return func(yield func(string) bool) {
		var later []string
		for _, address := range c.addresses {
			if !c.ready(ctx, address) {
				later = append(later, address)
			} else if !yield(address) {
				return
			}
		}
		for _, address := range later {
			if !yield(address) {
				return
			}
		}
	}
}

func (c *Client) ready(ctx context.Context, address string) bool {
	ctx, cancel := context.WithTimeout(ctx, probeWait)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"/readyz", nil)
	if err != nil {
		return false
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return false
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, MaxHeader))
	return resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
}

// at makes the call at one address.
func (c *Client) at(ctx context.Context, address string, call call, sent []byte, into any) *Error {
	ctx, cancel := context.WithTimeout(ctx, call.limit)
	defer cancel()
	fail := func(code Code, format string, args ...any) *Error {
		return &Error{Code: code, Detail: fmt.Sprintf(format, args...), Address: address, UID: call.uid, Device: call.device}
	}
	req, err := http.NewRequestWithContext(ctx, call.method, address+call.path, bytes.NewReader(sent))
	if err != nil {
		return fail(CodeInvalid, "%s is not an address: %v", address, err)
	}
	req.GetBody = nil // the transport must not send it again by itself
	if sent != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, values := range call.header {
		req.Header[name] = values
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fail(codeOfTransport(call, err), "%s does not answer: %v", address, plain(err))
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return fail(codeOfTransport(call, err), "%s broke off its answer: %v", address, err)
	case len(b) > maxAnswer:
		return fail(CodeInternal, "%s answered with more than %d bytes", address, maxAnswer)
	case resp.StatusCode >= http.StatusMultipleChoices:
		return problemError(address, resp, b, call)
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fail(CodeInternal, "%s does not speak this API: %v", address, err)
	}
	return nil
}

// codeOfTransport tells whether the server can have seen the request, and
// whether that matters.
func codeOfTransport(call call, err error) Code {
	if call.method == http.MethodGet {
		return CodeUnreachable
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return CodeUnreachable
	}
	return CodeUnknownFate
}

// plain drops the method and URL that the http package puts before an error.
func plain(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("no answer in time")
	}
	if inner := errors.Unwrap(err); inner != nil {
		return inner
	}
	return err
}

// wireCommand fills in, before the first try, what must be the same in every try.
func (c *Client) wireCommand(cmd Command) (commandBody, error) {
	wish, err := WishOf(cmd.Payload)
	if err != nil {
		return commandBody{}, &Error{Code: CodeInvalid, Detail: domain.Plain(err)}
	}
	b := commandBody{Device: cmd.Device, Wish: wish, UID: cmd.UID, Created: cmd.Created, Source: cmd.Source}
	if cmd.ValidFor != 0 {
		b.ValidFor = cmd.ValidFor.String()
	}
	if b.UID == "" {
		if b.UID, err = NewUID(); err != nil {
			return commandBody{}, &Error{Code: CodeInternal, Detail: err.Error()}
		}
	}
	if b.Created.IsZero() {
		b.Created = c.now()
	}
	return b, refusal(checkName("device", b.Device, domain.MaxSubject), checkName("uid", b.UID, domain.MaxUID))
}

// refusal is what a request is refused with before it is made; nil without faults.
func refusal(faults ...error) error {
	if err := errors.Join(faults...); err != nil {
		return &Error{Code: CodeInvalid, Detail: domain.Plain(err)}
	}
	return nil
}
