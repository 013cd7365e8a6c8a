//go:build integration

package kafka_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/drill"
	"github.com/understudy-io/understudy/infra/up"
	"github.com/understudy-io/understudy/integration/cluster"
	"github.com/understudy-io/understudy/integration/logtest"
)

var (
	runs   = flag.Int("runs", 20, "runs of each drill")
	drills = flag.String("drills", "kill,pause,switchover", "the drills, in this order")
	main   = flag.String("main", ".", "which tests of the main job, as a pattern")
)

const viewWithin = 90 * time.Second // a primary writes one each minute

// mainJob runs the tests of the main job, as they are, on these brokers, and says what
// they say.
func mainJob(t *testing.T, c *brokers) {
	cmd := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-v", "-timeout", "20m", "-run", *main, "../cluster")
	cmd.Env = append(os.Environ(), brokersVariable+"="+strings.Join(c.plain, ","))
	out, err := cmd.CombinedOutput()
	for _, line := range strings.Split(string(out), "\n") {
		if strings.Contains(line, "--- FAIL") || strings.Contains(line, "--- SKIP") || strings.HasPrefix(line, "ok") || strings.Contains(line, "_test.go:") {
			t.Log(line)
		}
	}
	if err != nil {
		t.Errorf("go test ../cluster: %v\n%s", err, out)
	}
	c.removeAll(t, "understudy.cluster-")
}

// rehearsal runs the drills, which find nothing that must not be; then a server
// that has nothing, of a control topic that has been cut, starts from a view.
func rehearsal(t *testing.T, c *brokers) {
	l := startLandscape(t, c)
	var reports []drill.Report
	for _, kind := range strings.Split(*drills, ",") {
		t.Run(kind, func(t *testing.T) { reports = append(reports, rehearse(t, l, drill.Kind(kind))) })
	}
	t.Run("afterwards all servers hold the state that the log gives", func(t *testing.T) { proven(t, l) })
	t.Run("a server starts from a view when control is cut", func(t *testing.T) { fromView(t, c, l) })
	t.Run("the topics are still as they must be", func(t *testing.T) { wants(t, l.CLI(t.Context(), "topics", "check"), 0) })
	printFigures(reports)
}

// startLandscape starts one of three servers on these brokers. It is ended with
// the test.
func startLandscape(t *testing.T, c *brokers) *cluster.Landscape {
	t.Helper()
	l, err := cluster.Start(t.Context(), program(t), t.TempDir(), "--kafka", strings.Join(c.plain, ","), "--landscape", c.landscape(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(l.Log(15))
		}
		if err := l.Stop(); err != nil {
			t.Errorf("up did not end in good order: %v", err)
		}
	})
	return l
}

// rehearse runs one drill and judges its report: by the figures, and not only
// by the exit code of the program under test.
func rehearse(t *testing.T, l *cluster.Landscape, kind drill.Kind) drill.Report {
	said := l.CLI(t.Context(), "drill", "failover", "--kind", string(kind), "--runs", fmt.Sprint(*runs), "--yes", "-o", "json")
	wants(t, said, 0)
	r, err := cluster.JSON[drill.Report](said)
	if err != nil {
		t.Fatal(err)
	}
	if r.Kind != kind || r.Runs != *runs || r.Commands == 0 || r.Outcomes[domain.Confirmed] == 0 {
		t.Errorf("this is no drill %s of %d runs: %+v", kind, *runs, r)
	}
	sound(t, r)
	if kind == drill.Switchover && r.InDoubt != 0 {
		t.Errorf("in doubt after a planned move: %d, wanted 0", r.InDoubt)
	}
	return r
}

// sound checks that nothing happened that must not happen.
func sound(t *testing.T, r drill.Report) {
	t.Helper()
	for what, n := range map[string]int{
		"lost": r.Lost, "doubled": r.Doubled, "stale": r.Stale, "out of order": r.OutOfOrder,
		"confirmed and not received": r.Unsent, "with more than one outcome": r.Repeated, "runs without a takeover": r.Unfinished,
	} {
		if n != 0 {
			t.Errorf("%s: %d, wanted 0", what, n)
		}
	}
}

// proven checks that all servers hold the state that the log gives.
func proven(t *testing.T, l *cluster.Landscape) {
	t.Helper()
	await(t, func() error {
		running, err := l.Agreed(t.Context())
		if err != nil {
			return err
		}
		audit, err := l.Audit(t.Context())
		if err != nil {
			return err
		}
		return audit.Proves(running)
	})
}

// fromView cuts control down to its newest view, as retention does in a week.
func fromView(t *testing.T, c *brokers, l *cluster.Landscape) {
	view := newestView(t, l)
	standby := standbyOf(t, l)
	steer := func(what string) {
		t.Helper()
		if err := l.Steer(t.Context(), "/processes/guard-"+standby.Name+"/"+what, ""); err != nil {
			t.Fatal(err)
		}
	}
	steer("stop")
	if err := os.RemoveAll(standby.Data); err != nil {
		t.Fatal(err)
	}
	control := domain.Topic(l.Run.Landscape, domain.TopicControl)
	if err := logtest.CutRecords(t.Context(), c.plain, control, 0, view.At+1); err != nil {
		t.Fatal(err)
	}
	steer("start")
	if _, err := l.Settled(t.Context()); err != nil {
		t.Fatalf("not all servers are ready again: %v", err)
	}
	proven(t, l)
}

func newestView(t *testing.T, l *cluster.Landscape) (newest domain.View) {
	t.Helper()
	for deadline := time.Now().Add(viewWithin); ; time.Sleep(time.Second) {
		records, err := l.Records(t.Context(), domain.TopicControl)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records[0] {
			if v, ok := r.Payload.(domain.View); ok {
				newest = v
			}
		}
		if newest.At > 0 {
			return newest
		}
		if time.Now().After(deadline) {
			t.Fatalf("no view within %v", viewWithin)
		}
	}
}

func standbyOf(t *testing.T, l *cluster.Landscape) up.Server {
	t.Helper()
	primary, err := l.Settled(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range l.Run.Servers {
		if s.Name != primary {
			return s
		}
	}
	t.Fatal("no standby")
	return up.Server{}
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
