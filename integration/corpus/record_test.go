package corpus_test

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/drill"
	"github.com/understudy-io/understudy/infra/up"
	"github.com/understudy-io/understudy/integration/cluster"
	"github.com/understudy-io/understudy/integration/corpus"
)

var version = flag.String("record", "", "play a mixed drill and store its log under this version")

// maxStored bounds what a recording adds to the repository.
const maxStored = 2 << 20

// TestRecord stores the log of a mixed drill. Without -record there is nothing
// to do: the replay of what is stored is the test.
func TestRecord(t *testing.T) {
	if *version == "" {
		t.Skip("no -record VERSION: nothing is to be recorded")
	}
	if _, err := os.Stat(*version); err == nil {
		t.Fatalf("%s is stored already, and a stored log is never recorded anew", *version)
	}
	folder := t.TempDir()
	program, err := cluster.Build(t.Context(), folder)
	if err != nil {
		t.Fatal(err)
	}
	l, err := cluster.Start(t.Context(), program, filepath.Join(folder, "landscape"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Stop() }()
	a := &actor{t: t, l: l, p: l.NewProducer()}
	a.commands()
	a.badInput()
	a.away()
	a.doubts()
	a.no(l.Stop())
	a.no(l.Again(t.Context()))
	a.drills()
	c := a.export()
	if err := corpus.Store(*version, c); err != nil {
		t.Fatal(err)
	}
	t.Logf("stored: %+v %+v", c.Expected.Totals, c.Expected.Checks)
	size := int64(0)
	a.no(filepath.WalkDir(*version, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		size += info.Size()
		return err
	}))
	if size > maxStored {
		t.Errorf("%d bytes are stored, more than %d: remove the folder and record fewer", size, maxStored)
	}
	t.Logf("%d bytes in %s", size, *version)
}

// actor lets happen on a landscape what happens to one in its life.
type actor struct {
	t *testing.T
	l *cluster.Landscape
	p *cluster.Producer
}

func (a *actor) no(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}

func (a *actor) line(code int, args ...string) {
	a.t.Helper()
	if said := a.l.CLI(a.t.Context(), args...); said.Code != code {
		a.t.Fatalf("want exit code %d: %s", code, said)
	}
}

// until polls until it is so.
func (a *actor) until(what string, is func() bool) {
	a.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); {
		if time.Now().After(deadline) {
			a.t.Fatal("not within 20 s: " + what)
		}
	}
}

func (a *actor) settled() string {
	a.t.Helper()
	name, err := a.l.Settled(a.t.Context())
	a.no(err)
	return name
}

func (a *actor) commands() {
	salvo := filepath.Join(a.t.TempDir(), "salvo")
	a.no(os.WriteFile(salvo, []byte("1 40\n2 39\n3 38\n"), 0o600))
	hub := up.VideohubID
	for _, line := range [][]string{
		{"route", "set", hub, "--dest", "5", "--source", "12", "--uid", "first"},
		{"route", "set", hub, "--dest", "5", "--source", "12", "--uid", "first", "--server", "C"},
		{"route", "salvo", hub, salvo},
		{"route", "lock", hub, "--dest", "6"},
		{"route", "unlock", hub, "--dest", "6"},
		{"label", "set", hub, "--input", "3", "--text", "Kamera 3 · Bühne"},
		{"label", "set", hub, "--output", "4", "--text", ""},
		{"command", "send", up.GateID, "set-level", "--arg", "level=40", "--uid", "level"},
		{"command", "send", up.GateID, "pulse", "--uid", "show7-cue12"},
		{"command", "send", up.GateID, "pulse", "--uid", "show7-cue12"},
	} {
		a.line(0, line...)
	}
	a.line(3, "command", "send", up.GateID, "set-level", "--arg", "level=41", "--uid", "level")
	a.line(3, "route", "set", "videohub-9", "--dest", "5", "--source", "12")
	a.line(3, "route", "set", hub, "--dest", "41", "--source", "12")
	a.line(3, "command", "send", up.GateID, "explode")
	a.no(a.l.HubPost(a.t.Context(), "/route", `{"dest":30,"source":31}`)) // a change by somebody else
	a.line(0, "switchover")
}

func (a *actor) send(partition int32, h cluster.Headers, value string) {
	a.t.Helper()
	_, err := a.p.Send(a.t.Context(), a.l.LogTopic(), partition, h["ce_subject"], h, []byte(value))
	a.no(err)
}

