package server

import (
	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain/election"
	"github.com/understudy-io/understudy/infra/clock"
	"github.com/understudy-io/understudy/projections/checkup"
)

// revisionStatus tells which members have gone over to the active revision, by their own
// words in control.
func (s *Server) revisionStatus(m *election.Server, out *httpapi.Status) {
	waited := clock.Boot() - s.core.activeSince()
	for i := range out.Servers {
		st := &out.Servers[i]
		member, ok := m.State().Member(st.Name)
		if !ok {
			continue
		}
		said := member.Acknowledged
		st.Revision = member.Applied
		if member.Died {
			continue // it says nothing any more, and comes back as another process
		}
		st.Unapplied = checkup.Unapplied(st.Name, out.Revision, said, min(waited, member.LastHeartbeat.Uptime))
		if st.Unapplied != "" && st.Name == s.options.Election.Member {
			// Reasons are for everybody, and what a server cannot may name its folders.
			public := said
			if public.Failure != "" {
				public.Failure = "`understudy config show` says why"
			}
			out.Server.Reasons = append(out.Server.Reasons, checkup.Unapplied(st.Name, out.Revision, public, min(waited, member.LastHeartbeat.Uptime)))
			out.Server.Ready = false
		}
	}
}

// waiting are the servers that have not gone over to a revision; of those that are not
// heard nobody knows when they will.
func (s *Server) waiting(m *election.Server, revision uint64) (heard, silent []string) {
	for _, member := range m.State().Members() {
		said := member.Acknowledged
		if member.Removed || member.Died || said.Revision > revision || said.Revision == revision && said.Failure == "" {
			continue
		}
		if received, ok := m.LastHeard(member.Name); ok && clock.Boot()-received <= silentAfter {
			heard = append(heard, member.Name)
		} else {
			silent = append(silent, member.Name)
		}
	}
	return heard, silent
}
