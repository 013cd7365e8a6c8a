package server_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/server"
)

// V6, V26, V27: a parameter is the same at every server, primary or not, with its age and
// where it was reported; it follows a takeover, and a change by hand too.
func TestAParameterIsTheSameAtEveryServerAndFollowsATakeover(t *testing.T) {
	s := newStage(t)
	levelled := func(o *server.Options) {
		gate := &o.Devices[1]
		gate.PollEvery = 50 * time.Millisecond
		gate.Verbs = append(gate.Verbs, domain.Verb{
			Name: "set-level", Effect: domain.Absolute, Method: "PUT", URL: "/parameters/level", Body: `{"value": {{json .level}}}`,
			Args: []string{"level"}, Target: "level", Value: "level", ReadURL: "/parameters/level", ReadAt: "/value",
		})
	}
	a, b := s.startWith("A", levelled), s.startWith("B", levelled)
	shows := func(want string, epochAbove uint64) (epoch uint64) {
		t.Helper()
		for _, m := range []*member{a, b} {
			s.eventually("shows the parameter", func() error {
				d, err := m.Device(s.ctx, "gate-1")
				if err != nil {
					return err
				}
				epoch = d.Epoch
				for _, c := range d.Cells {
					if c.Target == domain.ParameterTarget("level") && c.Reported != nil && *c.Reported == want && c.ReportedAt != nil && c.Age >= 0 && d.Epoch > epochAbove && d.Connected {
						return nil
					}
				}
				return fmt.Errorf("%s shows %+v in epoch %d", m.name, d.Cells, d.Epoch)
			})
		}
		return epoch
	}
	first := s.primary(a, b)
	other := a
	if first == a {
		other = b
	}
	if r := s.submit(other, "gate-1", "u1", domain.Invoke{Verb: "set-level", Args: map[string]string{"level": "7"}}); r.Outcome != domain.Confirmed {
		t.Fatalf("through the secondary it ended %s %s", r.Outcome, r.Detail)
	}
	epoch := shows("7", 0)
	_, err := first.Switchover(s.ctx, "ann", other.name)
	must(t, err)
	shows("7", epoch)
	must(t, s.gate.Set("level", "9"))
	shows("9", epoch)
}
