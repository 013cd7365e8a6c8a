package server

import (
	"context"
	"fmt"
	"time"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
	"github.com/understudy-io/understudy/domain/partition"
	"github.com/understudy-io/understudy/infra/clock"
)

// Status implements httpapi.Backend.
func (s *Server) Status(ctx context.Context) (httpapi.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	out := httpapi.Status{
		Landscape: s.options.Landscape,
		Valve:     where(s.options.Valve), ValveWhy: s.options.ValveWhy,
		Guarded: s.isGuarded(),
	}
	if !s.open.Load() && !s.standsIn.Load() { // nobody answers for it yet
		out.Server = httpapi.Self{
			Name: s.me(), Incarnation: s.options.Election.Incarnation, Role: httpapi.RoleSecondary, State: "starting",
			Reasons: []string{starting}, Build: s.options.Build, Time: time.Now(),
		}
		return out, nil
	}
	if err := s.core.call(ctx, func() { s.foldStatus(&out) }); err != nil {
		return out, fmt.Errorf("ask the fold: %w", err)
	}
	if err := s.control.ask(ctx, func(m *election.Server) { s.electionStatus(m, &out) }); err != nil {
		return out, fmt.Errorf("ask the election: %w", err)
	}
	if s.options.Checks != nil {
		out.Server.Checks = s.options.Checks()
	}
	return out, nil
}

// foldStatus runs in the core loop.
func (s *Server) foldStatus(out *httpapi.Status) {
	c := s.core
	var reasons []string
	for p, st := range c.machine.States() {
		out.ClockSuspect = out.ClockSuspect || st.ClockSuspect()
		out.Partitions = append(out.Partitions, httpapi.Partition{
			Partition: int32(p), Next: st.Next(), LogTime: st.LogTime().Time(), Epoch: st.Epoch(), Hash: st.Hash(),
		})
		n := st.Counters()
		out.Counters.Records += n.Records
		out.Counters.Accepted += n.Accepted
		out.Counters.Refused += n.Refused
		out.Counters.Duplicates += n.Duplicates
		out.Counters.Conflicts += n.Conflicts
		out.Counters.Misplaced += n.Misplaced
		out.Counters.Fenced += n.Fenced
		out.Counters.DeadLetters += n.Dead
		out.Counters.Foreign += n.Foreign
	}
	out.Server.LogAway = s.logAway()
	if s.standsIn.Load() {
		reasons = append(reasons, standing+ofThen(out.Server.LogAway))
	} else if !c.machine.CaughtUp() {
		reasons = append(reasons, "it has not yet read the log to its end")
	}
	if !c.machine.Informed() {
		reasons = append(reasons, "its state has not been compared yet with what the primary has said last")
	}
	if missing := c.machine.Missing(clock.Boot()); c.machine.CaughtUp() && len(missing) > 0 {
		reasons = append(reasons, fmt.Sprintf("it cannot read the log's partitions %v", missing))
	}
	if differs, right := c.machine.Differs(); differs {
		reason := "its state differs from the primary's at the same position"
		if right {
			reason += "; folded again, the log gives this state: the builds differ, or the primary is wrong"
		}
		reasons = append(reasons, reason)
	}
	if s.options.Unfit != "" {
		reasons = append(reasons, s.options.Unfit)
	}
	for _, device := range c.machine.Unconfigured() {
		reasons = append(reasons, fmt.Sprintf("the definition of device %s is not in the log yet", device))
	}
	out.Server.Reasons = reasons
	out.Revision = c.machine.ActiveRevision()
	if s.standsIn.Load() {
		out.Revision = max(out.Revision, s.keptNumber.Load())
	}
}

// logAway is since when this server has not seen the log; zero while it sees it, or where
// it has kept nothing of it. It runs in the core loop.
func (s *Server) logAway() time.Time {
	if since := s.control.away.Load(); since != nil {
		return *since
	}
	if !s.standsIn.Load() {
		return time.Time{}
	}
	newest := domain.Instant(0)
	for _, st := range s.core.machine.States() {
		newest = max(newest, st.LogTime())
	}
	if newest == 0 {
		return time.Time{}
	}
	return newest.Time()
}

