package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/configuration"
)

// Configurator is the landscape's configuration, as a server has it.
type Configurator interface {
	// Configuration tells the revisions, and how far the devices are.
	Configuration(ctx context.Context) (Configuration, error)
	// Text gives what a revision holds, as YAML; 0 is the active one.
	Text(ctx context.Context, revision uint64) (RevisionText, error)
	// Publish makes the next revision of a text, or of what another one holds.
	Publish(ctx context.Context, user string, p Publication) (Revised, error)
	// Activate has the landscape go over to a revision.
	Activate(ctx context.Context, user string, a Activation) (Revised, error)
	// Differences tells what changes from one revision to the other.
	Differences(ctx context.Context, from, to uint64) ([]configuration.Change, error)
	// Preview tells what a revision would change on the devices as they are now.
	Preview(ctx context.Context, revision uint64) ([]configuration.Change, error)
	// Drift tells where the devices are not as the active revision says.
	Drift(ctx context.Context) (Drift, error)
}

// Configuration is the landscape's, by its revisions.
type Configuration struct {
	Latest    uint64           `json:"latest" doc:"Number of the newest revision; 0 if there is none"`
	Active    uint64           `json:"active" doc:"Number of the one that the landscape is to have; 0: the servers' own files say what devices there are"`
	Applied   uint64           `json:"applied" doc:"The one that all devices have"`
	Locked    string           `json:"locked,omitempty" doc:"Why the configuration cannot be changed at the moment, and what lifts that"`
	Servers   []ServerRevision `json:"servers" nullable:"false" doc:"Which revision each server has gone over to"`
	Revisions []Revision       `json:"revisions" nullable:"false" doc:"Those that are remembered, the newest first"`
}

// ServerRevision is how far a server is with the configuration.
type ServerRevision struct {
	Name      string `json:"name"`
	Revision  uint64 `json:"revision" doc:"The last one that it has gone over to, by its own word; 0 for none since it started"`
	Unapplied string `json:"unapplied,omitempty" doc:"Why it has not gone over to the active one, though it should have by now"`
}

// Revision is one revision without what it holds.
type Revision struct {
	Revision       uint64    `json:"revision"`
	Parent         uint64    `json:"parent"`
	Hash           string    `json:"hash" doc:"SHA-256 of its encoding"`
	Size           int64     `json:"size" doc:"Bytes of its encoding"`
	Author         string    `json:"author"`
	Comment        string    `json:"comment,omitempty"`
	Server         string    `json:"server" doc:"Through which it came"`
	Published      time.Time `json:"published"`
	Activated      time.Time `json:"activated,omitzero"`
	ActivatedBy    string    `json:"activated_by,omitempty"`
	ActivatedEpoch uint64    `json:"activated_epoch,omitempty"`
	TookOver       string    `json:"took_over,omitempty" doc:"The server that was to act from then on"`
	ConfigPrimary  string    `json:"config_primary,omitempty" doc:"The server that has to be primary for changes while this one is active"`
}

// RevisionText is what a revision holds.
type RevisionText struct {
	Revision uint64 `json:"revision" doc:"0: from the answering server's own file"`
	Hash     string `json:"hash"`
	Text     string `json:"text" doc:"YAML"`
}

// Publication asks for a new revision.
type Publication struct {
	Text     string `json:"text,omitempty" doc:"YAML: devices, ports, panels, mappings, policy"`
	From     uint64 `json:"from,omitempty" doc:"Instead of a text: a revision whose content it is to have, for a rollback"`
	Running  bool   `json:"running,omitempty" doc:"Instead of a text: what the answering server has now"`
	Comment  string `json:"comment,omitempty" maxLength:"1024" doc:"Kept in the log"`
	Activate bool   `json:"activate,omitempty" doc:"In the same step"`
	TakeOver bool   `json:"take_over,omitempty" doc:"In the same step the answering server becomes the primary; needs activate and a comment"`
	Override bool   `json:"override,omitempty" doc:"Also while the configuration is locked; needs a comment"`
	// IfMatch is the newest revision that the author has seen.
	IfMatch uint64 `json:"-"`
}

