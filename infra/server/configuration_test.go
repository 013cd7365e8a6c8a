package server_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/adapters/vmcfile"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/config"
	"github.com/understudy-io/understudy/infra/server"
)

// startConfigured starts a server whose file could be a configuration.
func (s *stage) startConfigured(name string) *member { return s.startKeeping(name, "") }

// startKeeping starts one that keeps what it goes over to in a folder.
func (s *stage) startKeeping(name, dir string) *member {
	return s.startWith(name, func(o *server.Options) {
		if dir != "" {
			o.Kept = vmcfile.In(dir)
		}
		for i := range o.Devices {
			o.Devices[i].ValidAbsolute, o.Devices[i].ValidOneShot = time.Minute, 10*time.Second
		}
	})
}

// V15 to V17, T8, V23, V33: a configuration is published through any server, on what
// its author has seen, under its keeper, and taken along in a takeover.
func TestAConfigurationIsPublishedThroughAnyServer(t *testing.T) {
	s := newStage(t)
	a, b := s.startConfigured("A"), s.startConfigured("B")
	s.primary(a, b)
	text, err := a.Text(s.ctx, 0) // of the servers' own file
	must(t, err)

	first, err := b.Publish(s.ctx, "ann", httpapi.Publication{Text: text.Text, Comment: "from the file", Activate: true})
	must(t, err)
	if first.Revision != 1 || !first.Applied || len(first.Waiting) > 0 {
		t.Fatalf("published as %+v", first)
	}
	for _, m := range []*member{a, b} {
		s.eventually("says that both servers have gone over to revision 1", func() error {
			v, err := m.Configuration(s.ctx)
			if err == nil && (len(v.Servers) != 2 || v.Servers[0].Revision != 1 || v.Servers[1].Revision != 1 || v.Servers[0].Unapplied != "") {
				err = fmt.Errorf("%s says of the servers %+v", m.name, v.Servers)
			}
			return err
		})
	}
	drift, err := a.Drift(s.ctx)
	must(t, err)
	if drift.Active != 1 || len(drift.Changes) != 0 || len(drift.Local) != 1 || !strings.Contains(drift.Local[0], "2 devices, all as the revision has them") {
		t.Errorf("drift %+v", drift)
	}

	smaller := strings.Replace(text.Text, "outputs: 40", "outputs: 20", 1)
	if smaller == text.Text {
		t.Fatalf("the router has not 40 outputs:\n%s", text.Text)
	}
	_, err = a.Publish(s.ctx, "ann", httpapi.Publication{Text: smaller, IfMatch: 1})
	must(t, err)
	preview, err := b.Preview(s.ctx, 2)
	must(t, err)
	if got := fmt.Sprint(preview); !strings.Contains(got, "outputs 40 20") || len(preview) != 1 {
		t.Errorf("revision 2 would change %s", got)
	}

	_, err = b.Publish(s.ctx, "bob", httpapi.Publication{Text: text.Text, IfMatch: 1})
	if _, err := b.Publish(s.ctx, "bob", httpapi.Publication{Text: text.Text, IfMatch: 9}); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("on a revision that there is not: %v", err)
	}
	var stale *httpapi.StaleRevision
	if !errors.As(err, &stale) || stale.Latest != 2 || stale.Author != "ann" || len(stale.Changes) != 1 {
		t.Errorf("a stale writer is told %v, %+v", err, stale)
	}
	_, err = b.Publish(s.ctx, "bob", httpapi.Publication{Text: "devices: [{id: 1, drivr: x}, {idd: 2}]", IfMatch: 2})
	var faulty *httpapi.FaultyConfiguration
	if !errors.As(err, &faulty) || len(faulty.Faults) != 2 {
		t.Errorf("of faults is told %v", err)
	}

	active, err := b.Activate(s.ctx, "ann", httpapi.Activation{Revision: 2})
	must(t, err)
	if !active.Applied {
		t.Errorf("activated as %+v", active)
	}
	if _, err := b.Activate(s.ctx, "ann", httpapi.Activation{Revision: 1}); !errors.Is(err, domain.ErrConflict) {
		t.Errorf("an older revision: %v", err)
	}
	drift, err = b.Drift(s.ctx)
	must(t, err)
	if len(drift.Local) != 1 || !strings.Contains(drift.Local[0], "server B holds 2 devices, 1 otherwise") {
		t.Errorf("drift of B %+v", drift)
	}
	if r := s.submit(a, "videohub-1", "u1", domain.Take{Destination: 30, Source: 1}); r.Reason != domain.ReasonOutOfRange {
		t.Errorf("a route to an output that is gone ended %s %s", r.Outcome, r.Reason)
	}

	back, err := b.Publish(s.ctx, "ann", httpapi.Publication{From: 1, Comment: "back", Activate: true, IfMatch: 2})
	must(t, err)
	one, err := b.Text(s.ctx, back.Revision)
	must(t, err)
	if one.Hash != text.Hash || back.Revision != 3 {
		t.Errorf("rolled back to %+v with %s, want %s", back, one.Hash, text.Hash)
	}
}

