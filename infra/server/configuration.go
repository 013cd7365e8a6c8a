package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/configuration"
	"github.com/understudy-io/understudy/domain/election"
	"github.com/understudy-io/understudy/domain/partition"
	"github.com/understudy-io/understudy/domain/server/core"
	"github.com/understudy-io/understudy/infra/config"
)

var _ httpapi.Configurator = (*Server)(nil)

// Configuration implements httpapi.Configurator.
func (s *Server) Configuration(ctx context.Context) (httpapi.Configuration, error) {
	var out httpapi.Configuration
	var keeper string
	err := s.core.call(ctx, func() {
		m := s.core.machine
		st := m.States()[domain.PartitionOfRevisions]
		out.Latest, out.Active, out.Applied = st.LatestRevision(), st.ActiveRevision(), m.AppliedRevision()
		for _, r := range slices.Backward(st.Revisions()) {
			out.Revisions = append(out.Revisions, revisionOf(r))
			if r.Number == out.Active {
				keeper = r.Keeper
			}
		}
	})
	if err != nil {
		return out, err
	}
	if s.standsIn.Load() {
		s.keptRevision(&out)
	}
	if primary, _ := s.holder(ctx); keeper != "" && primary != keeper {
		out.Locked = lockedBy(keeper, primary)
	}
	st, err := s.Status(ctx)
	for _, m := range st.Servers {
		out.Servers = append(out.Servers, httpapi.ServerRevision{Name: m.Name, Revision: m.Revision, Unapplied: m.Unapplied})
	}
	return out, err
}

func lockedBy(keeper, primary string) string {
	if primary == "" {
		primary = "nobody"
	}
	return fmt.Sprintf("%s is primary, and the configuration is changed while %s is: bring %s back (`understudy switchover --to %s`), "+
		"or say --override with a --comment; policy.allow_config_on_backup in the next revision lifts this for good", primary, keeper, keeper, keeper)
}

func revisionOf(r partition.Revision) httpapi.Revision {
	out := httpapi.Revision{
		Revision: r.Number, Parent: r.Parent, Hash: r.Hash, Size: r.Size, Author: r.Author, Comment: r.Comment, Server: r.Server,
		Published: r.Published.Time(), ActivatedBy: r.ActivatedBy, ActivatedEpoch: r.ActivatedIn, TookOver: r.TakeOver, ConfigPrimary: r.Keeper,
	}
	if r.Activated != 0 {
		out.Activated = r.Activated.Time()
	}
	return out
}

// revision finds a revision; 0 is the active one.
func (s *Server) revision(ctx context.Context, number uint64) (partition.Revision, error) {
	var r partition.Revision
	var ok bool
	s.awaitKnown(ctx, number)
	err := s.core.call(ctx, func() {
		st := s.core.machine.States()[domain.PartitionOfRevisions]
		if number == 0 {
			number = st.ActiveRevision()
		}
		r, ok = st.Revision(number)
	})
	if err == nil && !ok && number == 0 {
		return partition.Revision{}, nil
	}
	if err == nil && !ok {
		err = fmt.Errorf("there is no revision %d: `understudy config show` lists those that are remembered: %w", number, domain.ErrNotFound)
	}
	return r, err
}

// content is what a revision holds; of 0, where none is active, the devices of this
// server's own file.
func (s *Server) content(ctx context.Context, number uint64) (partition.Revision, *configuration.Configuration, error) {
	r, err := s.revision(ctx, number)
	if err != nil {
		return r, nil, err
	}
	if r.Number == 0 && s.standsIn.Load() {
		if r, c, err := s.keptContent(""); err == nil || errors.Is(err, domain.ErrCorrupt) {
			return r, c, err
		}
	}
	if r.Number == 0 {
		c := &configuration.Configuration{Devices: slices.Clone(s.options.Devices)}
		c.Sort()
		return r, c, nil
	}
	if s.standsIn.Load() {
		_, c, err := s.keptContent(r.Hash)
		return r, c, err
	}
	c, err := s.core.editions.get(ctx, r)
	return r, c, err
}

