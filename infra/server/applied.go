package server

import (
	"strings"

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
		if st.Unapplied != "" && st.Name == s.me() {
			out.Server.Reasons = append(out.Server.Reasons, public(st.Unapplied, said.Failure))
			out.Server.Ready = false
		}
	}
}

// public is a reason that everybody may read: why a server cannot may name its folders.
func public(reason, failure string) string {
	if text, ends := strings.CutSuffix(reason, failure); ends && failure != "" {
		return text + "`understudy config show` says why"
	}
	return reason
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
