package server_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/adapters/vmcfile"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
	"github.com/understudy-io/understudy/infra/server"
)

// V35: a server that finds no log shows what it had gone over to, and does nothing.
func TestAServerWithoutALogShowsWhatItHasKept(t *testing.T) {
	s, dir := newStage(t), t.TempDir()
	a := s.startKeeping("A", dir)
	s.primary(a)
	text, err := a.Text(s.ctx, 0)
	must(t, err)
	_, err = a.Publish(s.ctx, "ann", httpapi.Publication{Text: text.Text, Activate: true})
	must(t, err)
	if why := a.Closed(); why != nil {
		t.Errorf("a server at work is closed: %s", why)
	}

	var log lines
	alone := server.New(server.Options{
		Landscape: "test", Partitions: partitions, Election: election.Config{Member: "A", Incarnation: uuid.NewString()},
		Kept: vmcfile.In(dir), Logger: slog.New(slog.NewTextHandler(&log, nil)),
	}) // no log, no driver, no device of its own
	ctx, end := context.WithCancel(s.ctx)
	over := make(chan struct{})
	go func() { alone.StandIn(ctx); close(over) }()
	defer func() { end(); <-over }()

	devices, err := alone.Devices(s.ctx)
	must(t, err)
	if len(devices) != 2 || devices[0].ID != "gate-1" || devices[1].Inputs != 40 || devices[1].Connected {
		t.Errorf("it shows %+v", devices)
	}
	kept, err := alone.Text(s.ctx, 0)
	must(t, err)
	if kept.Revision != 1 || kept.Hash != text.Hash {
		t.Errorf("it shows revision %d %s, want 1 %s", kept.Revision, kept.Hash, text.Hash)
	}
	st, err := alone.Status(s.ctx)
	must(t, err)
	shown, err := alone.Configuration(s.ctx)
	must(t, err)
	if shown.Active != 1 || shown.Latest != 1 || len(shown.Revisions) != 1 || shown.Revisions[0].Hash != text.Hash || st.Revision != 1 {
		t.Errorf("it shows the revisions %+v, and %d as active", shown, st.Revision)
	}
	if said := log.String(); !strings.Contains(said, "revision=1") {
		t.Errorf("it does not log what it shows: %s", said)
	}
	if !st.Server.LogAway.IsZero() {
		t.Errorf("it has no snapshot, and says that its state is of %s", st.Server.LogAway)
	}
	file, err := vmcfile.In(dir).Load(1 << 20)
	must(t, err)
	must(t, vmcfile.In(dir).Save([]byte(strings.Replace(string(file), "outputs: 40", "outputs: 20", 1))))
	if kept, err := alone.Text(s.ctx, 0); !errors.Is(err, domain.ErrCorrupt) {
		t.Errorf("of a file that was changed it shows %+v, %v", kept, err)
	}
	if st.Server.Ready || st.Primary != "" || st.Server.State != "without a log" || alone.Acting() || !errors.Is(alone.Closed(), httpapi.ErrNoPrimary) {
		t.Errorf("it says of itself %+v", st.Server)
	}
}

// Nobody has to guess why a server without a log shows nothing.
func TestAServerWithoutALogSaysThatItHasKeptNothing(t *testing.T) {
	for name, garbage := range map[string]string{"no file": "", "garbage": "\x00\x01 devices: ["} {
		dir := t.TempDir()
		if garbage != "" {
			must(t, vmcfile.In(dir).Save([]byte(garbage)))
		}
		var log lines
		alone := server.New(server.Options{
			Landscape: "test", Partitions: partitions, Election: election.Config{Member: "A", Incarnation: uuid.NewString()},
			Kept: vmcfile.In(dir), Logger: slog.New(slog.NewTextHandler(&log, nil)),
		})
		ctx, end := context.WithCancel(t.Context())
		over := make(chan struct{})
		go func() { alone.StandIn(ctx); close(over) }()
		if _, err := alone.Devices(ctx); err != nil {
			t.Error(err)
		}
		end()
		<-over
		if said := log.String(); !strings.Contains(said, "no configuration that this machine has kept") {
			t.Errorf("%s: %s", name, said)
		}
	}
}

