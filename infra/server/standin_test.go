package server_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/google/uuid"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/adapters/vmcfile"
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

	alone := server.New(server.Options{
		Landscape: "test", Partitions: partitions, Election: election.Config{Member: "A", Incarnation: uuid.NewString()},
		Kept: vmcfile.In(dir), Logger: slog.New(slog.DiscardHandler),
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
	if st.Server.Ready || st.Primary != "" || st.Server.State != "without a log" || alone.Acting() || alone.Closed() == "" {
		t.Errorf("it says of itself %+v", st.Server)
	}
}
