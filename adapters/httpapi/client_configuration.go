package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"github.com/understudy-io/understudy/domain/configuration"
)

// Configuration gives the revisions of the landscape's configuration.
func (c *Client) Configuration(ctx context.Context) (Configuration, error) {
	return get[Configuration](ctx, c, "/api/v1/configuration")
}

// RevisionText gives what a revision holds; 0 is the active one.
func (c *Client) RevisionText(ctx context.Context, revision uint64) (RevisionText, error) {
	return getLarge[RevisionText](ctx, c, "/api/v1/configuration/revisions/"+strconv.FormatUint(revision, 10))
}

// Differences tells what changes from one revision to the other.
func (c *Client) Differences(ctx context.Context, from, to uint64) ([]configuration.Change, error) {
	return getLarge[[]configuration.Change](ctx, c, fmt.Sprintf("/api/v1/configuration/diff?from=%d&to=%d", from, to))
}

// Preview tells what a revision would change on the devices as they are now.
func (c *Client) Preview(ctx context.Context, revision uint64) ([]configuration.Change, error) {
	return getLarge[[]configuration.Change](ctx, c, "/api/v1/configuration/preview?revision="+strconv.FormatUint(revision, 10))
}

// Drift tells where the devices are not as the active revision says.
func (c *Client) Drift(ctx context.Context) (Drift, error) {
	return getLarge[Drift](ctx, c, "/api/v1/configuration/drift")
}

// Publish makes a revision. Sent twice it counts once: the second is stale.
func (c *Client) Publish(ctx context.Context, p Publication) (Revised, error) {
	if err := p.check(); err != nil {
		return Revised{}, refusal(err)
	}
	var r Revised
	err := c.do(ctx, call{
		method: http.MethodPost, path: "/api/v1/configuration/revisions", body: p,
		header: http.Header{"If-Match": {strconv.FormatUint(p.IfMatch, 10)}}, limit: configurationLimit + slack,
	}, &r)
	return r, err
}

// Activate has the landscape go over to a revision.
func (c *Client) Activate(ctx context.Context, a Activation) (Revised, error) {
	var r Revised
	err := c.do(ctx, call{method: http.MethodPost, path: "/api/v1/configuration/activate", body: a, limit: configurationLimit + slack}, &r)
	return r, err
}

func getLarge[T any](ctx context.Context, c *Client, path string) (T, error) {
	var v T
	err := c.do(ctx, call{method: http.MethodGet, path: path, limit: configurationLimit, repeatable: true}, &v)
	return v, err
}
