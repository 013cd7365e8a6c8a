package cluster_test

import (
	"fmt"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
)

// counters are those that all servers agree on.
func (s *stage) counters() httpapi.Counters {
	s.t.Helper()
	var first httpapi.Counters
	s.eventually("all servers have counted the same", func() error {
		for i, server := range s.Run.Servers {
			st, err := s.Status(s.t.Context(), server.Name)
			if err != nil {
				return err
			}
			if i == 0 {
				first = st.Counters
			} else if st.Counters != first {
				return fmt.Errorf("%s has counted %+v, another one %+v", server.Name, st.Counters, first)
			}
		}
		return nil
	})
	return first
}

// buried waits until the dead-letter topic holds these records of the log, each
// once, with the reason.
func (s *stage) buried(reason domain.Defect, at ...domain.Position) {
	s.t.Helper()
	s.eventually("the records are dead letters", func() error {
		records, err := s.Records(s.t.Context(), domain.TopicDeadLetter)
		if err != nil {
			return err
		}
		held := make(map[domain.Position][]domain.DeadLetter)
		for _, r := range records[0] {
			if d, ok := r.Payload.(domain.DeadLetter); ok && r.Signed {
				held[d.Record] = append(held[d.Record], d)
			}
		}
		for _, p := range at {
			if len(held[p]) != 1 || held[p][0].Reason != reason || held[p][0].Topic != s.LogTopic() {
				return fmt.Errorf("of %s: %+v, want one with reason %s", p, held[p], reason)
			}
		}
		return nil
	})
}
