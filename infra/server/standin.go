package server

import (
	"cmp"
	"context"
	"fmt"

	"github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/configuration"
	"github.com/understudy-io/understudy/domain/election"
	"github.com/understudy-io/understudy/domain/partition"
	"github.com/understudy-io/understudy/domain/server/control"
	"github.com/understudy-io/understudy/domain/server/core"
	"github.com/understudy-io/understudy/infra/config"
)

// standing is what a server without a log shows.
const standing = "there is no log: what is shown is what this machine has kept, of when it was last at work; nothing can be changed, and nothing is done"

// starting is what a server shows that does not know yet whether there is a log.
const starting = "this server is just starting: nothing can be changed through it yet; try again in a moment, or through another server"

// StandIn answers for a server whose log does not answer yet, from what this machine has
// kept: the newest snapshot, and the configuration that it has gone over to last. It joins
// nothing, opens no device and acts on nothing. It ends with ctx; Run comes after it.
func (s *Server) StandIn(ctx context.Context) {
	states, _ := s.loadSnapshot()
	s.core.machine = core.New(core.Config{
		Server: s.options.Election.Member, Incarnation: s.options.Election.Incarnation,
	}, states)
	e := election.NewServer(s.options.Election)
	s.control.machine = control.New(control.Config{
		Landscape: s.options.Landscape, Server: s.options.Election.Member, Incarnation: s.options.Election.Incarnation,
	}, e)
	if kept, _, err := s.keptContent(""); err != nil {
		s.options.Logger.Warn("there is no log, and no configuration that this machine has kept to show", "cause", err)
	} else {
		s.keptNumber.Store(kept.Number)
		s.options.Logger.Warn("there is no log; this server shows what this machine has kept", "revision", kept.Number)
	}
	s.standsIn.Store(true)
	defer s.standsIn.Store(false)
	for {
		select {
		case <-s.core.calls.ready:
			for _, f := range s.core.calls.take() {
				f()
			}
		case <-s.control.asks.ready:
			for _, f := range s.control.asks.take() {
				f(e)
			}
		case <-ctx.Done():
			return
		}
	}
}

// Closed says why nothing can be changed through this server; nil if it can. It is asked in
// the loop that carries a change out, too: what was asked for before there was one waits
// for whoever comes first, and that may be StandIn.
func (s *Server) Closed() error {
	switch {
	case s.standsIn.Load():
		return fmt.Errorf("%s: %w", standing, httpapi.ErrNoPrimary)
	case !s.open.Load():
		return fmt.Errorf("%s: %w", starting, domain.ErrTransient)
	}
	return nil
}

// keptContent is what this machine's file holds, of a revision, or of any where hash is
// empty.
func (s *Server) keptContent(hash string) (partition.Revision, *configuration.Configuration, error) {
	none := partition.Revision{}
	if s.options.Kept == nil {
		return none, nil, fmt.Errorf("no configuration is kept here: %w", domain.ErrNotFound)
	}
	text, err := s.options.Kept.Load(config.MaxLandscapeFile)
	if err != nil {
		return none, nil, err
	}
	b, err := config.ReadBundle(text)
	if err == nil && (b.Landscape != s.options.Landscape || b.Hash != cmp.Or(hash, b.Hash)) {
		err = fmt.Errorf("the kept configuration is revision %d of landscape %s: %w", b.Revision, b.Landscape, domain.ErrNotFound)
	}
	if err != nil {
		return none, nil, err
	}
	c, err := config.ParseLandscape(text)
	if err != nil {
		return none, nil, err
	}
	if _, is, err := codec.EncodeConfiguration(c); err != nil || is != b.Hash {
		return none, nil, fmt.Errorf("the kept configuration says that it is revision %d, and was changed since: its content does not have the hash of its first line: %w", b.Revision, domain.ErrCorrupt)
	}
	return partition.Revision{Number: b.Revision, Hash: b.Hash, ActivatedIn: b.Epoch}, c, nil
}

// keptRevision has the answer name the revision that this machine has kept, where it is a
// later one than its snapshot knows.
func (s *Server) keptRevision(out *httpapi.Configuration) {
	r, _, err := s.keptContent("")
	if err != nil || r.Number <= out.Active {
		return
	}
	out.Active, out.Applied, out.Latest = r.Number, r.Number, max(out.Latest, r.Number)
	out.Revisions = append([]httpapi.Revision{revisionOf(r)}, out.Revisions...)
}

// keptDevices adds the devices of the kept configuration that no snapshot knows: of them
// there is nothing to show but that they are there.
func (s *Server) keptDevices(known []httpapi.Device) []httpapi.Device {
	_, c, err := s.keptContent("")
	if err != nil {
		return known
	}
	have := make(map[string]bool, len(known))
	for _, d := range known {
		have[d.ID] = true
	}
	for _, d := range c.Devices {
		if !have[d.Device] {
			known = append(known, httpapi.Device{ID: d.Device, Driver: d.Driver, Address: d.Address, Inputs: d.Inputs, Outputs: d.Outputs})
		}
	}
	return known
}
