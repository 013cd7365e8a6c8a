// Package httpapi is the HTTP API of a server, and the client for it.
//
// A server puts its Backend behind New and serves the handler:
//
//	handler := httpapi.New(backend, httpapi.Options{Verify: tokens.User, Logger: logger})
//	err := httpapi.Server(handler, logger).Serve(listener)
//
// A program asks any server of the landscape through a Client, which tries the
// next address when one does not answer:
//
//	client := httpapi.NewClient([]string{"http://127.0.0.1:17501"}, token)
//	result, err := client.Submit(ctx, httpapi.Command{
//		Device: "videohub-1", Payload: domain.Take{Destination: 5, Source: 12},
//	}, 5*time.Second)
//
// Every change needs a bearer token, and the user that it belongs to is what
// the log records. Reading is free on loopback and needs a token elsewhere.
// Errors are problem details (RFC 9457) with a fixed code. A command is
// answered with 200 when its outcome is known and with 202 when only its
// append was acknowledged; 504 means that even this is not known, and names
// the UID to ask for, or to send again.
//
// Nothing is kept here, so nothing is lost on a crash: a command that was sent
// under a UID may be sent again under it, through any server.
package httpapi