// Text implements httpapi.Configurator.
func (s *Server) Text(ctx context.Context, number uint64) (httpapi.RevisionText, error) {
	r, c, err := s.content(ctx, number)
	if err != nil {
		return httpapi.RevisionText{}, err
	}
	text, err := config.RenderLandscape(c)
	if err != nil {
		return httpapi.RevisionText{}, err
	}
	if r.Hash == "" {
		if _, r.Hash, err = codec.EncodeConfiguration(c); err != nil {
			return httpapi.RevisionText{}, err
		}
	}
	return httpapi.RevisionText{Revision: r.Number, Hash: r.Hash, Text: string(text)}, nil
}

// Differences implements httpapi.Configurator.
func (s *Server) Differences(ctx context.Context, from, to uint64) ([]configuration.Change, error) {
	_, before, err := s.content(ctx, from)
	if err != nil {
		return nil, err
	}
	_, after, err := s.content(ctx, to)
	if err != nil {
		return nil, err
	}
	return configuration.Diff(before, after), nil
}

// folded is the devices as the log has them at this moment.
func (s *Server) folded(ctx context.Context) (*configuration.Configuration, error) {
	c := new(configuration.Configuration)
	err := s.core.call(ctx, func() {
		for _, st := range s.core.machine.States() {
			for _, d := range st.Devices() {
				if !d.Removed {
					c.Devices = append(c.Devices, d.Definition)
				}
			}
		}
	})
	c.Sort()
	return c, err
}

// Preview implements httpapi.Configurator.
func (s *Server) Preview(ctx context.Context, number uint64) ([]configuration.Change, error) {
	_, c, err := s.content(ctx, number)
	if err != nil {
		return nil, err
	}
	have, err := s.folded(ctx)
	if err != nil {
		return nil, err
	}
	return configuration.Diff(have, &configuration.Configuration{Devices: c.Devices}), nil
}

// Drift implements httpapi.Configurator.
func (s *Server) Drift(ctx context.Context) (httpapi.Drift, error) {
	r, err := s.revision(ctx, 0)
	if err != nil {
		return httpapi.Drift{}, err
	}
	out := httpapi.Drift{Active: r.Number}
	if out.Changes, err = s.Preview(ctx, 0); err != nil {
		return out, err
	}
	if r.Number > 0 {
		out.Local, err = s.localDevices(ctx, r.Number)
	}
	return out, err
}

// localDevices tells of the devices in this server's own file, which do not count while
// a revision is active.
func (s *Server) localDevices(ctx context.Context, active uint64) ([]string, error) {
	if len(s.options.Devices) == 0 {
		return nil, nil
	}
	_, c, err := s.content(ctx, active)
	if err != nil {
		return nil, err
	}
	own := &configuration.Configuration{Devices: slices.Clone(s.options.Devices)}
	own.Sort()
	otherwise := "all as the revision has them"
	if n := len(configuration.Diff(own, &configuration.Configuration{Devices: c.Devices})); n > 0 {
		otherwise = fmt.Sprintf("%d otherwise than the revision", n)
	}
	return []string{fmt.Sprintf("the file of server %s holds %d devices, %s: they do not count while revision %d is active; take them out",
		s.options.Election.Member, len(own.Devices), otherwise, active)}, nil
}

