package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/understudy-io/understudy/domain"
)

// commandBody is a command on the wire.
type commandBody struct {
	Device string `json:"device" maxLength:"128" doc:"Id of the device"`
	Wish
	UID      string    `json:"uid,omitempty" maxLength:"128" doc:"One UID, one effect: a repeat gets the first one's answer. Made if left out"`
	Created  time.Time `json:"created,omitzero" doc:"When the wish arose; a repeat keeps it. Now if left out"`
	ValidFor string    `json:"valid_for,omitempty" maxLength:"32" doc:"How long after its append it may still be sent: 1500ms, 10s, or whole milliseconds. What the device's definition says if left out" example:"10s"`
	Source   string    `json:"source,omitempty" maxLength:"256" doc:"What the caller calls itself"`
}

type submitInput struct {
	Wait string `query:"wait" default:"5s" maxLength:"32" doc:"How long to wait for the outcome, at most 60s; 0 does not wait" example:"5s"`
	Body commandBody
}

func (r *routes) commands() {
	r.payloadSchemas()
	op := r.operation("submit-command", http.MethodPost, "/api/v1/commands", "Append a command",
		"200: its outcome is known, a refusal included. 202: it is in the log, and the wait ran out. "+
			"504: it may or may not be in the log; ask for the UID, or send it again under the same one. "+
			"The payload is that of its type: Take, Salvo, SetLabel, SetLock or Invoke.")
	op.Responses["202"] = &huma.Response{Description: "It is in the log; it has no outcome yet"}
	register(r, op, r.submit)
	content := r.api.OpenAPI().Paths["/api/v1/commands"].Post.Responses
	content["202"].Content = content["200"].Content

	register(r, r.operation("get-command", http.MethodGet, "/api/v1/commands",
		"What became of a UID", "As folded by this server. Without a device all are searched."),
		func(ctx context.Context, in *struct {
			UID    string `query:"uid" required:"true" maxLength:"128"`
			Device string `query:"device" maxLength:"128"`
		}) (*body[Result], error) {
			ctx, cancel := context.WithTimeout(ctx, answerLimit)
			defer cancel()
			result, err := r.backend.Command(ctx, in.Device, in.UID)
			return answer(result, r.about(in.Device, in.UID, r.readFailed(err)))
		})
}

func (r *routes) submit(ctx context.Context, in *submitInput) (*body[Result], error) {
	wait, err := parseWait(in.Wait)
	if err != nil {
		return nil, r.fail(err)
	}
	c, err := r.command(ctx, &in.Body)
	if err != nil {
		return nil, r.fail(err)
	}
	ctx, cancel := context.WithTimeout(ctx, wait+answerLimit)
	defer cancel()
	result, err := r.backend.Submit(ctx, c, wait)
	if err != nil {
		return nil, r.about(c.Device, c.UID, r.fail(err))
	}
	status := http.StatusOK
	if result.Outcome == "" {
		status = http.StatusAccepted
	}
	return &body[Result]{Status: status, Body: result}, nil
}

// command checks what came in and fills in what was left out.
func (r *routes) command(ctx context.Context, in *commandBody) (Command, error) {
	payload, err := in.Decode()
	if err != nil {
		return Command{}, err
	}
	c := Command{
		Device: in.Device, Payload: payload, UID: in.UID, Created: in.Created,
		User: userOf(ctx), Source: in.Source,
	}
	if c.ValidFor, err = parseDuration("valid_for", in.ValidFor, domain.MaxValidFor); err != nil {
		return Command{}, err
	}
	if c.UID == "" {
		if c.UID, err = NewUID(); err != nil {
			return Command{}, err
		}
	}
	if c.Created.IsZero() {
		c.Created = r.options.Now()
	}
	return c, errors.Join(checkName("device", c.Device, domain.MaxSubject), checkNewUID(c.UID))
}

// NewUID makes a UID that nobody else makes: a UUIDv7, so that it sorts by time.
func NewUID() (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("make a UID: %w", err)
	}
	return id.String(), nil
}

// about adds to a problem which command it is about.
func (r *routes) about(device, uid string, err error) error {
	if p, ok := errors.AsType[*Problem](err); ok {
		p.Device, p.UID = device, uid
		return p
	}
	return err
}

func parseWait(s string) (time.Duration, error) { return parseDuration("wait", s, MaxWait) }

// parseDuration reads "10s" and "10000", whole milliseconds.
func parseDuration(name, s string, limit time.Duration) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(s)
	if ms, err2 := strconv.ParseInt(s, 10, 32); err2 == nil {
		d, err = time.Duration(ms)*time.Millisecond, nil
	}
	if err != nil || d < 0 || d > limit {
		return 0, invalid("%s is %q: give a duration from 0 to %s, such as 1500ms or 10s", name, s, limit)
	}
	return d, nil
}