// ofThen says of when something is.
func ofThen(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return "; the state of the devices is of " + t.Format(time.DateTime)
}

// electionStatus runs in the control loop.
func (s *Server) electionStatus(m *election.Server, out *httpapi.Status) {
	state := m.State()
	now := clock.Boot()
	holder, _, held := state.Holder()
	out.Epoch = state.Epoch()
	out.Next, _ = m.Next()
	if held && s.heard(m, holder) {
		out.Primary = holder
	}
	away := out.Server.LogAway
	if since := s.control.away.Load(); since != nil {
		out.Server.Reasons = append(out.Server.Reasons, "the log has not answered since "+since.Format(time.DateTime)+": what this server shows is of then")
	}
	s.decisionStatus(m, out)
	for _, member := range state.Members() {
		if member.Removed {
			continue
		}
		st := s.serverStatus(member, held && member.Name == holder, state.Epoch())
		if received, ok := m.LastHeard(member.Name); ok {
			st.LastHeard = httpapi.MillisecondsOf(now - received)
			if now-received > silentAfter {
				st.State, st.Ready = httpapi.StateSilent, false
			}
		}
		if st.Role == httpapi.RolePrimary {
			out.PrimaryAddress = member.Address
			out.LeaseTTL = httpapi.MillisecondsOf(state.TTL())
		}
		out.Servers = append(out.Servers, st)
		if member.Name == s.options.Election.Member {
			out.Server = httpapi.Self{
				Name: member.Name, Incarnation: s.options.Election.Incarnation, Role: st.Role, State: st.State,
				Ready: len(out.Server.Reasons) == 0 && !member.Quarantined, Reasons: out.Server.Reasons,
			}
		}
	}
	for _, member := range state.Former() {
		if !member.Removed {
			out.Former = append(out.Former, formerStatus(member))
		}
	}
	if out.Server.Name == "" {
		out.Server.Name = s.options.Election.Member
		out.Server.Incarnation = s.options.Election.Incarnation
		out.Server.Role, out.Server.State = httpapi.RoleSecondary, "joining"
		if s.standsIn.Load() {
			out.Server.State = "without a log"
		}
		why := "it has not joined yet"
		if refusal := m.Refusal(); refusal != "" {
			why = "it may not join: " + refusal
		}
		out.Server.Reasons = append(out.Server.Reasons, why)
	}
	if out.Server.Role == httpapi.RolePrimary && !s.core.acting.Load() {
		out.Server.Role, out.Server.State = httpapi.RoleSecondary, "opening"
		out.Server.Reasons = append(out.Server.Reasons, "it holds the epoch, and may not act yet or not at the moment")
		out.Server.Ready = false
	}
	out.Server.Build, out.Server.Time, out.Server.LogAway = s.options.Build, time.Now(), away
	if s.options.Signer != nil {
		out.Server.Signs = s.options.Signer.Verifiers()
	}
	s.revisionStatus(m, out)
}

// silentAfter is how long a member may say nothing until it is shown as silent.
const silentAfter = 2 * time.Second

// heard tells whether the holder gives signs of acting: this server by its own
// lease, another one by its heartbeats.
func (s *Server) heard(m *election.Server, holder string) bool {
	if holder == s.options.Election.Member {
		return s.Acting()
	}
	at, ok := m.LastHeard(holder)
	return ok && clock.Boot()-at <= silentAfter
}

