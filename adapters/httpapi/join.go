package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// joinPath is that of the one change for which a server's token file holds no token: its
// body has one of its own.
const joinPath = "/api/v1/cluster/join"

// Invitation is a token with which one server may join.
type Invitation struct {
	Token string    `json:"token" doc:"Secret; it is shown once, and good once"`
	Until time.Time `json:"until" doc:"When it runs out"`
}

// JoinRequest asks for what a new server needs.
type JoinRequest struct {
	Token      string `json:"token" maxLength:"128"`
	Server     string `json:"server" minLength:"1" maxLength:"128" doc:"The name that it is to have"`
	Identity   string `json:"identity" minLength:"1" maxLength:"128" doc:"Public key of its data folder, in hexadecimal digits"`
	Proof      string `json:"proof" minLength:"1" maxLength:"128" doc:"Signature with that key over the token's name, this one's identity and its name, in hexadecimal digits"`
	Precedence int    `json:"precedence,omitempty"`
	Check      bool   `json:"check,omitempty" doc:"Only say what is in the way; the token stays good"`
}

// Admission is what a new server needs, or what is in its way.
type Admission struct {
	Landscape  string    `json:"landscape"`
	Partitions int32     `json:"partitions"`
	Brokers    []string  `json:"brokers" nullable:"false"`
	Build      string    `json:"build" doc:"Of the server that answers"`
	Time       time.Time `json:"time" doc:"Its wall clock"`
	Faults     []string  `json:"faults" nullable:"false" doc:"All that keeps the server from joining"`
	Secrets    []Secret  `json:"secrets" nullable:"false" doc:"The files that all servers of the landscape have alike"`
	Withheld   []string  `json:"withheld,omitempty" doc:"Names of those that this server has and that the token does not give"`
}

// Secret is a file that all servers of a landscape have alike.
type Secret struct {
	Name    string `json:"name" enum:"keys,signing-key,tokens" doc:"keys: the landscape's keys; signing-key: what signs its checkpoints; tokens: its users, with a hash of each one's token"`
	Hash    string `json:"hash" doc:"SHA-256 of the file, in hexadecimal digits"`
	Content string `json:"content,omitempty" doc:"The file, once the token was used"`
}

// MaxSecret bounds each of them in bytes. The hashes of all users that a token file may
// name fit in, and a new server reads as much.
const MaxSecret = 256 << 10

// The names of the secrets.
const (
	SecretKeys    = "keys"
	SecretSigning = "signing-key"
	SecretTokens  = "tokens"
)

// Bounds of a token's life.
const (
	minLasting     = time.Minute
	maxLasting     = 24 * time.Hour
	DefaultLasting = 15 * time.Minute
)

type inviteBody struct {
	Lasting string `json:"lasting,omitempty" maxLength:"32" doc:"How long it is good, 1m to 24h; 15m if left out" example:"15m"`
	Signing bool   `json:"signing,omitempty" doc:"Give the landscape's signing key for it too: who has that can sign another history"`
}

func (r *routes) joining() {
	b := r.backend
	register(r, r.operation("invite-server", http.MethodPost, "/api/v1/cluster/token", "Make a token for a server that is to join", "It is good once, and for a time."),
		func(ctx context.Context, in *decisionInput[inviteBody]) (*body[Invitation], error) {
			ctx, cancel := context.WithTimeout(ctx, moveLimit)
			defer cancel()
			lasting := DefaultLasting
			if in.Body.Lasting != "" {
				var err error
				if lasting, err = time.ParseDuration(in.Body.Lasting); err != nil || lasting < minLasting || lasting > maxLasting {
					return nil, r.fail(fmt.Errorf("lasting %q: give a duration of %s to %s: %w", in.Body.Lasting, minLasting, maxLasting, domain.ErrInvalid))
				}
			}
			i, err := b.Invite(ctx, userOf(ctx), lasting, in.Body.Signing)
			return answer(i, asError(r.fail(err)))
		})
	op := r.operation("join", http.MethodPost, joinPath, "What a server needs to join", "For the token in the body, over TLS or from this machine: the answer holds the landscape's key.")
	op.Security, op.BodyReadTimeout = nil, joinLimit
	register(r, op, func(ctx context.Context, in *decisionInput[JoinRequest]) (*body[Admission], error) {
		ctx, cancel := context.WithTimeout(ctx, moveLimit)
		defer cancel()
		a, err := b.Admit(ctx, in.Body)
		a.Brokers, a.Faults, a.Secrets = notNil(a.Brokers), notNil(a.Faults), notNil(a.Secrets)
		return answer(a, asError(r.fail(err)))
	})
}

// Invite makes a token with which one server may join; signing gives it the signing key too.
func (c *Client) Invite(ctx context.Context, lasting time.Duration, signing bool) (Invitation, error) {
	var i Invitation
	err := c.do(ctx, call{method: http.MethodPost, path: "/api/v1/cluster/token", body: inviteBody{Lasting: lasting.String(), Signing: signing}, limit: moveLimit + slack}, &i)
	return i, err
}

// Join asks for what a new server needs.
func (c *Client) Join(ctx context.Context, in JoinRequest) (Admission, error) {
	var a Admission
	err := c.do(ctx, call{method: http.MethodPost, path: joinPath, body: in, limit: moveLimit + slack}, &a)
	return a, err
}
