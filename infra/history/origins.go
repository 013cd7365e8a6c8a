package history

import (
	"context"
	"strings"
	"sync"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

// Close folds to a cut, and lets it reach further where it must: a command that
// was forwarded from one partition to another is never in it without the record that
// it came from, even where the clocks of two brokers say so. It changes the cut.
func (t *Traveller) Close(ctx context.Context, states []*partition.State, cut Cut) error {
	for {
		o := origins{cut: cut}
		if err := t.Advance(ctx, states, cut, func(int32) Watch { return o.watch }); err != nil {
			return err
		}
		grown := false
		for _, f := range o.found {
			if f.at.Offset < cut[f.at.Partition] || states[f.at.Partition] == nil {
				continue
			}
			if is, err := t.isOrigin(ctx, f); err != nil {
				return err
			} else if is {
				cut[f.at.Partition], grown = f.at.Offset+1, true
			}
		}
		if !grown {
			return nil
		}
	}
}

// isOrigin says whether a command stands where another one says that it came
// from. Anybody can write that it came from somewhere.
func (t *Traveller) isOrigin(ctx context.Context, f forwarded) (bool, error) {
	m, err := At(ctx, t.Source, t.topic(), f.at.Partition, f.at.Offset, f.at.Offset+1)
	if m == nil || err != nil {
		return false, err
	}
	r := t.Decoder.DecodeAll(nil, domain.TopicLog, f.at.Partition, []domain.Stored{*m})[0]
	return r.UID == f.uid && r.Subject == f.device, nil
}

// maxForwarded bounds the origins of one journey that are looked at.
const maxForwarded = 1000

// origins are the forwarded commands that came from behind a cut.
type origins struct {
	cut   Cut
	mu    sync.Mutex
	found []forwarded
}

type forwarded struct {
	at          domain.Position // it came from here
	device, uid string
}

func (o *origins) watch(_ *partition.State, r *domain.Record, _ *partition.Change) {
	if r.Origin == nil || int(r.Origin.Partition) >= len(o.cut) || r.Origin.Offset < o.cut[r.Origin.Partition] {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.found) < maxForwarded {
		o.found = append(o.found, forwarded{*r.Origin, strings.Clone(r.Subject), strings.Clone(r.UID)})
	}
}
