package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/understudy-io/understudy/adapters/httpapi"
)

// What operators decide, said back as it was asked.

func (f *fakeServer) SetPolicy(_ context.Context, user string, p httpapi.PolicyChange) (httpapi.Decision, error) {
	limit := "as it is"
	if p.MaxMembers != nil {
		limit = fmt.Sprint(*p.MaxMembers)
	}
	return httpapi.Decision{Done: fmt.Sprintf("%s sets %q [%s], fail-back %q %q, limit %s", user, p.Order, strings.Join(p.Members, " "), p.FailBack, p.HoldDown, limit)}, f.err
}

func (f *fakeServer) Pause(_ context.Context, user string, on bool, reason string) (httpapi.Decision, error) {
	return httpapi.Decision{Done: fmt.Sprintf("%s pauses: %t, %s", user, on, reason)}, f.err
}

func (f *fakeServer) Drain(_ context.Context, user, server string, on bool, reason string) (httpapi.Decision, error) {
	return httpapi.Decision{Done: fmt.Sprintf("%s drains %s: %t, %s", user, server, on, reason)}, f.err
}

func (f *fakeServer) Remove(_ context.Context, user, server string, inOrder bool, reason string) (httpapi.Decision, error) {
	return httpapi.Decision{Done: fmt.Sprintf("%s removes %s, in order: %t, %s", user, server, inOrder, reason)}, f.err
}

func (f *fakeServer) Dissolve(_ context.Context, user, landscape, reason string) (httpapi.Decision, error) {
	return httpapi.Decision{Done: fmt.Sprintf("%s dissolves %s: %s", user, landscape, reason)}, f.err
}

func (f *fakeServer) Invite(_ context.Context, user string, lasting time.Duration, _ bool) (httpapi.Invitation, error) {
	return httpapi.Invitation{Token: "0a0b.secret", Until: time.Date(2026, 1, 31, 20, 14, 7, 0, time.Local).Add(lasting)}, f.err
}

func (f *fakeServer) Admit(_ context.Context, in httpapi.JoinRequest) (httpapi.Admission, error) {
	a := httpapi.Admission{Landscape: "main", Partitions: 8, Brokers: []string{"127.0.0.1:1"}, Build: "9.9.0", Time: time.Now(), Faults: []string{"precedence 1 is taken"}}
	if !in.Check {
		a.Secrets = []httpapi.Secret{{Name: httpapi.SecretKeys, Content: "k1 c2VjcmV0\n"}}
	}
	return a, f.err
}

func (f *fakeServer) History(context.Context) ([]httpapi.Term, error) {
	began := time.Date(2026, 1, 31, 20, 14, 7, 120e6, time.Local)
	return []httpapi.Term{
		{Epoch: 1, Server: "A", Cause: "start", Began: began, Lasted: 60_000, Ended: "its process ended: signal: killed"},
		{Epoch: 2, Server: "B", Cause: "failover", Began: began.Add(time.Minute), Gap: 24, Lasted: 5000, By: "the guard of A", Evidence: "A ended: signal: killed"},
	}, f.err
}

func (f *fakeServer) Requeue(_ context.Context, user string, letter int64, reason string) (httpapi.Result, error) {
	r := f.result
	r.UID, r.Device, r.User, r.Detail = fmt.Sprint("of letter ", letter), "videohub-1", user, reason
	return r, f.err
}

func (f *fakeServer) Discard(_ context.Context, user string, letter int64, reason string) (httpapi.Decision, error) {
	return httpapi.Decision{Done: fmt.Sprintf("%s discards %d: %s", user, letter, reason)}, f.err
}