// Publish implements httpapi.Configurator.
func (s *Server) Publish(ctx context.Context, user string, p httpapi.Publication) (httpapi.Revised, error) {
	c, from, err := s.wanted(ctx, p)
	if err != nil {
		return httpapi.Revised{}, err
	}
	if err := s.unseen(ctx, p.IfMatch); err != nil {
		return httpapi.Revised{}, err // before ten thousand devices are written into the log
	}
	if p.TakeOver {
		if err := s.mayTransfer(ctx); err != nil {
			return httpapi.Revised{}, err
		}
	}
	if keeper := c.Policy.Keeper(); keeper != "" && !p.Override {
		if err := s.knowsKeeper(ctx, keeper); err != nil {
			return httpapi.Revised{}, err
		}
	}
	encoded, hash, err := codec.EncodeConfiguration(c)
	if err != nil {
		return httpapi.Revised{}, err
	}
	parts := from.Parts
	if from.Hash != hash {
		if parts, err = s.appendParts(ctx, user, encoded); err != nil {
			return httpapi.Revised{}, err
		}
	}
	published := domain.Published{
		Revision: p.IfMatch + 1, Parent: p.IfMatch, Hash: hash, Size: int64(len(encoded)), Parts: parts, Comment: p.Comment,
		Server: s.options.Election.Member, Activate: p.Activate, Keeper: c.Policy.Keeper(), Override: p.Override,
	}
	if p.TakeOver {
		published.TakeOver = s.options.Election.Member
	}
	s.core.editions.keep(hash, c)
	out, err := s.revise(ctx, user, func(epoch uint64, primary string) domain.Payload {
		published.Epoch, published.Primary = epoch, primary
		return published
	})
	if stale := s.unseen(ctx, p.IfMatch); errors.Is(err, errStale) && stale != nil {
		err = stale
	}
	if err != nil {
		return out, err
	}
	out.Revision, out.Active = published.Revision, published.Activate
	if published.Activate {
		out.Applied, out.Waiting = s.awaitApplied(ctx, published.Revision)
	}
	if p.TakeOver {
		move, err := s.transferred(ctx, user, published)
		if err != nil {
			return out, fmt.Errorf("revision %d is active, and the takeover did not follow: %w", out.Revision, err)
		}
		out.Move = move
	}
	return out, nil
}

// wanted is the content of a new revision, and where it is taken from.
func (s *Server) wanted(ctx context.Context, p httpapi.Publication) (*configuration.Configuration, partition.Revision, error) {
	var r partition.Revision
	var c *configuration.Configuration
	var err error
	if p.Running || p.From > 0 {
		if r, c, err = s.content(ctx, p.From); err != nil {
			return c, r, err
		}
	} else if c, err = config.ParseLandscape([]byte(p.Text)); err != nil {
		return nil, r, faulty(err)
	}
	if err := errors.Join(config.Spread(c.Devices, s.options.Partitions)...); err != nil {
		return nil, r, faulty(err)
	}
	return c, r, nil
}

func faulty(err error) error {
	out := new(httpapi.FaultyConfiguration)
	for _, f := range config.Faults(err) {
		location := f.Path
		if f.Line > 0 {
			location = fmt.Sprintf("line %d: %s", f.Line, f.Path)
		}
		out.Faults = append(out.Faults, &httpapi.ProblemError{Message: f.Message, Location: location})
	}
	return out
}

// unseen is the conflict of somebody who has not seen the newest revision.
func (s *Server) unseen(ctx context.Context, seen uint64) error {
	s.awaitKnown(ctx, seen)
	var latest partition.Revision
	if err := s.core.call(ctx, func() {
		st := s.core.machine.States()[domain.PartitionOfRevisions]
		latest, _ = st.Revision(st.LatestRevision())
	}); err != nil || latest.Number == seen {
		return err
	}
	if latest.Number < seen {
		return fmt.Errorf("there is no revision %d, the newest is %d: `understudy config show` lists them: %w", seen, latest.Number, domain.ErrNotFound)
	}
	stale := &httpapi.StaleRevision{Seen: seen, Latest: latest.Number, Author: latest.Author}
	if changes, err := s.Differences(ctx, seen, latest.Number); err == nil {
		stale.Changes = changes
	}
	return stale
}