func (a *actor) badInput() {
	at := a.l.PartitionOf(up.VideohubID)
	good := cluster.CommandHeaders(up.VideohubID, "bad", "crosspoint.take.v1")
	take := `{"destination":5,"source":12}`
	a.send(at, good, `{"destination":`)
	a.send(at, good.With("ce_id", ""), take)
	a.send(at, good.With("ce_id", strings.Repeat("u", 300)), take)
	a.send(at, good.With("ce_type", "crosspoint.take.v9"), take)
	a.send(at, good.With("ce_type", "epoch.opened.v1", "ce_epoch", "1000", "ce_sequence", "1", "content-type", "application/msgpack"), "\x80")
	a.send(at, good.With("ce_specversion", "", "ce_source", ""), "hello")
	a.send((at+1)%a.l.Run.Partitions(), good.With("ce_id", "misplaced"), take)
	forged, err := codec.New(a.l.Run.Landscape, codec.Generate()).Encode(domain.TopicControl, 0, domain.Record{
		Type: domain.TypeDied, UID: "forged", Source: "/guard/A", Subject: "A", Payload: domain.Died{Incarnation: "x", Exit: "x"},
	})
	a.no(err)
	h := make(cluster.Headers)
	for _, x := range forged.Headers {
		h[x.Key] = string(x.Value)
	}
	_, err = a.p.Send(a.t.Context(), domain.Topic(a.l.Run.Landscape, domain.TopicControl), 0, "A", h, forged.Value)
	a.no(err)
	a.settled()
}

func (a *actor) away() {
	ctx := a.t.Context()
	a.no(a.l.Steer(ctx, "/processes/"+up.VideohubID+"/stop", ""))
	a.no(a.l.GateFault(ctx, `{"mode":"refuse"}`))
	at := a.l.PartitionOf(up.VideohubID)
	for n := range 6 {
		valid := []string{"30s", "300ms"}[n%2] // destination 1 is sent on the return, 2 is not
		h := cluster.CommandHeaders(up.VideohubID, fmt.Sprint("away-", n), "crosspoint.take.v1").With("ce_validfor", valid)
		a.send(at, h, fmt.Sprintf(`{"destination":%d,"source":%d}`, n%2+1, 10+n))
	}
	a.line(1, "command", "send", up.GateID, "pulse", "--uid", "expires", "--valid-for", "300ms")
	a.no(a.l.GateFault(ctx, `{}`))
	a.no(a.l.Steer(ctx, "/processes/"+up.VideohubID+"/start", ""))
	a.until("the router has what was wished last", func() bool {
		hub, err := a.l.Hub(ctx)
		return err == nil && hub.Routing[0].Source == 14
	})
}

func (a *actor) doubts() {
	ctx := a.t.Context()
	for _, as := range []string{"done", "not-done", "again"} {
		uid := "doubt-" + as
		old := a.settled()
		a.no(a.l.GateFault(ctx, `{"mode":"silent"}`))
		asked := make(chan cluster.Said, 1)
		go func() { asked <- a.l.CLI(ctx, "command", "send", up.GateID, "pulse", "--uid", uid) }()
		a.until("the pulse is received", func() bool {
			n, err := a.l.Pulses(ctx)
			return err == nil && n[uid] == 1
		})
		p, err := a.l.Process("server-" + old)
		a.no(err)
		a.no(p.Signal(syscall.SIGKILL))
		<-asked
		a.settled()
		a.no(a.l.GateFault(ctx, `{}`))
		a.line(5, "command", "status", uid)
		a.line(0, "indoubt", "resolve", uid, "--as", as, "--reason", "looked at the gate")
	}
}

// drills are slow ones: what counts is what they leave in the log.
func (a *actor) drills() {
	for _, kind := range drill.Kinds {
		a.line(0, "drill", "failover", "--kind", string(kind), "--runs", "2", "--rate", "40")
	}
}

// export reads the topics at rest, and checks that their fold is what the
// servers hold.
func (a *actor) export() *corpus.Corpus {
	a.t.Helper()
	ctx := a.t.Context()
	a.settled()
	c := &corpus.Corpus{Topics: make(map[domain.TopicKind][][]domain.Stored)}
	b, err := os.ReadFile(a.l.Run.KeysFile)
	a.no(err)
	c.Keys, err = codec.ParseKeyFile(b)
	a.no(err)
	running, err := a.l.Agreed(ctx)
	a.no(err)
	for _, kind := range []domain.TopicKind{domain.TopicLog, domain.TopicControl, domain.TopicElections, domain.TopicDeadLetter} {
		c.Topics[kind], err = a.l.Topic(ctx, kind)
		a.no(err)
	}
	c.Expected.Landscape, c.Expected.WrittenBy = a.l.Run.Landscape, *version
	if c.Expected, err = corpus.Replay(c); err != nil {
		a.t.Fatal(err)
	}
	for p, folded := range c.Expected.Partitions {
		if folded.Next != running[p].Next || folded.Hash != running[p].Hash {
			a.t.Fatalf("partition %d: the fold gives %+v, the servers hold %+v", p, folded, running[p])
		}
	}
	return c
}