// Activation asks to go over to a revision.
type Activation struct {
	Revision uint64 `json:"revision" minimum:"1"`
	Comment  string `json:"comment,omitempty" maxLength:"1024" doc:"Kept in the log"`
	Override bool   `json:"override,omitempty" doc:"Also while the configuration is locked; needs a comment"`
}

// Revised is what came of a change.
type Revised struct {
	Revision uint64          `json:"revision"`
	Active   bool            `json:"active"`
	Applied  bool            `json:"applied" doc:"All devices have it already"`
	Waiting  []string        `json:"waiting,omitempty" doc:"Servers that have not said yet that they have gone over to it"`
	Position domain.Position `json:"position" doc:"Where the record stands"`
	Move     *Move           `json:"move,omitempty"`
}

// Drift is where things are not as the active revision says.
type Drift struct {
	Active  uint64                 `json:"active"`
	Changes []configuration.Change `json:"changes" nullable:"false" doc:"What would have to change; empty is as it should be"`
	Local   []string               `json:"local" nullable:"false" doc:"What the answering server's own file holds that does not count"`
}

// StaleRevision is the error of a writer who has not seen the newest revision.
//
//nolint:errname // named like its reason, stale_revision
type StaleRevision struct {
	Seen, Latest uint64
	Author       string
	Changes      []configuration.Change // from what was seen to the newest
}

func (e *StaleRevision) Error() string {
	return fmt.Sprintf("revision %d is the newest, published by %s, and you have seen %d: look at the difference, put your changes on top of it, and publish with --if-match %d",
		e.Latest, e.Author, e.Seen, e.Latest)
}

func (e *StaleRevision) Unwrap() error { return domain.ErrConflict }

// FaultyConfiguration is the error of a configuration with faults.
//
//nolint:errname // it is a list of them
type FaultyConfiguration struct{ Faults []*ProblemError }

func (e *FaultyConfiguration) Error() string {
	if len(e.Faults) == 1 {
		return "the configuration has a fault, and nothing was published"
	}
	return fmt.Sprintf("the configuration has %d faults, and nothing was published", len(e.Faults))
}

func (e *FaultyConfiguration) Unwrap() error { return domain.ErrInvalid }

// MaxConfiguration bounds a request that carries a configuration.
const MaxConfiguration = 20 << 20

// configurationLimit bounds the work on one.
const configurationLimit = 20 * time.Second

func (r *routes) configuration(c Configurator) {
	register(r, r.operation("get-configuration", http.MethodGet, "/api/v1/configuration",
		"The landscape's configuration", "Its revisions, which one is active, and which one the devices have."),
		func(ctx context.Context, _ *none) (*body[Configuration], error) {
			ctx, cancel := context.WithTimeout(ctx, answerLimit)
			defer cancel()
			v, err := c.Configuration(ctx)
			v.Revisions, v.Servers = notNil(v.Revisions), notNil(v.Servers)
			return answer(v, r.readFailed(err))
		})
	register(r, r.operation("get-revision", http.MethodGet, "/api/v1/configuration/revisions/{revision}",
		"What a revision holds", "As YAML. 0 is the active one, or where there is none what the answering server's file says."),
		func(ctx context.Context, in *struct {
			Revision uint64 `path:"revision"`
		}) (*body[RevisionText], error) {
			ctx, cancel := context.WithTimeout(ctx, configurationLimit)
			defer cancel()
			v, err := c.Text(ctx, in.Revision)
			return answer(v, r.readFailed(err))
		})
	register(r, r.operation("diff-revisions", http.MethodGet, "/api/v1/configuration/diff",
		"What changes from one revision to another", ""),
		func(ctx context.Context, in *struct {
			From uint64 `query:"from"`
			To   uint64 `query:"to"`
		}) (*body[[]configuration.Change], error) {
			ctx, cancel := context.WithTimeout(ctx, configurationLimit)
			defer cancel()
			v, err := c.Differences(ctx, in.From, in.To)
			return answer(notNil(v), r.readFailed(err))
		})
	register(r, r.operation("preview-revision", http.MethodGet, "/api/v1/configuration/preview",
		"What a revision would change on the devices", "It is applied to what this server has folded, beside the running state; nothing is changed."),
		func(ctx context.Context, in *struct {
			Revision uint64 `query:"revision"`
		}) (*body[[]configuration.Change], error) {
			ctx, cancel := context.WithTimeout(ctx, configurationLimit)
			defer cancel()
			v, err := c.Preview(ctx, in.Revision)
			return answer(notNil(v), r.readFailed(err))
		})
	register(r, r.operation("get-drift", http.MethodGet, "/api/v1/configuration/drift",
		"Where the devices are not as the active revision says", ""),
		func(ctx context.Context, _ *none) (*body[Drift], error) {
			ctx, cancel := context.WithTimeout(ctx, configurationLimit)
			defer cancel()
			v, err := c.Drift(ctx)
			v.Changes, v.Local = notNil(v.Changes), notNil(v.Local)
			return answer(v, r.readFailed(err))
		})
	r.revising(c)
}

