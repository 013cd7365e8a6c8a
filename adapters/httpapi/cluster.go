package httpapi

import (
	"context"
	"net/http"
	"time"
)

// Cluster is what operators decide about the servers of a landscape: each decision
// is a record in the log, and is waited for until this server has folded it.
type Cluster interface {
	// SetPolicy says who comes next, and whether primacy comes back. What is not given
	// stays as it is.
	SetPolicy(ctx context.Context, user string, p PolicyChange) (Decision, error)
	// Pause suspends automatic failover, or ends that.
	Pause(ctx context.Context, user string, on bool, reason string) (Decision, error)
	// Drain takes a server out of the succession for maintenance, or back into it. A
	// primary gives its epoch up in a planned move.
	Drain(ctx context.Context, user, server string, on bool, reason string) (Decision, error)
	// Remove removes a server for good: it does not come back. In order, it gives its
	// epoch up before.
	Remove(ctx context.Context, user, server string, inOrder bool, reason string) (Decision, error)
	// Dissolve ends the cluster for good.
	Dissolve(ctx context.Context, user, landscape, reason string) (Decision, error)
	// Invite makes a token with which one server may join; signing gives it the signing key too.
	Invite(ctx context.Context, user string, lasting time.Duration, signing bool) (Invitation, error)
	// Admit gives a server what it needs to join, for a token; ErrConflict if that is no good.
	Admit(ctx context.Context, in JoinRequest) (Admission, error)
	// History tells of every epoch that the log knows.
	History(ctx context.Context) ([]Term, error)
}

// Policy is who comes next, and whether primacy comes back.
type Policy struct {
	Order      string   `json:"order" enum:"longest-running,precedence,designated" doc:"How servers are ranked"`
	Members    []string `json:"members,omitempty" nullable:"false" maxItems:"64" doc:"Of designated: who goes first"`
	FailBack   string   `json:"fail_back" enum:"never,auto,manual" doc:"When primacy goes back to a server that is preferred"`
	HoldDown   string   `json:"hold_down,omitempty" maxLength:"32" doc:"Of auto: how long that server must have been ready" example:"10s"`
	MaxMembers int      `json:"max_members,omitempty" minimum:"0" maximum:"64" doc:"How many servers there may be; 6 if left out"`
	By         string   `json:"by,omitempty" readOnly:"true" doc:"Who has set it"`
}

// PolicyChange is what is to change of the policy in force; what is left out stays. Where
// nobody has set one, longest-running is in force, and fail-back is never for that and auto
// for the others.
type PolicyChange struct {
	Order      string   `json:"order,omitempty" enum:"longest-running,precedence,designated" doc:"How servers are ranked"`
	Members    []string `json:"members,omitempty" nullable:"false" maxItems:"64" doc:"Of designated: who goes first"`
	FailBack   string   `json:"fail_back,omitempty" enum:"never,auto,manual" doc:"When primacy goes back to a server that is preferred"`
	HoldDown   string   `json:"hold_down,omitempty" maxLength:"32" doc:"Of auto: how long that server must have been ready" example:"10s"`
	MaxMembers *int     `json:"max_members,omitempty" minimum:"0" maximum:"64" doc:"How many servers there may be; 0: as many as each server has it by default, 6"`
}

// Paused says that automatic failover is.
type Paused struct {
	By     string `json:"by"`
	Reason string `json:"reason,omitempty"`
}

// FailBack is where primacy would go back to.
type FailBack struct {
	To  string       `json:"to" doc:"The ready server that the policy prefers"`
	In  Milliseconds `json:"in_ms" doc:"When it goes there by itself; -1: not by itself"`
	Why string       `json:"why,omitempty" doc:"Why not"`
}

// Decision is an operator's decision that is in the log and folded.
type Decision struct {
	Done string `json:"done" doc:"What holds now, for people"`
}

