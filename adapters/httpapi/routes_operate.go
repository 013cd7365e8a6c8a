package httpapi

import (
	"context"
	"errors"
	"net/http"

	"github.com/understudy-io/understudy/domain"
)

func (r *routes) doubts() {
	register(r, r.operation("list-doubts", http.MethodGet, "/api/v1/doubts",
		"Actions in doubt", "One-shots that may or may not have been done, oldest first."),
		func(ctx context.Context, _ *none) (*body[[]Doubt], error) {
			ctx, cancel := context.WithTimeout(ctx, answerLimit)
			defer cancel()
			list, err := r.backend.Doubts(ctx)
			return answer(notNil(list), r.readFailed(err))
		})
	register(r, r.operation("resolve-doubt", http.MethodPost, "/api/v1/doubts/resolve",
		"Resolve an action in doubt", "An operator's verdict, kept in the log with the user and the reason."),
		func(ctx context.Context, in *struct{ Body Resolution }) (*body[Result], error) {
			v := in.Body
			if err := checkResolution(&v); err != nil {
				return nil, r.fail(err)
			}
			ctx, cancel := context.WithTimeout(ctx, DefaultWait+answerLimit)
			defer cancel()
			result, err := r.backend.Resolve(ctx, userOf(ctx), v)
			if err != nil {
				return nil, r.about(v.Device, v.UID, r.fail(err))
			}
			status := http.StatusOK
			if result.Outcome == "" {
				status = http.StatusAccepted
			}
			return &body[Result]{Status: status, Body: result}, nil
		})
}

// checkResolution makes a UID for the resolution itself if it has none.
func checkResolution(v *Resolution) error {
	if v.ResolutionUID == "" {
		uid, err := NewUID()
		if err != nil {
			return err
		}
		v.ResolutionUID = uid
	}
	faults := []error{checkName("uid", v.UID, domain.MaxUID), checkText("reason", v.Reason), checkName("resolution_uid", v.ResolutionUID, domain.MaxUID)}
	if v.Device != "" {
		faults = append(faults, checkName("device", v.Device, domain.MaxSubject))
	}
	return errors.Join(faults...)
}

type switchoverInput struct {
	Body struct {
		To string `json:"to,omitempty" maxLength:"128" doc:"Name of the server that is to act; the policy chooses if left out"`
	}
}

type takeoverInput struct {
	Body struct {
		Reason string `json:"reason" minLength:"1" maxLength:"1024" doc:"Kept in the log"`
		To     string `json:"to,omitempty" maxLength:"128" doc:"Name of the server that is to act; the policy chooses if left out"`
	}
}

func (r *routes) moves() {
	register(r, r.operation("switchover", http.MethodPost, "/api/v1/switchover",
		"Move primacy in a planned way", "Nothing is in doubt afterwards. Only the primary does it; another server answers not_primary with its address."),
		func(ctx context.Context, in *switchoverInput) (*body[Move], error) {
			ctx, cancel := context.WithTimeout(ctx, moveLimit)
			defer cancel()
			move, err := r.backend.Switchover(ctx, userOf(ctx), in.Body.To)
			return answer(move, asError(r.fail(err)))
		})
	register(r, r.operation("takeover", http.MethodPost, "/api/v1/takeover",
		"Take primacy from the primary", "Contests it at once, from any server. What is under way may be in doubt afterwards."),
		func(ctx context.Context, in *takeoverInput) (*body[Move], error) {
			ctx, cancel := context.WithTimeout(ctx, moveLimit)
			defer cancel()
			move, err := r.backend.Takeover(ctx, userOf(ctx), in.Body.Reason, in.Body.To)
			return answer(move, asError(r.fail(err)))
		})
}

// asError keeps a nil problem from being an error that is not nil.
func asError(p *Problem) error {
	if p == nil {
		return nil
	}
	return p
}
