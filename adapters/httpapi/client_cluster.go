package httpapi

import (
	"context"
	"net/http"
)

// SetPolicy says who comes next, and whether primacy comes back; what is left out stays.
func (c *Client) SetPolicy(ctx context.Context, p PolicyChange) (Decision, error) {
	return c.decide(ctx, "policy", p)
}

// Pause suspends automatic failover, or ends that.
func (c *Client) Pause(ctx context.Context, on bool, reason string) (Decision, error) {
	return c.decide(ctx, "pause", pauseBody{On: on, Reason: reason})
}

// Drain takes a server out of the succession, or back into it.
func (c *Client) Drain(ctx context.Context, server string, on bool, reason string) (Decision, error) {
	return c.decide(ctx, "drain", drainBody{Server: server, On: on, Reason: reason})
}

// Remove removes a server for good; in order, a primary gives its epoch up before.
func (c *Client) Remove(ctx context.Context, server string, inOrder bool, reason string) (Decision, error) {
	return c.decide(ctx, "remove", removeBody{Server: server, InOrder: inOrder, Reason: reason})
}

// Dissolve ends the cluster for good.
func (c *Client) Dissolve(ctx context.Context, landscape, reason string) (Decision, error) {
	return c.decide(ctx, "dissolve", dissolveBody{Landscape: landscape, Reason: reason})
}

// History gives every epoch, the oldest first.
func (c *Client) History(ctx context.Context) ([]Term, error) {
	var terms []Term
	err := c.do(ctx, call{method: http.MethodGet, path: "/api/v1/cluster/history", limit: historyLimit + slack, repeatable: true}, &terms)
	return terms, err
}

func (c *Client) decide(ctx context.Context, what string, body any) (Decision, error) {
	var d Decision
	err := c.do(ctx, call{method: http.MethodPost, path: "/api/v1/cluster/" + what, body: body, limit: moveLimit + slack}, &d)
	return d, err
}

// At is the same client for one server alone, at its base URL.
func (c *Client) At(address string) *Client {
	other := *c
	other.addresses = []string{baseURL(address)}
	return &other
}