// appendParts writes what a revision holds, and gives where it stands.
func (s *Server) appendParts(ctx context.Context, user string, encoded []byte) ([]int64, error) {
	var at []int64
	for n := 0; len(encoded) > 0; n++ {
		size := min(len(encoded), domain.MaxRevisionPart)
		m, err := s.encodeRevision(user, uuid.NewString(), domain.RevisionPart{Number: n, Bytes: encoded[:size]})
		if err != nil {
			return nil, err
		}
		position, err := s.appendOnce(ctx, domain.PartitionOfRevisions, m)
		if err != nil {
			return nil, fmt.Errorf("append part %d of the configuration, nothing is published: %w", n, err)
		}
		at, encoded = append(at, position.Offset), encoded[size:]
	}
	return at, nil
}

func (s *Server) encodeRevision(user, uid string, p domain.Payload) (domain.Message, error) {
	return s.options.Codec.Encode(domain.TopicLog, domain.PartitionOfRevisions, domain.Record{
		Type: p.Type(), UID: uid, Subject: domain.SubjectOfRevisions, User: user,
		Source: domain.ServerSource(s.options.Election.Member), Created: domain.InstantOf(time.Now()), Payload: p,
	})
}

// Activate implements httpapi.Configurator.
func (s *Server) Activate(ctx context.Context, user string, a httpapi.Activation) (httpapi.Revised, error) {
	out, err := s.revise(ctx, user, func(epoch uint64, primary string) domain.Payload {
		return domain.Activated{
			Revision: a.Revision, Comment: a.Comment, Server: s.options.Election.Member, Epoch: epoch, Primary: primary, Override: a.Override,
		}
	})
	if errors.Is(err, errStale) {
		err = fmt.Errorf("a newer revision than %d, or this one itself, is active: to go back, publish what it holds anew, with `understudy config rollback --to %d`: %w", a.Revision, a.Revision, domain.ErrConflict)
	}
	if err != nil {
		return out, err
	}
	out.Revision, out.Active = a.Revision, true
	out.Applied, out.Waiting = s.awaitApplied(ctx, a.Revision)
	return out, nil
}

var errStale = fmt.Errorf("there is a newer revision: %w", domain.ErrConflict)

// reviseTries is how often a change is tried that meets a move of primacy.
const reviseTries = 5

// revise appends a change of the configuration, and waits for what the fold makes of
// it. Under whom it is asked for stands in it, and counts.
func (s *Server) revise(ctx context.Context, user string, payload func(epoch uint64, primary string) domain.Payload) (httpapi.Revised, error) {
	for try := 1; ; try++ {
		var epoch uint64
		if err := s.core.call(ctx, func() { epoch = s.core.machine.States()[domain.PartitionOfRevisions].Epoch() }); err != nil {
			return httpapi.Revised{}, err
		}
		primary, _ := s.holder(ctx)
		change, err := s.appendRevision(ctx, user, payload(epoch, primary))
		out := httpapi.Revised{Position: change.Position}
		switch {
		case err != nil:
			return out, err
		case change.Verdict == partition.Applied:
			return out, nil
		case change.Reason == domain.ReasonEpochMoved && try < reviseTries:
		case change.Reason == domain.ReasonEpochMoved:
			return out, fmt.Errorf("primacy moves again and again, so nothing was changed: try again when it has settled: %w", domain.ErrTransient)
		case change.Reason == domain.ReasonConfigLocked:
			v, err := s.Configuration(ctx)
			return out, errors.Join(fmt.Errorf("%s: %w", strings.TrimSuffix(v.Locked, "\n"), httpapi.ErrConfigLocked), err)
		case change.Reason == domain.ReasonStaleRevision:
			return out, errStale
		case change.Reason == domain.ReasonUnknownRevision:
			return out, fmt.Errorf("there is no such revision: `understudy config show` lists those that are remembered: %w", domain.ErrNotFound)
		default:
			return out, fmt.Errorf("the log holds the change, and it does not count: %s %s: %w", change.Verdict, change.Defect, domain.ErrInvalid)
		}
	}
}

