package httpapi

import (
	"context"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/understudy-io/understudy/domain"
)

// body is an answer that is a value, with 200 unless Status says otherwise.
type body[T any] struct {
	Status int
	Body   T
}

type none struct{}

// operation fills in what all operations share.
func (r *routes) operation(id, method, path, summary, description string) huma.Operation {
	schemas := r.api.OpenAPI().Components.Schemas
	problem := schemas.Schema(reflect.TypeFor[Problem](), true, "Problem")
	op := huma.Operation{
		OperationID: id, Method: method, Path: path, Summary: summary, Description: description,
		MaxBodyBytes: MaxBody, BodyReadTimeout: readLimit,
		Responses: map[string]*huma.Response{"default": {
			Description: "What went wrong, and what to do",
			Content:     map[string]*huma.MediaType{"application/problem+json": {Schema: problem}},
		}},
	}
	if method != http.MethodGet {
		op.Security = []map[string][]string{{"token": {}}}
	}
	return op
}

// reading registers the routes that change nothing.
func (r *routes) reading() {
	register(r, r.operation("get-status", http.MethodGet, "/api/v1/status",
		"The landscape as this server sees it", "Servers, primary, epoch, partitions with their state hashes, counters."),
		func(ctx context.Context, _ *none) (*body[Status], error) {
			ctx, cancel := context.WithTimeout(ctx, answerLimit)
			defer cancel()
			s, err := r.backend.Status(ctx)
			return answer(complete(s), r.readFailed(err))
		})
	register(r, r.operation("list-devices", http.MethodGet, "/api/v1/devices",
		"All devices", "Their desired and reported values and what is pending, as folded by this server."),
		func(ctx context.Context, _ *none) (*body[[]Device], error) {
			ctx, cancel := context.WithTimeout(ctx, answerLimit)
			defer cancel()
			list, err := r.backend.Devices(ctx)
			for i := range list {
				list[i] = completeDevice(list[i])
			}
			return answer(notNil(list), r.readFailed(err))
		})
	register(r, r.operation("get-device", http.MethodGet, "/api/v1/devices/{device}",
		"One device", "Its desired and reported values and what is pending, as folded by this server."),
		func(ctx context.Context, in *struct {
			Device string `path:"device" maxLength:"128" doc:"Id of the device"`
		}) (*body[Device], error) {
			ctx, cancel := context.WithTimeout(ctx, answerLimit)
			defer cancel()
			d, err := r.backend.Device(ctx, in.Device)
			return answer(completeDevice(d), r.readFailed(err))
		})
}

func answer[T any](v T, err error) (*body[T], error) {
	if err != nil {
		return nil, err
	}
	return &body[T]{Status: http.StatusOK, Body: v}, nil
}

// readFailed is the problem of a request that changed nothing: what ran out of
// time may simply be asked again.
func (r *routes) readFailed(err error) error {
	p := r.fail(err)
	if p == nil {
		return nil
	}
	if p.Code == CodeUnknownFate {
		p.Status, p.Title, p.Code = http.StatusServiceUnavailable, http.StatusText(http.StatusServiceUnavailable), CodeUnavailable
	}
	return p
}

// fail is the problem of an error; the server's own faults are logged.
func (r *routes) fail(err error) *Problem {
	if err == nil {
		return nil
	}
	p := problemOf(err)
	if p.Code == CodeInternal {
		r.options.Logger.Error("a request failed in the server", "cause", err)
	}
	return p
}

func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// complete makes the lists that are always there be there.
func complete(s Status) Status {
	s.Server.Reasons, s.Servers, s.Partitions = notNil(s.Server.Reasons), notNil(s.Servers), notNil(s.Partitions)
	return s
}

func completeDevice(d Device) Device {
	d.Cells, d.Pending = notNil(d.Cells), notNil(d.Pending)
	return d
}

// payloadSchemas makes the types of payloads part of the OpenAPI document.
func (r *routes) payloadSchemas() {
	registry := r.api.OpenAPI().Components.Schemas
	for _, t := range []reflect.Type{
		reflect.TypeFor[domain.Take](), reflect.TypeFor[domain.Salvo](), reflect.TypeFor[domain.SetLabel](),
		reflect.TypeFor[domain.SetLock](), reflect.TypeFor[domain.Invoke](),
	} {
		registry.Schema(t, true, t.Name())
	}
}