// Term is one epoch.
type Term struct {
	Epoch       uint64       `json:"epoch"`
	Server      string       `json:"server" doc:"Who held it"`
	Incarnation string       `json:"incarnation"`
	Cause       string       `json:"cause" doc:"start, failover, switchover, fail-back or forced"`
	By          string       `json:"by,omitempty" doc:"Who asked for it, or found the one before wanting"`
	Evidence    string       `json:"evidence,omitempty" doc:"What was on record about the end of the one before"`
	Began       time.Time    `json:"began" doc:"When its claim was appended"`
	Position    int64        `json:"position" doc:"Offset of that claim in control"`
	Gap         Milliseconds `json:"gap_ms" doc:"From the last sign of the holder before to the claim; 0 for the first"`
	Lasted      Milliseconds `json:"lasted_ms" doc:"Up to the last that is on record of it"`
	Ended       string       `json:"ended,omitempty" doc:"How it ended; empty while it is held"`
}

type decisionInput[T any] struct{ Body T }

type pauseBody struct {
	On     bool   `json:"on" doc:"true pauses, false resumes"`
	Reason string `json:"reason,omitempty" maxLength:"1024" doc:"Kept in the log"`
}

type drainBody struct {
	Server string `json:"server" minLength:"1" maxLength:"128"`
	On     bool   `json:"on" doc:"true drains, false ends that"`
	Reason string `json:"reason,omitempty" maxLength:"1024" doc:"Kept in the log"`
}

type removeBody struct {
	Server  string `json:"server" minLength:"1" maxLength:"128"`
	InOrder bool   `json:"in_order,omitempty" doc:"If it is the primary, it gives its epoch up in a planned move before"`
	Reason  string `json:"reason,omitempty" maxLength:"1024" doc:"Kept in the log"`
}

type dissolveBody struct {
	Landscape string `json:"landscape" minLength:"1" maxLength:"128" doc:"Its name, once more: this cannot be taken back"`
	Reason    string `json:"reason" minLength:"1" maxLength:"1024" doc:"Kept in the log"`
}

func (r *routes) cluster() {
	r.joining()
	b := r.backend
	decision(r, "set-policy", "policy", "Say who comes next", "A policy of the landscape, changed while all run. What is left out stays as it is.",
		func(ctx context.Context, in PolicyChange) (Decision, error) { return b.SetPolicy(ctx, userOf(ctx), in) })
	decision(r, "pause-failover", "pause", "Pause or resume automatic failover", "Planned and forced moves go on meanwhile.",
		func(ctx context.Context, in pauseBody) (Decision, error) {
			return b.Pause(ctx, userOf(ctx), in.On, in.Reason)
		})
	decision(r, "drain-server", "drain", "Drain a server for maintenance, or end that", "It gives primacy up in a planned move, and does not take over.",
		func(ctx context.Context, in drainBody) (Decision, error) {
			return b.Drain(ctx, userOf(ctx), in.Server, in.On, in.Reason)
		})
	decision(r, "remove-server", "remove", "Remove a server for good", "A tombstone: under that name nobody takes part any more.",
		func(ctx context.Context, in removeBody) (Decision, error) {
			return b.Remove(ctx, userOf(ctx), in.Server, in.InOrder, in.Reason)
		})
	decision(r, "dissolve", "dissolve", "Dissolve the landscape", "No server of it acts any more. The log stays.",
		func(ctx context.Context, in dissolveBody) (Decision, error) {
			return b.Dissolve(ctx, userOf(ctx), in.Landscape, in.Reason)
		})
	register(r, r.operation("get-history", http.MethodGet, "/api/v1/cluster/history",
		"Every epoch", "With cause, evidence, durations and who asked, from the log alone."),
		func(ctx context.Context, _ *none) (*body[[]Term], error) {
			ctx, cancel := context.WithTimeout(ctx, historyLimit)
			defer cancel()
			terms, err := b.History(ctx)
			return answer(notNil(terms), r.readFailed(err))
		})
}

// decision registers one route by which an operator decides something.
func decision[T any](r *routes, id, path, summary, description string, decide func(context.Context, T) (Decision, error)) {
	register(r, r.operation(id, http.MethodPost, "/api/v1/cluster/"+path, summary, description),
		func(ctx context.Context, in *decisionInput[T]) (*body[Decision], error) {
			ctx, cancel := context.WithTimeout(ctx, moveLimit)
			defer cancel()
			d, err := decide(ctx, in.Body)
			return answer(d, asError(r.fail(err)))
		})
}