func TestAConfigurationIsLockedWhileItsKeeperIsNotPrimary(t *testing.T) {
	s := newStage(t)
	a, b := s.startConfigured("A"), s.startConfigured("B")
	first := s.primary(a, b)
	other := a
	if first == a {
		other = b
	}
	text, err := first.Text(s.ctx, 0)
	must(t, err)
	kept := text.Text + "policy:\n  config_primary: nobody-yet\n"
	if _, err = first.Publish(s.ctx, "ann", httpapi.Publication{Text: kept, Activate: true}); !errors.Is(err, domain.ErrConflict) || !strings.Contains(err.Error(), "no server of that name") {
		t.Errorf("a configuration that nobody can change: %v", err)
	}
	_, err = first.Publish(s.ctx, "ann", httpapi.Publication{Text: kept, Activate: true, Override: true})
	must(t, err)
	if _, err = other.Publish(s.ctx, "ann", httpapi.Publication{Text: text.Text, IfMatch: 1}); !errors.Is(err, httpapi.ErrConfigLocked) || !strings.Contains(err.Error(), "nobody-yet") {
		t.Errorf("locked, and told %v", err)
	}
	transfer := httpapi.Publication{Running: true, Comment: "it is gone", Activate: true, TakeOver: true, Override: true, IfMatch: 1}
	decided(t)(other.Drain(s.ctx, "ann", other.name, true, "new disks"))
	if _, err := other.Publish(s.ctx, "ann", transfer); !errors.Is(err, domain.ErrConflict) || !strings.Contains(err.Error(), "is drained") {
		t.Errorf("a transfer to a server that is drained: %v", err)
	}
	decided(t)(other.Drain(s.ctx, "ann", other.name, false, ""))
	moved, err := other.Publish(s.ctx, "ann", transfer)
	must(t, err)
	if moved.Move == nil || s.primary(a, b) != other {
		t.Errorf("transferred as %+v", moved)
	}
	v, err := first.Configuration(s.ctx)
	must(t, err)
	if v.Active != 2 || v.Revisions[0].TookOver == "" || v.Revisions[0].Comment != "it is gone" || v.Locked == "" {
		t.Errorf("the log says %+v", v)
	}
}

