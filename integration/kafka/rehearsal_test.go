//go:build integration

package kafka_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/drill"
	"github.com/understudy-io/understudy/infra/up"
)

// servers are those that `up` runs by default.
var servers = []string{"A", "B", "C"}

var (
	runs   = flag.Int("runs", 20, "runs of each drill")
	drills = flag.String("drills", "kill,pause,switchover", "the drills, in this order")
)

// rehearsal: what `up` runs on the embedded broker it runs
// here just so, and no drill finds anything that must not be.
func rehearsal(t *testing.T, c *brokers) {
	l := startLandscape(t, c)
	t.Run("a route is confirmed, and every server says so", func(t *testing.T) { route(t, l) })
	var reports []drill.Report
	for _, kind := range strings.Split(*drills, ",") {
		t.Run(kind, func(t *testing.T) { reports = append(reports, rehearse(t, l, drill.Kind(kind))) })
	}
	t.Run("afterwards all servers hold the same state", func(t *testing.T) { agree(t, l) })
	t.Run("afterwards a route is confirmed again", func(t *testing.T) { route(t, l) })
	t.Run("the topics are still as they must be", func(t *testing.T) { l.run(t, "topics", "check", "--dir", l.dir) })
	printFigures(reports)
}

// route sets crosspoints, and looks at each server for the router's own report.
func route(t *testing.T, l *landscape) {
	target := domain.CrosspointTarget(domain.DefaultLevel, 5)
	for _, source := range []string{"12", "13"} {
		r := ask[httpapi.Result](t, l, "route", "set", up.VideohubID, "--dest", "5", "--source", source)
		if r.Outcome != domain.Confirmed {
			t.Fatalf("source %s: %+v", source, r)
		}
		for _, server := range servers {
			var d httpapi.Device
			await(t, func() error {
				d = ask[httpapi.Device](t, l, "state", "get", up.VideohubID, "--server", server, "--target", string(target))
				if len(d.Cells) == 1 && d.Cells[0].Reported != nil && *d.Cells[0].Reported == source {
					return nil
				}
				return fmt.Errorf("server %s does not say that source %s is routed: %+v", server, source, d)
			})
		}
	}
}

// rehearse runs one drill and judges its report: by the figures, and not only
// by the exit code of the program under test.
func rehearse(t *testing.T, l *landscape, kind drill.Kind) drill.Report {
	out, err := l.try(t.Context(), "drill", "failover", "--kind", string(kind), "--runs", fmt.Sprint(*runs), "--yes", "--dir", l.dir, "-o", "json")
	if err != nil {
		t.Error(err)
	}
	var r drill.Report
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("no report: %v", err)
	}
	if r.Kind != kind || r.Runs != *runs || r.Commands == 0 || r.Outcomes[domain.Confirmed] == 0 {
		t.Errorf("this is no drill %s of %d runs: %+v", kind, *runs, r)
	}
	for what, n := range map[string]int{
		"lost": r.Lost, "doubled": r.Doubled, "stale": r.Stale, "out of order": r.OutOfOrder,
		"confirmed and not received": r.Unsent, "with more than one outcome": r.Repeated, "runs without a takeover": r.Unfinished,
	} {
		if n != 0 {
			t.Errorf("%s: %d, wanted 0", what, n)
		}
	}
	if kind == drill.Switchover && r.InDoubt != 0 {
		t.Errorf("in doubt after a planned move: %d, wanted 0", r.InDoubt)
	}
	return r
}

// agree holds the state hashes of all servers against each other, where they
// stand at the same offsets.
func agree(t *testing.T, l *landscape) {
	var all []httpapi.Status
	await(t, func() error {
		all = all[:0]
		for _, server := range servers {
			all = append(all, ask[httpapi.Status](t, l, "cluster", "status", "--server", server))
		}
		if len(all[0].Partitions) > 0 && sameOffsets(all) {
			return nil
		}
		return fmt.Errorf("the servers do not come to the same offsets: %+v", all)
	})
	for i, st := range all {
		for k, p := range st.Partitions {
			if p != all[0].Partitions[k] {
				t.Errorf("server %s has %+v, server %s has %+v", servers[i], p, servers[0], all[0].Partitions[k])
			}
		}
		for _, s := range st.Servers {
			if s.HashOK == domain.HashDiffers || !s.Ready {
				t.Errorf("server %s sees %s as %s, hash %s", servers[i], s.Name, s.State, s.HashOK)
			}
		}
	}
}

func sameOffsets(all []httpapi.Status) bool {
	for _, st := range all[1:] {
		for i, p := range st.Partitions {
			if p.Next != all[0].Partitions[i].Next {
				return false
			}
		}
	}
	return true
}

// await polls until check finds nothing any more.
func await(t *testing.T, check func() error) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// printFigures is what somebody runs this for.
func printFigures(reports []drill.Report) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(w, "\nDRILL\tRUNS\tP50 MS\tP99 MS\tMAX MS\tRAW P50\tRAW P99\tROUTE P50\tONE-SHOT P50\tCOMMANDS\tLOST\tDOUBLED\tSTALE\tOUT OF ORDER\tIN DOUBT\n")
	for _, r := range reports {
		g := r.FaultToFirstAction
		_, _ = fmt.Fprintf(w, "%s\t%d\t%.1f\t%.1f\t%.1f\t%.2f\t%.2f\t%.2f\t%.2f\t%d\t%d\t%d\t%d\t%d\t%d\n",
			r.Kind, r.Runs, g.P50, g.P99, g.Max, r.RawRoundTrip.P50, r.RawRoundTrip.P99,
			r.CommandToDevice.Absolute.P50, r.CommandToDevice.OneShot.P50,
			r.Commands, r.Lost, r.Doubled, r.Stale, r.OutOfOrder, r.InDoubt)
	}
	_ = w.Flush()
}
