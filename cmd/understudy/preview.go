package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
)

// preview is what a forced takeover would meet.
type preview struct {
	Landscape string   `json:"landscape"`
	Primary   string   `json:"primary"`
	Successor string   `json:"successor"`
	Overrides []string `json:"overrides"` // what speaks against the successor
	InDoubt   []flight `json:"in_doubt"`  // one-shots that were written ahead: their fate may be in doubt
	Others    int      `json:"others"`    // pending commands that the next primary works off
}

// flight is a one-shot that is under way.
type flight struct {
	Device string `json:"device"`
	UID    string `json:"uid"`
	What   string `json:"what"`
}

// preview looks at the landscape as it is now; until a takeover it may change.
func (s *session) preview(ctx context.Context, to string) (preview, error) {
	st, err := s.client.Status(ctx)
	if err != nil {
		return preview{}, err
	}
	devices, err := s.client.Devices(ctx)
	if err != nil {
		return preview{}, err
	}
	to = cmp.Or(to, st.Next)
	p := preview{Landscape: st.Landscape, Primary: st.Primary, Successor: to, Overrides: []string{}, InDoubt: []flight{}}
	for _, m := range st.Servers {
		if m.Name == to {
			for _, why := range against(&m, &st) {
				p.Overrides = append(p.Overrides, s.pasteable(why))
			}
		}
	}
	for _, d := range devices {
		for _, x := range d.Pending {
			if x.Started {
				p.InDoubt = append(p.InDoubt, flight{d.ID, x.UID, wishInWords(x.Wish)})
			} else {
				p.Others++
			}
		}
	}
	return p, nil
}

// against says what speaks against a server as the next primary.
func against(m *httpapi.ServerStatus, st *httpapi.Status) []string {
	out := []string{}
	say := func(speaks bool, format string, args ...any) {
		if speaks {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	say(m.State == httpapi.StateSilent, "it is silent for %s", shortMs(m.LastHeard))
	say(m.SyncMode != 0, "its sync_mode is %d: it takes over once that is 0, and another server that is ready may be first", m.SyncMode)
	say(m.HashOK == domain.HashDiffers, "its state differs from the primary's: your word makes it count")
	say(m.State == "quarantined", "it is quarantined: your word ends that if nobody acts")
	say(m.Drained, "it is drained, and a takeover is refused until `understudy cluster undrain %s`", m.Name)
	say(st.Paused != nil, "automatic failover is paused")
	return out
}

func previewTable(t *table, p *preview) {
	t.text("landscape %s: %s is to take over from %s", oneLine(p.Landscape), oneLine(cmp.Or(p.Successor, "nobody who could")), oneLine(cmp.Or(p.Primary, "nobody")))
	for _, why := range p.Overrides {
		t.text("against it: %s", oneLine(why))
	}
	if len(p.InDoubt) == 0 {
		t.text("nothing is under way now that could be in doubt afterwards")
	} else {
		t.text("under way now, and perhaps in doubt afterwards:")
		t.row("DEVICE", "UID", "WHAT")
		for _, f := range p.InDoubt {
			t.row(f.Device, f.UID, f.What)
		}
	}
	t.text("%d other commands are pending; the next primary works them off", p.Others)
}

// confirm shows what a takeover would meet, and asks for the landscape's name.
func (g *globals) confirm(cmd *cobra.Command) error {
	s, err := g.open(cmd)
	if err != nil {
		return err
	}
	p, err := s.preview(cmd.Context(), g.Server)
	if err != nil {
		return s.explain(err)
	}
	t := newTable(cmd.ErrOrStderr())
	previewTable(t, &p)
	t.text("type the name of the landscape to take over, anything else to leave it:")
	if err := t.flush(); err != nil {
		return err
	}
	if p.Landscape == "" || answered(cmd) != p.Landscape {
		return fmt.Errorf("not confirmed, and nothing was done; with --force nothing is asked: %w", domain.ErrConflict)
	}
	return nil
}

// answered is the line that was typed.
func answered(cmd *cobra.Command) string {
	line, _ := bufio.NewReader(io.LimitReader(untilEnough(cmd), maxTokenFile)).ReadString('\n')
	return strings.TrimSpace(line)
}

// lookAhead shows what a takeover would meet, and does nothing.
func (g *globals) lookAhead(cmd *cobra.Command) error {
	s, err := g.open(cmd)
	if err != nil {
		return err
	}
	p, err := s.preview(cmd.Context(), g.Server)
	if err != nil {
		return s.explain(err)
	}
	return s.show(p, func(t *table) { previewTable(t, &p) })
}