// V35: every server keeps what it has gone over to in a file of its own, whose first line
// says what it is; a disk that does not take it is an alarm, and nothing more.
func TestEveryServerKeepsTheRevisionThatItHasGoneOverTo(t *testing.T) {
	s := newStage(t)
	dir, gone := t.TempDir(), filepath.Join(t.TempDir(), "gone")
	a, b := s.startKeeping("A", dir), s.startKeeping("B", gone)
	first := s.primary(a, b)
	text, err := first.Text(s.ctx, 0)
	must(t, err)
	revised, err := first.Publish(s.ctx, "ann", httpapi.Publication{Text: text.Text, Activate: true})
	must(t, err)
	if !revised.Applied || len(revised.Waiting) != 1 || revised.Waiting[0] != "B" {
		t.Errorf("published as %+v", revised)
	}
	file, err := vmcfile.In(dir).Load(config.MaxLandscapeFile)
	must(t, err)
	bundle, err := config.ReadBundle(file)
	must(t, err)
	if bundle.Landscape != "test" || bundle.Revision != 1 || bundle.Hash != text.Hash || bundle.Epoch == 0 {
		t.Errorf("the file begins with %+v", bundle)
	}
	if c, err := config.ParseLandscape(file); err != nil || len(c.Devices) != 2 {
		t.Errorf("the file holds %+v, %v", c, err)
	}
	s.eventually("says what is wrong", func() error {
		v, err := a.Configuration(s.ctx)
		for _, m := range v.Servers {
			if bad := strings.Contains(m.Unapplied, vmcfile.Name); err == nil && bad != (m.Name == "B") {
				err = fmt.Errorf("of %s is said %q", m.Name, m.Unapplied)
			}
		}
		return err
	})
	if st, err := b.Status(s.ctx); err != nil || st.Server.Ready || !strings.Contains(strings.Join(st.Server.Reasons, " "), "cannot go over to revision 1") || strings.Contains(strings.Join(st.Server.Reasons, " "), vmcfile.Name) {
		t.Errorf("B says of itself %+v, %v", st.Server, err)
	}
	must(t, os.Mkdir(gone, 0o700)) // there is room again
	s.eventually("goes over", func() error {
		v, err := a.Configuration(s.ctx)
		for _, m := range v.Servers {
			if err == nil && m.Revision != 1 {
				err = fmt.Errorf("%s has revision %d: %s", m.Name, m.Revision, m.Unapplied)
			}
		}
		return err
	})
	must(t, os.RemoveAll(gone))
	soon, cancel := context.WithTimeout(s.ctx, time.Second)
	defer cancel()
	_, err = a.Publish(soon, "ann", httpapi.Publication{From: 1, IfMatch: 1, Activate: true})
	must(t, err)
	s.eventually("keeps what it has gone over to beside what it cannot", func() error {
		if n := gauge(t, b, "understudy_configuration_applied_revision"); n != 1 {
			t.Fatalf("while it cannot go over to revision 2, it has gone over to %v", n)
		}
		v, err := a.Configuration(s.ctx)
		for _, m := range v.Servers {
			if err == nil && m.Name == "B" && (m.Revision != 1 || !strings.Contains(m.Unapplied, "cannot go over to revision 2")) {
				err = fmt.Errorf("of B is said %+v", m)
			}
		}
		return err
	})
}

// gauge is the value of a metric without labels.
func gauge(t *testing.T, m *member, name string) float64 {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(m.Metrics())
	families, err := registry.Gather()
	must(t, err)
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}

// A partition takes so many devices and no more: one that is left out by the fold would be
// missed for ever, so the author is told.
func TestNoRevisionHasMoreDevicesInAPartitionThanItTakes(t *testing.T) {
	s := newStage(t)
	a := s.startConfigured("A")
	s.primary(a)
	var text strings.Builder
	text.WriteString("devices:\n")
	for n, crowd := 0, 0; crowd < 4097; n++ {
		if id := fmt.Sprint("router-", n); domain.Partition(id, partitions) == 2 {
			crowd++
			fmt.Fprintf(&text, "  - {id: %s, driver: videohub, address: \"192.0.2.1:%d\", inputs: 1, outputs: 1}\n", id, 1024+crowd)
		}
	}
	_, err := a.Publish(s.ctx, "ann", httpapi.Publication{Text: text.String(), Comment: "all of them"})
	var faulty *httpapi.FaultyConfiguration
	if !errors.As(err, &faulty) || len(faulty.Faults) != 1 || !strings.Contains(faulty.Faults[0].Message, "4097 of them would be in partition 2 of 4") {
		t.Errorf("it is told: %v", err)
	}
}
