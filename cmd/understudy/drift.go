package main

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync"

	"github.com/spf13/cobra"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
)

// drifting is how far one server is from what the active revision says, or why it does
// not tell.
type drifting struct {
	Server  string `json:"server"`
	Failure string `json:"failure,omitempty"`
	httpapi.Drift
}

func driftCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use: "drift", Short: "Ask every server where it, and the devices, are not as the active revision says",
		Long: `Ask every server of the landscape at its own address what it has folded that is not as the
active revision says, and what its own file holds that does not count. Where no revision is
active, each file is compared with what the devices are: what a server would change if it
were primary. It ends with 1 if something has to change, or a server does not answer; what only a
file of a server says changes nothing, and ends with 0.`,
		Args: exactly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := g.open(cmd)
			if err != nil {
				return err
			}
			all, err := s.driftOfAll(cmd.Context())
			if err != nil {
				return s.explain(err)
			}
			if err := s.show(all, func(t *table) { driftTable(t, all) }); err != nil {
				return err
			}
			return faultOfDrift(all)
		},
	}
}

// driftOfAll asks every server of the landscape, at the address that it has joined with.
func (s *session) driftOfAll(ctx context.Context) ([]drifting, error) {
	st, err := s.client.Status(ctx)
	if err != nil {
		return nil, err
	}
	servers := s.everyServer(&st)
	all := make([]drifting, len(servers))
	var asked sync.WaitGroup
	for i, m := range servers {
		asked.Go(func() {
			d, err := s.client.At(m.Address).Drift(ctx)
			all[i] = drifting{Server: m.Name, Drift: d}
			if err != nil {
				all[i].Failure = domain.Plain(err)
			}
		})
	}
	asked.Wait()
	slices.SortFunc(all, func(a, b drifting) int { return cmp.Compare(a.Server, b.Server) })
	return all, nil
}

// driftTable says once what all servers say alike, as they do unless one is behind.
func driftTable(t *table, all []drifting) {
	told := false
	for i, d := range all {
		switch {
		case d.Failure != "":
			t.text("%s does not answer: %s", d.Server, oneLine(d.Failure))
			told = true
		case len(d.Changes) > 0:
			told = true
			if i > 0 && reflect.DeepEqual(d.Changes, all[i-1].Changes) {
				t.text("%s: the same", d.Server)
			} else {
				t.text("%s:", d.Server)
				t.block(changesInWords(d.Changes))
			}
		}
		for _, l := range d.Local {
			t.text("%s", oneLine(l))
			told = true
		}
	}
	switch active := activeOf(all); {
	case told:
	case active == 0:
		t.text("nothing drifts: no revision is active, and all devices are as each server's own file says")
	default:
		t.text("nothing drifts: all devices are as revision %d says, and no server's file says anything else", active)
	}
}

func activeOf(all []drifting) (newest uint64) {
	for _, d := range all {
		newest = max(newest, d.Active)
	}
	return newest
}

func faultOfDrift(all []drifting) error {
	away, changes := 0, 0
	for _, d := range all {
		if d.Failure != "" {
			away++
		}
		changes = max(changes, len(d.Changes))
	}
	switch active := activeOf(all); {
	case changes > 0 && active > 0:
		return withExit(exitError, fmt.Errorf("%d things are not as revision %d says: the primary is bringing them there, or cannot", changes, active))
	case changes > 0:
		return withExit(exitError, fmt.Errorf("%d things are not as a server's file says, and no revision is active: that server would change them if it were primary", changes))
	case away > 0:
		return withExit(exitError, fmt.Errorf("%d servers do not answer, so nothing is known of them", away))
	}
	return nil
}