func (s *Server) appendRevision(ctx context.Context, user string, p domain.Payload) (partition.Change, error) {
	uid := uuid.NewString()
	m, err := s.encodeRevision(user, uid, p)
	if err != nil {
		return partition.Change{}, err
	}
	var one *waiter
	if err := s.core.call(ctx, func() { one = s.core.waiters.add(domain.SubjectOfRevisions, uid) }); err != nil {
		return partition.Change{}, err
	}
	defer s.core.later(func() { s.core.waiters.drop(one) })
	if _, err := s.appendOnce(ctx, domain.PartitionOfRevisions, m); err != nil {
		return partition.Change{}, fmt.Errorf("append %s: %w", p.Type(), err)
	}
	select {
	case change := <-one.done:
		return change, nil
	case <-ctx.Done():
		return partition.Change{}, fmt.Errorf("the change is in the log, and this server has not read it yet: %w: %w", domain.ErrUnknownFate, ctx.Err())
	}
}

// knownWithin is how far a server may be behind another one through which a revision
// has just been published.
const knownWithin = time.Second

// awaitKnown waits until this server has read that a revision was published.
func (s *Server) awaitKnown(ctx context.Context, revision uint64) {
	ctx, cancel := context.WithTimeout(ctx, knownWithin)
	defer cancel()
	s.awaitRevision(ctx, func(m *core.Machine) bool {
		return m.States()[domain.PartitionOfRevisions].LatestRevision() >= revision
	})
}

// appliedWithin is how long a caller waits until all devices, and all servers, have a
// revision.
const appliedWithin = 5 * time.Second

// awaitApplied waits until all devices have a revision, as this server has folded, and
// each server that is heard has said that it has gone over to it. It tells who has not,
// heard or not.
func (s *Server) awaitApplied(ctx context.Context, revision uint64) (applied bool, waiting []string) {
	ctx, cancel := context.WithTimeout(ctx, appliedWithin)
	defer cancel()
	if !s.awaitRevision(ctx, func(m *core.Machine) bool { return m.AppliedRevision() >= revision }) {
		return false, nil
	}
	var heard, silent []string
	s.control.until(ctx, s.change, func(m *election.Server) bool {
		heard, silent = s.waiting(m, revision)
		return len(heard) == 0
	})
	return true, append(heard, silent...)
}

func (s *Server) awaitRevision(ctx context.Context, done func(*core.Machine) bool) bool {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		var is bool
		if err := s.core.call(ctx, func() { is = done(s.core.machine) }); err != nil || is {
			return err == nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
}

// knowsKeeper refuses a configuration that only a server could change that there is not.
func (s *Server) knowsKeeper(ctx context.Context, keeper string) error {
	known := false
	err := s.control.ask(ctx, func(m *election.Server) { _, known = m.State().Member(keeper) })
	if err == nil && !known {
		err = fmt.Errorf("policy.config_primary is %s, and there is no server of that name (`understudy cluster status` shows them): nobody could change the configuration afterwards; mend it, or give --override if it is to join later: %w",
			keeper, domain.ErrConflict)
	}
	return err
}

// mayTransfer says, before a revision is published, why the takeover could not follow.
func (s *Server) mayTransfer(ctx context.Context) error {
	var refusal error
	err := s.control.ask(ctx, func(m *election.Server) {
		if m.Hindrance(s.me()) != election.HinderedHolds {
			refusal = s.unforceable(m, s.me())
		}
	})
	return errors.Join(err, refusal)
}

// transferred waits for the takeover that a revision of this server's asks for.
func (s *Server) transferred(ctx context.Context, user string, p domain.Published) (*httpapi.Move, error) {
	var holder string
	if err := s.control.ask(ctx, func(m *election.Server) { holder, _, _ = m.State().Holder() }); err != nil {
		return nil, err
	}
	if holder == s.options.Election.Member {
		return &httpapi.Move{From: holder, To: holder, Epoch: p.Epoch}, nil
	}
	move, err := s.Takeover(ctx, user, fmt.Sprintf("transfer of configuration revision %d: %s", p.Revision, p.Comment), s.options.Election.Member)
	return &move, err
}
