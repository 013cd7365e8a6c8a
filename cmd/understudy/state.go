package main

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
)

// maxHolders bounds how many locks are looked up by who took them.
const maxHolders = 64

func stateCommand(g *globals) *cobra.Command {
	return group("state", "Show the state of devices, now or at a moment of the past", stateGetCommand(g), stateListCommand(g), stateAtCommand(g), stateDiffCommand(g))
}

func stateListCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the devices", Args: exactly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := g.open(cmd)
			if err != nil {
				return err
			}
			list, err := s.client.Devices(cmd.Context())
			if err != nil {
				return s.explain(err)
			}
			return s.show(list, func(t *table) { devicesTable(t, list) })
		},
	}
}

func devicesTable(t *table, list []httpapi.Device) {
	if len(list) == 0 {
		t.text("no device is configured")
		return
	}
	t.row("DEVICE", "DRIVER", "ADDRESS", "CONNECTED", "TARGETS", "PENDING", "IN DOUBT", "POSITION")
	for _, d := range list {
		t.row(d.ID, d.Driver, d.Address, yesNo(d.Connected), len(d.Cells), len(d.Pending), d.Doubts, d.Position)
	}
	if since := list[0].LogAway; !since.IsZero() {
		t.text("server %s has not seen the log since %s: all of this is of then", oneLine(list[0].Server), since.Local().Format(time.DateTime))
	}
}

func stateGetCommand(g *globals) *cobra.Command {
	var prefix string
	cmd := &cobra.Command{
		Use:   "get DEVICE",
		Short: "Show desired and reported values of a device, and what is pending",
		Example: `  understudy state get videohub-1
  understudy state get videohub-1 --target lock -o json --server B`,
		Args: exactly,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := g.open(cmd)
			if err != nil {
				return err
			}
			d, err := s.client.Device(cmd.Context(), args[0])
			if err != nil {
				return s.explain(err)
			}
			d.Cells = slices.DeleteFunc(d.Cells, func(c httpapi.Cell) bool { return !strings.HasPrefix(string(c.Target), prefix) })
			slices.SortStableFunc(d.Cells, func(a, b httpapi.Cell) int { return byPort(a.Target, b.Target) })
			holders := s.holders(cmd.Context(), &d)
			return s.show(d, func(t *table) { s.deviceTable(t, &d, holders) })
		},
	}
	cmd.Flags().StringVar(&prefix, "target", "", "only targets that begin with this: crosspoint, label, lock/video, parameter")
	return cmd
}

// byPort sorts targets by name, and by number where the name ends in one.
func byPort(a, b domain.Target) int {
	nameA, numberA := splitNumber(string(a))
	nameB, numberB := splitNumber(string(b))
	return cmp.Or(cmp.Compare(nameA, nameB), cmp.Compare(numberA, numberB), cmp.Compare(a, b))
}

func splitNumber(s string) (string, int) {
	i := strings.LastIndexByte(s, '/') + 1
	n, err := strconv.Atoi(s[i:])
	if err != nil {
		return s, 0
	}
	return s[:i], n
}

// holders tells for the locks that are ours who took them. It is only for
// people; what cannot be found out is left to the UID.
func (s *session) holders(ctx context.Context, d *httpapi.Device) map[domain.Target]string {
	out := make(map[domain.Target]string)
	for _, c := range d.Cells {
		if s.form != formTable || len(out) >= maxHolders {
			break
		}
		if !isLock(c.Target) || c.Reported == nil || *c.Reported != domain.LockOwned || c.DesiredUID == "" {
			continue
		}
		who := "UID " + c.DesiredUID
		if r, err := s.client.Command(ctx, d.ID, c.DesiredUID); err == nil {
			who = cmp.Or(r.User, r.Source, "a producer") + " (" + who + ")"
		}
		out[c.Target] = who
	}
	return out
}

func isLock(t domain.Target) bool { return strings.HasPrefix(string(t), "lock/") }

func (s *session) deviceTable(t *table, d *httpapi.Device, holders map[domain.Target]string) {
	connected := "connected"
	if !d.Connected {
		connected = "not connected"
	}
	if d.ConnectionDetail != "" {
		connected += " (" + oneLine(d.ConnectionDetail) + ")"
	}
	if !d.ConnectionSince.IsZero() {
		connected += ", since " + d.ConnectionSince.Format(time.DateTime)
	}
	t.text("%s, %s at %s: %s", oneLine(d.ID), d.Driver, oneLine(d.Address), connected)
	if d.Inputs > 0 {
		t.text("%d inputs, %d outputs", d.Inputs, d.Outputs)
	}
	t.text("position %s, epoch %d, as server %s has folded it", d.Position, d.Epoch, oneLine(d.Server))
	if !d.LogAway.IsZero() {
		t.text("that server has not seen the log since %s: values and ages are of then", d.LogAway.Local().Format(time.DateTime))
	}
	if d.Removed {
		t.text("it is no longer configured")
	}
	if len(d.Cells) > 0 {
		t.text("")
		t.row("TARGET", "DESIRED", "REPORTED", "STATE", "AGE", "REPORTED AT", "WISHED OR HELD BY")
		for _, c := range d.Cells {
			cellRow(t, c, holders[c.Target])
		}
	}
	if len(d.Pending) > 0 {
		t.text("")
		t.row("PENDING", "WHAT", "AGE", "VALID FOR", "POSITION", "BY")
		for _, p := range d.Pending {
			t.row(p.UID, wishInWords(p.Wish)+startedMark(p.Started), shortMs(p.Age), shortMs(p.ValidFor), p.Position, cmp.Or(p.User, p.Source))
		}
	}
	if d.Doubts > 0 {
		t.text("")
		t.text("%d in doubt: %s", d.Doubts, s.line("indoubt", "list"))
	}
}

func startedMark(started bool) string {
	if started {
		return " (may have been sent)"
	}
	return ""
}

func cellRow(t *table, c httpapi.Cell, holder string) {
	age, at := "", ""
	if c.ReportedAt != nil {
		age, at = shortMs(c.Age), c.ReportedAt.String()
	}
	by := c.DesiredUID
	if isLock(c.Target) && c.Reported != nil {
		switch *c.Reported {
		case domain.LockOwned:
			by = cmp.Or(holder, c.Holder, "this landscape")
		case domain.LockForeign:
			by = "another client of the device"
		case domain.LockOpen:
			by = "nobody"
		}
	}
	t.row(c.Target, value(c.Desired), value(c.Reported), cellState(c), age, at, by)
}

// value shows a value; an empty label differs from none.
func value(v *string) string {
	switch {
	case v == nil:
		return ""
	case *v == "":
		return `""`
	}
	return *v
}

func cellState(c httpapi.Cell) string {
	switch {
	case c.Pending:
		return "pending"
	case c.Reported == nil:
		return "never reported"
	case c.Foreign:
		return "foreign change"
	case c.Desired != nil && *c.Desired != *c.Reported:
		return "differs"
	}
	return "ok"
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
