package httpapi

import (
	"context"
	"net/http"
)

// Letters is what operators decide about dead letters. A letter is named by its offset
// in the dead-letter topic. ErrNotFound if there is none, ErrConflict if it is decided or
// cannot be requeued.
type Letters interface {
	// Requeue puts the command of a dead letter into the log again, under its UID, and
	// waits for its outcome as Submit does.
	Requeue(ctx context.Context, user string, letter int64, reason string) (Result, error)
	// Discard says that nothing more comes of a dead letter.
	Discard(ctx context.Context, user string, letter int64, reason string) (Decision, error)
}

type letterBody struct {
	Letter int64  `json:"letter" minimum:"0" doc:"Its offset in the dead-letter topic"`
	Reason string `json:"reason" minLength:"1" maxLength:"1024" doc:"Kept in the log"`
}

func (r *routes) letters() {
	register(r, r.operation("requeue-letter", http.MethodPost, "/api/v1/deadletters/requeue",
		"Put the command of a dead letter into the log again", "Under its UID, which has one effect. Who decided, and why, is kept in the log."),
		func(ctx context.Context, in *decisionInput[letterBody]) (*body[Result], error) {
			ctx, cancel := context.WithTimeout(ctx, DefaultWait+moveLimit)
			defer cancel()
			result, err := r.backend.Requeue(ctx, userOf(ctx), in.Body.Letter, in.Body.Reason)
			return answer(result, asError(r.fail(err)))
		})
	register(r, r.operation("discard-letter", http.MethodPost, "/api/v1/deadletters/discard",
		"Discard a dead letter", "Nothing more comes of it. Who decided, and why, is kept in the log."),
		func(ctx context.Context, in *decisionInput[letterBody]) (*body[Decision], error) {
			ctx, cancel := context.WithTimeout(ctx, moveLimit)
			defer cancel()
			d, err := r.backend.Discard(ctx, userOf(ctx), in.Body.Letter, in.Body.Reason)
			return answer(d, asError(r.fail(err)))
		})
}

// Requeue puts the command of a dead letter into the log again.
func (c *Client) Requeue(ctx context.Context, letter int64, reason string) (Result, error) {
	var r Result
	err := c.do(ctx, call{method: http.MethodPost, path: "/api/v1/deadletters/requeue", body: letterBody{letter, reason}, limit: DefaultWait + moveLimit + slack}, &r)
	return r, err
}

// Discard says that nothing more comes of a dead letter.
func (c *Client) Discard(ctx context.Context, letter int64, reason string) (Decision, error) {
	var d Decision
	err := c.do(ctx, call{method: http.MethodPost, path: "/api/v1/deadletters/discard", body: letterBody{letter, reason}, limit: moveLimit + slack}, &d)
	return d, err
}