// What was asked for while nobody knew yet whether there is a log is refused by the server
// that stands in, whose state is empty: each such change once ended the process, or would
// have been made of that state.
func TestAChangeThatCameBeforeTheLogWasMissedIsRefused(t *testing.T) {
	s := newStage(t)
	early := server.New(server.Options{
		Landscape: "test", Partitions: partitions, Election: election.Config{Member: "A", Incarnation: uuid.NewString()},
		Control: s.log(), Data: s.log(), Codec: s.codec, Share: server.Share{Secrets: func() map[string][]byte { return map[string][]byte{"keys": []byte("keys")} }}, Logger: slog.New(slog.DiscardHandler),
	})
	if why := early.Closed(); !errors.Is(why, domain.ErrTransient) || !strings.Contains(why.Error(), "just starting") {
		t.Errorf("before it knows of a log it is closed because of %v", why)
	}
	soon, enough := context.WithTimeout(s.ctx, time.Second)
	st, err := early.Status(soon)
	if enough(); err != nil || st.Server.Ready || st.Server.State != "starting" || len(st.Server.Reasons) == 0 {
		t.Errorf("before it knows of a log it says of itself %+v, %v", st.Server, err)
	}
	_, key, err := ed25519.GenerateKey(nil)
	must(t, err)
	identity, proof := election.ProveAdmission(key, "a", "D")
	changes := map[string]func() error{
		"pause":    func() error { _, err := early.Pause(s.ctx, "ann", true, "x"); return err },
		"dissolve": func() error { _, err := early.Dissolve(s.ctx, "ann", "test", "x"); return err },
		"policy": func() error {
			_, err := early.SetPolicy(s.ctx, "ann", httpapi.PolicyChange{Order: "precedence"})
			return err
		},
		"token": func() error { _, err := early.Invite(s.ctx, "ann", time.Hour, false); return err },
		"join": func() error {
			_, err := early.Admit(s.ctx, httpapi.JoinRequest{Token: "a.b", Server: "D", Identity: identity, Proof: proof})
			return err
		},
		"remove":     func() error { _, err := early.Remove(s.ctx, "ann", "B", false, "x"); return err },
		"drain":      func() error { _, err := early.Drain(s.ctx, "ann", "B", true, "x"); return err },
		"switchover": func() error { _, err := early.Switchover(s.ctx, "ann", ""); return err },
		"takeover":   func() error { _, err := early.Takeover(s.ctx, "ann", "x", ""); return err },
		"route": func() error {
			_, err := early.Submit(s.ctx, httpapi.Command{Device: "gate-1", UID: "u", Payload: domain.Invoke{Verb: "pulse"}, Created: time.Now()}, time.Second)
			return err
		},
		"publish": func() error {
			_, err := early.Publish(s.ctx, "ann", httpapi.Publication{Text: "devices: []"})
			return err
		},
		"activate": func() error { _, err := early.Activate(s.ctx, "ann", httpapi.Activation{Revision: 1}); return err },
		"requeue":  func() error { _, err := early.Requeue(s.ctx, "ann", 0, "x"); return err },
		"discard":  func() error { _, err := early.Discard(s.ctx, "ann", 0, "x"); return err },
	}
	type answer struct {
		change string
		err    error
	}
	answers := make(chan answer, len(changes))
	for change, ask := range changes {
		go func() { answers <- answer{change, ask()} }()
	}
	time.Sleep(50 * time.Millisecond) // as long as the first look at the log may take, and less
	ctx, end := context.WithCancel(s.ctx)
	over := make(chan struct{})
	go func() { early.StandIn(ctx); close(over) }()
	defer func() { end(); <-over }()
	for range changes {
		if a := <-answers; !errors.Is(a.err, httpapi.ErrNoPrimary) && !errors.Is(a.err, domain.ErrTransient) {
			t.Errorf("%s is answered with %v", a.change, a.err)
		}
	}
	l := s.log()
	for _, kind := range []domain.TopicKind{domain.TopicControl, domain.TopicLog} {
		bounds, err := l.Bounds(s.ctx, domain.Topic("test", kind))
		must(t, err)
		for _, b := range bounds {
			if b.End != 0 {
				t.Errorf("%d records of %s were written", b.End, kind)
			}
		}
	}
}
