package timeline_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/projections/timeline"
)

var began = domain.InstantOf(time.Date(2026, 3, 1, 20, 14, 7, 0, time.UTC))

func control(ms int, who string, p domain.Payload) domain.Record {
	return domain.Record{Appended: began.Add(time.Duration(ms) * time.Millisecond), Type: p.Type(), Subject: who, Payload: p, Signed: true}
}

func logged(ms int, partition int32, device string, epoch uint64, p domain.Payload) domain.Record {
	r := control(ms, device, p)
	r.Position.Partition, r.Epoch = partition, epoch
	return r
}

func asked(ms int, device, uid string, p domain.Payload) domain.Record {
	r := control(ms, device, p)
	r.UID = uid
	return r
}

func TestLines(t *testing.T) {
	take := asked(10, "videohub-1", "u1", domain.Take{Destination: 5, Source: 12})
	confirmed := domain.Ended{UID: "u1", Outcome: domain.Confirmed, Server: "B", Steps: domain.Steps{Sent: time.Millisecond, Confirmed: 3120 * time.Microsecond}}
	tests := map[string]struct {
		records []domain.Record
		want    []string
	}{
		"a failover names both servers, the cause and the time": {
			[]domain.Record{
				control(0, "A", domain.Claim{Epoch: 1, Cause: "start"}),
				logged(1, 0, "", 1, domain.EpochOpened{Server: "A"}),
				logged(1, 1, "", 1, domain.EpochOpened{Server: "A"}),
				control(100, "A", domain.Died{Exit: "signal: killed"}),
				control(103, "B", domain.Claim{Epoch: 2, Cause: "failover"}),
				logged(109, 1, "", 2, domain.EpochOpened{Server: "B"}),
				logged(110, 0, "", 2, domain.EpochOpened{Server: "B"}),
			},
			[]string{
				"20:14:07.001  A is primary, epoch 1, start",
				"20:14:07.100  A ended (signal: killed), as its guard saw",
				"20:14:07.109  B is primary, epoch 2, failover, 9ms after A ended",
			},
		},
		"the death of a standby is no reason for an epoch": {
			[]domain.Record{
				logged(1, 0, "", 1, domain.EpochOpened{Server: "A"}),
				control(2, "B", domain.Died{Exit: "exit status 2"}),
				control(9, "A", domain.Release{Epoch: 1, To: "C", Reason: "switchover"}),
				logged(11, 0, "", 2, domain.EpochOpened{Server: "C"}),
			},
			[]string{
				"20:14:07.001  A is primary, epoch 1",
				"20:14:07.002  B ended (exit status 2), as its guard saw",
				"20:14:07.009  A gives epoch 1 up to C: switchover",
				"20:14:07.011  C is primary, epoch 2, 2ms after A gave it up",
			},
		},
		"an outcome says what had been asked, once": {
			[]domain.Record{
				take,
				logged(14, 0, "videohub-1", 1, confirmed),
				logged(15, 0, "videohub-1", 1, confirmed),
			},
			[]string{"20:14:07.014  videohub-1: destination 5 ← source 12: confirmed, by B in 3.12ms, uid u1"},
		},
		"an outcome of an epoch that is over is not told": {
			[]domain.Record{
				take,
				logged(11, 0, "", 2, domain.EpochOpened{Server: "B"}),
				logged(12, 0, "videohub-1", 1, confirmed),
			},
			[]string{"20:14:07.011  B is primary, epoch 2"},
		},
		"a command that was never seen still has its outcome": {
			[]domain.Record{logged(1, 0, "gate-1", 1, domain.Ended{UID: "u9", Outcome: domain.InDoubt, Reason: domain.ReasonUnknownFate})},
			[]string{"20:14:07.001  gate-1: command: in doubt, unknown_fate, uid u9"},
		},
		"the daily noise is not told": {
			[]domain.Record{
				control(1, "A", domain.Heartbeat{}),
				control(2, "A", domain.Checkpoint{}),
				control(3, "A", domain.View{}),
				logged(4, 0, "", 1, domain.Tick{}),
				logged(5, 0, "gate-1", 1, domain.Reported{}),
			},
			nil,
		},
		"a record that nobody understands is told with its defect": {
			[]domain.Record{{Appended: began, Type: "epoch.opened.v1", Source: "/evil", Defect: domain.DefectUnsigned}},
			[]string{`20:14:07.000  not understood: a record epoch.opened.v1 of "/evil" (unauthenticated)`},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tl := timeline.New(time.UTC)
			var got []string
			for _, r := range tt.records {
				if l, ok := tl.Line(r); ok {
					got = append(got, l)
				}
			}
			if strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}

func TestOldCommandsAreForgotten(t *testing.T) {
	tl := timeline.New(time.UTC)
	for i := range timeline.MaxCommands + 1 {
		tl.Line(asked(0, "gate-1", fmt.Sprint("u", i), domain.Invoke{Verb: "pulse"}))
	}
	for uid, want := range map[string]string{"u0": "gate-1: command", "u1": "gate-1: pulse"} {
		l, _ := tl.Line(logged(1, 0, "gate-1", 1, domain.Ended{UID: uid, Outcome: domain.Confirmed}))
		if !strings.Contains(l, want) {
			t.Errorf("%s: %q does not contain %q", uid, l, want)
		}
	}
}