// revising registers what changes the configuration.
func (r *routes) revising(c Configurator) {
	publish := r.operation("publish-revision", http.MethodPost, "/api/v1/configuration/revisions",
		"Publish a revision", "If-Match names the newest revision that its author has seen; 0 if there was none. A stale one is answered with conflict and the difference. "+
			"All faults are told together. With activate, and take_over, it is one step, and one record of the log.")
	publish.MaxBodyBytes, publish.BodyReadTimeout = MaxConfiguration, configurationLimit
	register(r, publish, func(ctx context.Context, in *struct {
		IfMatch string `header:"If-Match" required:"true" doc:"Number of a revision"`
		Body    Publication
	}) (*body[Revised], error) {
		p := in.Body
		var err error
		if p.IfMatch, err = strconv.ParseUint(strings.Trim(in.IfMatch, `"`), 10, 64); err != nil {
			return nil, r.fail(invalid("If-Match %q: give the number of the newest revision that you have seen, or 0", in.IfMatch))
		}
		if err := p.check(); err != nil {
			return nil, r.fail(err)
		}
		ctx, cancel := context.WithTimeout(ctx, configurationLimit)
		defer cancel()
		v, err := c.Publish(ctx, userOf(ctx), p)
		return answer(v, asError(r.fail(err)))
	})
	register(r, r.operation("activate-revision", http.MethodPost, "/api/v1/configuration/activate",
		"Go over to a revision", "All servers do so at the same position of the log. It is never an older one: roll back by publishing what it holds anew."),
		func(ctx context.Context, in *struct{ Body Activation }) (*body[Revised], error) {
			if in.Body.Override && in.Body.Comment == "" {
				return nil, r.fail(errNoComment("override"))
			}
			ctx, cancel := context.WithTimeout(ctx, configurationLimit)
			defer cancel()
			v, err := c.Activate(ctx, userOf(ctx), in.Body)
			return answer(v, asError(r.fail(err)))
		})
}

func (p *Publication) check() error {
	given := 0
	for _, is := range []bool{p.Text != "", p.From != 0, p.Running} {
		if is {
			given++
		}
	}
	switch {
	case given == 0:
		return invalid("the configuration is empty, and nothing was published: give it as text (YAML with devices, ports, panels, mappings or policy), " +
			"or instead of it from, the number of a revision, or running")
	case given > 1:
		return invalid("text, from and running are three ways to say what is published, and here are %d of them: give one", given)
	case p.TakeOver && !p.Activate:
		return invalid("take_over needs activate")
	case p.TakeOver && p.Comment == "":
		return errNoComment("take_over")
	case p.Override && p.Comment == "":
		return errNoComment("override")
	}
	return nil
}

func errNoComment(what string) error {
	return invalid("%s needs a comment: say why, it is kept in the log", what)
}
