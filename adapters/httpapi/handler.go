package httpapi

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Options are what the API needs besides its backend.
type Options struct {
	// Verify tells whose token this is. Without it no change is allowed.
	Verify func(token string) (user string, ok bool)
	// Configuration is served below /api/v1/configuration; without it there are no
	// such paths.
	Configuration Configurator
	// Closed says why nothing can be changed at the moment; nil if it can. Never, if it is nil itself.
	Closed func() error
	Logger *slog.Logger
	// Registry is served at /metrics; without it there is no such path.
	Registry *prometheus.Registry
	Build    string
	// Now gives the time for a command that names none; time.Now if nil.
	Now func() time.Time
}

// New is the handler of the whole API: what the paths of OpenAPI say, and
// /healthz, /readyz, /primary, /secondary, /metrics and /openapi.json.
func New(backend Backend, opts Options) http.Handler {
	if opts.Verify == nil {
		opts.Verify = func(string) (string, bool) { return "", false }
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	mux := http.NewServeMux()
	r := &routes{backend: backend, options: opts, api: humago.New(mux, config(opts.Build))}
	r.reading()
	r.commands()
	r.doubts()
	r.moves()
	if opts.Configuration != nil {
		r.configuration(opts.Configuration)
	}
	r.cluster()
	r.letters()
	spec := describe(r.api)
	mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(spec)
	})
	health{backend}.register(mux)
	if opts.Registry != nil {
		mux.Handle("GET /metrics", promhttp.HandlerFor(opts.Registry, promhttp.HandlerOpts{
			Registry: opts.Registry, MaxRequestsInFlight: 4, Timeout: answerLimit,
			ErrorLog: slog.NewLogLogger(opts.Logger.Handler(), slog.LevelWarn),
		}))
	}
	return recovered(opts.Logger, bounded(authenticated(opts.Verify, unclosed(opts.Closed, unrouted(mux)))))
}

type routes struct {
	backend Backend
	options Options
	api     huma.API
}

// apiVersion is that of the paths and of their schemas; it is in the paths.
const apiVersion = "1"

func config(build string) huma.Config {
	c := huma.DefaultConfig("Understudy", apiVersion)
	c.Info.Description = "State, commands and moves of a landscape, through any of its servers. " +
		"Changes need a bearer token. A command may be sent again under its UID through any server: it takes effect once."
	if build != "" {
		c.Info.Extensions = map[string]any{"x-build": build}
	}
	// Pages and schemas by link would make browsers load scripts from
	// elsewhere, and put fields into the answers that are not part of them.
	c.OpenAPIPath, c.DocsPath, c.SchemasPath, c.CreateHooks = "", "", "", nil
	c.RejectUnknownQueryParameters = true
	c.Transformers = []huma.Transformer{ownProblem}
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token": {Type: "http", Scheme: "bearer", Description: "A line of the token file; reading on loopback needs none"},
	}
	return c
}

// describe gives the OpenAPI document. What the library adds for its own form
// of errors is not in use.
func describe(api huma.API) []byte {
	schemas := api.OpenAPI().Components.Schemas.Map()
	delete(schemas, "ErrorModel")
	delete(schemas, "ErrorDetail")
	spec, err := json.MarshalIndent(api.OpenAPI(), "", "  ")
	if err != nil {
		panic(err) // of a fixed value: a test would have seen it
	}
	return append(spec, '\n')
}

// ownProblem turns the errors that the library finds in a request into ours.
func ownProblem(_ huma.Context, _ string, v any) (any, error) {
	e, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	p := newProblem(e.Status, codeOf(e.Status), e.Detail)
	for _, one := range e.Errors {
		p.Errors = append(p.Errors, &ProblemError{Message: one.Message, Location: one.Location})
	}
	return p, nil
}

func codeOf(status int) Code {
	switch {
	case status == http.StatusUnauthorized:
		return CodeUnauthorized
	case status == http.StatusNotFound:
		return CodeNotFound
	case status >= http.StatusInternalServerError:
		return CodeInternal
	}
	return CodeInvalid
}
