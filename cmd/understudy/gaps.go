package main

import (
	"cmp"
	"time"

	"github.com/spf13/cobra"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/history"
	"github.com/understudy-io/understudy/projections/gaps"
)

// unwatched is a time in which a device was not watched.
type unwatched struct {
	gaps.Gap
	From time.Time `json:"from"`
	To   time.Time `json:"to,omitzero"` // it goes on without
	Took int64     `json:"took_ms"`
}

// gaps tells when devices were not watched.
func (t *teller) gaps(cmd *cobra.Command, streams []history.Stream) error {
	log, err := t.source.Bounds(cmd.Context(), domain.Topic(t.landscape, domain.TopicLog))
	if err != nil {
		return t.unread(err)
	}
	fold := gaps.New(t.Device, domain.Partition(t.Device, int32(len(log))))
	err = history.Merge(cmd.Context(), t.source, streams, func(s *history.Stream, m *domain.Stored) error {
		if r, _, ok := t.decode(s, m); ok {
			fold.Apply(&r)
		}
		return nil
	})
	if err != nil {
		return err
	}
	out := []unwatched{}
	for _, g := range fold.Gaps() {
		out = append(out, unwatched{Gap: g, From: g.From.Time(), To: g.To.Time(), Took: g.Took().Milliseconds()})
	}
	if len(out) == 0 {
		if err := t.nothing(cmd); err != nil {
			return err
		}
	}
	return t.out.show(out, func(table *table) {
		table.row("DEVICE", "NOT WATCHED FROM", "TO", "FOR", "BECAUSE")
		for _, u := range out {
			to, took := "", ""
			if !u.To.IsZero() {
				to, took = u.To.Format(timeForm), u.Gap.Took().Round(time.Millisecond).String()
			}
			table.row(cmp.Or(u.Device, "all"), u.From.Format(timeForm), to, took, oneLine(u.Cause))
		}
	})
}

func (o *telling) gapsFault() error {
	if o.gaps && (o.follow || o.User != "" || o.Source != "" || o.UID != "" || o.Epoch != 0 || o.Type != "") {
		return usage("--gaps goes with --device, --since and --until alone")
	}
	return nil
}