func (s *Server) serverStatus(m election.Member, primary bool, epoch uint64) httpapi.ServerStatus {
	hb := m.LastHeartbeat
	st := httpapi.ServerStatus{
		Name: m.Name, Address: m.Address, Role: httpapi.RoleSecondary, State: "hot",
		Position: hb.Position, Lag: hb.Lag, HashOK: hb.Hash, Seniority: m.Joined,
		Uptime: httpapi.MillisecondsOf(hb.Uptime), Ready: m.Ready, Guarded: hb.Guarded, Incarnation: m.Incarnation,
		SyncMode: syncMode(m), Precedence: m.Precedence, Drained: m.Drained, DrainedBy: m.DrainedBy, Falls: m.Falls, Build: m.Build, Identity: m.Identity,
	}
	if hb.Counted {
		st.Missing = &hb.Missing
	}
	if st.HashOK != domain.HashOK && st.HashOK != domain.HashDiffers {
		st.HashOK = httpapi.HashUnknown
	}
	switch {
	case m.Quarantined:
		st.State = "quarantined"
	case primary:
		st.Role, st.State, st.Epoch = httpapi.RolePrimary, "primary", epoch
		st.HashOK = domain.HashOK
	case m.Died:
		st.State = "ended"
	case m.Drained:
		st.State = "drained"
	case !m.Ready:
		st.State = "catching up"
	}
	return st
}

// formerStatus is what is known of a server that has left.
func formerStatus(m election.Member) httpapi.FormerServer {
	out := httpapi.FormerServer{
		Name: m.Name, Address: m.Address, Build: m.Build, Position: m.LastHeartbeat.Position, Drained: m.Drained, DrainedBy: m.DrainedBy,
	}
	if m.LastAppended != 0 {
		out.LastHeard = m.LastAppended.Time()
	}
	return out
}

// syncMode is that of a member as it says itself; before it has said anything, or where
// it is not ready for another reason, it is not in sync.
func syncMode(m election.Member) int {
	mode := m.LastHeartbeat.Sync
	if !m.Ready {
		mode = max(mode, domain.CatchingUp)
	}
	return int(mode)
}

// decisionStatus tells what operators have decided.
func (s *Server) decisionStatus(m *election.Server, out *httpapi.Status) {
	if p, ok := m.State().Policy(); ok {
		out.Policy = &httpapi.Policy{
			Order: string(p.Order), Members: p.Members, FailBack: string(p.FailBack), MaxMembers: p.MaxMembers, By: p.By,
		}
		if p.FailBack == domain.FailBackAuto {
			out.Policy.HoldDown = p.HoldDown.String()
		}
	}
	if p := m.State().Paused(); p.On {
		out.Paused = &httpapi.Paused{By: p.By, Reason: p.Reason}
	}
	if f, ok := m.Favourite(); ok {
		out.FailBack = &httpapi.FailBack{To: f.Member, In: -1, Why: f.Why}
		if f.Due != election.Never {
			out.FailBack.In = max(0, httpapi.MillisecondsOf(f.Due-clock.Boot()))
		}
	}
}

// Acting says whether this server is the primary and may act at this moment.
func (s *Server) Acting() bool {
	return s.core.acting.Load() && s.lease.End() > clock.Boot()
}

func (s *Server) isGuarded() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.guarded
}

// Guarded tells the server that its guard is gone, or that another one has taken
// it on.
func (s *Server) Guarded(is bool) {
	s.mu.Lock()
	s.guarded = is
	s.mu.Unlock()
	if is {
		s.options.Logger.Warn("a new guard has taken this process on")
	} else {
		s.options.Logger.Warn("the guard is gone: if this process ends, the next takeover waits for the lease")
	}
	s.control.tell(election.Guarded{Is: is})
}

// Devices implements httpapi.Backend.
func (s *Server) Devices(ctx context.Context) ([]httpapi.Device, error) {
	var out []httpapi.Device
	err := s.core.call(ctx, func() {
		for _, st := range s.core.machine.States() {
			for _, d := range st.Devices() {
				out = append(out, s.device(st, d))
			}
		}
	})
	if err == nil && s.standsIn.Load() {
		out = s.keptDevices(out)
		for i := range out {
			disconnected(&out[i])
		}
	}
	sortDevices(out)
	return out, err
}

