package main

import (
	"context"
	"strings"
	"testing"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain/configuration"
)

// fakeConfiguration tells what it was given; all else of a configuration it has not.
type fakeConfiguration struct {
	httpapi.Configurator
	server *fakeServer
}

func (f fakeConfiguration) Drift(context.Context) (httpapi.Drift, error) {
	return f.server.drift, f.server.err
}

func (f fakeConfiguration) Text(context.Context, uint64) (httpapi.RevisionText, error) {
	return httpapi.RevisionText{Revision: 3, Hash: "00", Text: "devices: []\n"}, f.server.err
}

// V16: each server is asked about its own file, whichever one is asked first.
func TestDriftIsToldOfEveryServer(t *testing.T) {
	l := newLandscape(t)
	l.a.drift = httpapi.Drift{Active: 3}
	l.b.drift = httpapi.Drift{Active: 3, Local: []string{"the file of server B holds 2 devices"}}
	code, out, errOut := l.cli(t, "", "config", "drift")
	if code != exitError || !strings.Contains(out, "the file of server B holds 2 devices") || !strings.Contains(out, "C does not answer") {
		t.Errorf("exit %d:\n%s%s", code, out, errOut)
	}

	away := l.a.status.Servers[:2]
	l.a.status.Servers, l.b.status.Servers = away, away
	changes := []configuration.Change{{Section: "devices", ID: "router-1", Kind: configuration.Removed}}
	l.a.drift.Changes, l.b.drift.Changes = changes, changes
	code, out, errOut = l.cli(t, "", "config", "drift")
	if code != exitError || !strings.Contains(out, "A:\n- devices router-1\nB: the same\n") || !strings.Contains(errOut, "revision 3") {
		t.Errorf("exit %d:\n%s%s", code, out, errOut)
	}

	l.a.drift, l.b.drift = httpapi.Drift{Active: 3}, httpapi.Drift{Active: 3}
	if code, out, errOut = l.cli(t, "", "config", "drift"); code != exitOK || !strings.Contains(out, "nothing drifts") {
		t.Errorf("exit %d:\n%s%s", code, out, errOut)
	}

	l.a.drift, l.b.drift = httpapi.Drift{}, httpapi.Drift{}
	if code, out, errOut = l.cli(t, "", "config", "drift"); code != exitOK || !strings.Contains(out, "no revision is active") {
		t.Errorf("exit %d:\n%s%s", code, out, errOut)
	}
}
