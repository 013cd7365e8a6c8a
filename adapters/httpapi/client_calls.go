package httpapi

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// Status gives the landscape as the first server that answers sees it.
func (c *Client) Status(ctx context.Context) (Status, error) {
	return get[Status](ctx, c, "/api/v1/status")
}

// Devices gives all devices.
func (c *Client) Devices(ctx context.Context) ([]Device, error) {
	return get[[]Device](ctx, c, "/api/v1/devices")
}

// Device gives one device.
func (c *Client) Device(ctx context.Context, id string) (Device, error) {
	if err := refusal(checkName("device", id, domain.MaxSubject)); err != nil {
		return Device{}, err
	}
	return get[Device](ctx, c, "/api/v1/devices/"+url.PathEscape(id))
}

// Doubts gives the actions in doubt.
func (c *Client) Doubts(ctx context.Context) ([]Doubt, error) {
	return get[[]Doubt](ctx, c, "/api/v1/doubts")
}

// Command asks what became of a UID; device may be empty.
func (c *Client) Command(ctx context.Context, device, uid string) (Result, error) {
	faults := []error{checkName("uid", uid, domain.MaxUID)}
	q := url.Values{"uid": {uid}}
	if device != "" {
		faults = append(faults, checkName("device", device, domain.MaxSubject))
		q.Set("device", device)
	}
	if err := refusal(faults...); err != nil {
		return Result{}, err
	}
	var r Result
	err := c.do(ctx, call{
		method: http.MethodGet, path: "/api/v1/commands?" + q.Encode(),
		limit: askLimit, repeatable: true, uid: uid, device: device,
	}, &r)
	return r, err
}

// Submit sends a command and waits for its outcome, but not longer than wait. A
// result without an Outcome is in the log and not done yet. A server that does
// not answer is left for the next one: that is safe, because it is the same UID.
func (c *Client) Submit(ctx context.Context, cmd Command, wait time.Duration) (Result, error) {
	b, err := c.wireCommand(cmd)
	if err != nil {
		return Result{}, err
	}
	wait = min(max(wait, 0), MaxWait)
	var r Result
	err = c.do(ctx, call{
		method: http.MethodPost, path: "/api/v1/commands?wait=" + url.QueryEscape(wait.String()), body: b,
		limit: wait + slack, repeatable: true, uid: b.UID, device: b.Device,
	}, &r)
	return r, err
}

// Resolve records an operator's verdict on an action in doubt.
func (c *Client) Resolve(ctx context.Context, v Resolution) (Result, error) {
	if err := refusal(checkResolution(&v)); err != nil {
		return Result{}, err
	}
	var r Result
	err := c.do(ctx, call{
		method: http.MethodPost, path: "/api/v1/doubts/resolve", body: v,
		limit: DefaultWait + slack, repeatable: true, uid: v.UID, device: v.Device,
	}, &r)
	return r, err
}

// Switchover moves primacy in a planned way. It finds the primary by itself.
func (c *Client) Switchover(ctx context.Context, to string) (Move, error) {
	var in switchoverInput
	in.Body.To = to
	move, err := c.move(ctx, "/api/v1/switchover", in.Body)
	other, ok := errors.AsType[*Error](err)
	if !ok || other.Code != CodeNotPrimary || other.PrimaryAddress == "" {
		return move, err
	}
	primary := *c
	primary.addresses = []string{baseURL(other.PrimaryAddress)}
	return primary.move(ctx, "/api/v1/switchover", in.Body)
}

// Takeover contests the primary from the first server that can be reached.
func (c *Client) Takeover(ctx context.Context, reason, to string) (Move, error) {
	var in takeoverInput
	in.Body.Reason, in.Body.To = reason, to
	return c.move(ctx, "/api/v1/takeover", in.Body)
}

func (c *Client) move(ctx context.Context, path string, body any) (Move, error) {
	var m Move
	err := c.do(ctx, call{method: http.MethodPost, path: path, body: body, limit: moveLimit + slack}, &m)
	return m, err
}

func get[T any](ctx context.Context, c *Client, path string) (T, error) {
	var v T
	err := c.do(ctx, call{method: http.MethodGet, path: path, limit: askLimit, repeatable: true}, &v)
	return v, err
}