// disconnected is a device of a server without a log: whatever the fold knew, nobody here
// is connected to it.
func disconnected(d *httpapi.Device) {
	d.Connected, d.ConnectionDetail, d.ConnectionSince = false, "there is no log", time.Time{}
}

// Device implements httpapi.Backend.
func (s *Server) Device(ctx context.Context, id string) (httpapi.Device, error) {
	var out httpapi.Device
	var ok bool
	err := s.core.call(ctx, func() {
		st := s.core.machine.States()[domain.Partition(id, s.options.Partitions)]
		var d *partition.Device
		if d, ok = st.Device(id); ok {
			out = s.device(st, d)
		}
	})
	if err == nil && ok {
		s.nameHolders(ctx, &out)
		if s.standsIn.Load() {
			disconnected(&out)
		}
	}
	if err == nil && !ok && s.standsIn.Load() {
		for _, d := range s.keptDevices(nil) {
			if d.ID == id {
				return d, nil
			}
		}
	}
	if err == nil && !ok {
		err = fmt.Errorf("no device %q is configured; `understudy state list` shows those that are: %w", id, domain.ErrNotFound)
	}
	return out, err
}

// nameHolders says of each lock who holds it: the user or producer whose command
// took it, or another client of the device.
func (s *Server) nameHolders(ctx context.Context, d *httpapi.Device) {
	for i := range d.Cells {
		c := &d.Cells[i]
		if _, _, isLock := domain.LockOf(c.Target); !isLock || c.Reported == nil || *c.Reported == domain.LockOpen {
			continue
		}
		c.Holder = "another client of the device"
		if c.DesiredUID == "" || c.Desired == nil || *c.Desired != domain.LockOwned {
			continue
		}
		result, err := s.Command(ctx, d.ID, c.DesiredUID)
		if err != nil {
			continue
		}
		if c.Holder = result.User; c.Holder == "" {
			c.Holder = result.Source
		}
	}
}

func (s *Server) device(st *partition.State, d *partition.Device) httpapi.Device {
	out := httpapi.Device{
		LogAway: s.logAway(),
		ID:      d.ID(), Driver: d.Definition.Driver, Address: d.Definition.Address,
		Connected: d.Connected, ConnectionDetail: d.ConnectionDetail, ConnectionSince: d.ConnectionSince.Time(), Removed: d.Removed,
		Inputs: d.Definition.Inputs, Outputs: d.Definition.Outputs,
		Cells: []httpapi.Cell{}, Pending: []httpapi.Pending{}, Doubts: len(d.Doubts()),
		Position: domain.Position{Partition: st.Partition(), Offset: st.Next()},
		LogTime:  st.LogTime().Time(), Epoch: st.Epoch(), Server: s.options.Election.Member,
	}
	for _, c := range d.Cells() {
		cell := httpapi.Cell{Target: c.Target, Foreign: c.Foreign, DesiredUID: c.DesiredUID}
		if c.HasDesired {
			v := c.Desired
			cell.Desired, cell.Pending = &v, !c.Settled
		}
		if c.HasReported {
			v, at := c.Reported, c.ReportedAt
			cell.Reported, cell.ReportedAt = &v, &at
			cell.Age = httpapi.MillisecondsOf(st.LogTime().Sub(c.ReportedTime))
		}
		out.Cells = append(out.Cells, cell)
	}
	for _, p := range d.Pending() {
		wish, _ := httpapi.WishOf(p.Payload)
		out.Pending = append(out.Pending, httpapi.Pending{
			UID: p.UID, Wish: wish, Position: p.Command, Effect: p.Effect,
			Age:      httpapi.MillisecondsOf(st.LogTime().Sub(p.Appended)),
			ValidFor: httpapi.MillisecondsOf(p.ValidFor), Started: p.Started, User: p.User, Source: p.Source,
		})
	}
	return out
}
