package verify

import (
	"context"
	"errors"
	"fmt"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/history"
	"github.com/understudy-io/understudy/projections/merkle"
)

// maxProven bounds the records of one proof.
const maxProven = 1000

// errEnough ends the reading of a partition.
var errEnough = errors.New("enough")

// Prove proves what stands in the log of a command: the command itself and its
// repeats, its start, outcome and answers, as far as a signed checkpoint covers them.
// The file takes 64 bytes for each record of the partition.
func Prove(ctx context.Context, c Config, signed []byte, device, uid string, file merkle.File) (*merkle.Proof, error) {
	head, _, _, err := merkle.Open(signed)
	if err != nil {
		return nil, err
	}
	bounds, err := c.Source.Bounds(ctx, domain.Topic(c.Landscape, domain.TopicLog))
	if err != nil {
		return nil, fmt.Errorf("read the log of landscape %s: %w", c.Landscape, err)
	}
	p := domain.Partition(device, int32(len(bounds)))
	root, ok := head.Find(domain.TopicLog, p)
	if !ok {
		return nil, fmt.Errorf("the checkpoint does not cover log partition %d: it is of another landscape, or of one with fewer partitions: %w", p, domain.ErrInvalid)
	}
	if bounds[p].Start > 0 {
		return nil, fmt.Errorf("log partition %d begins at offset %d; its tree needs all records: prove from an export that holds them: %w", p, bounds[p].Start, domain.ErrNotFound)
	}
	store := merkle.NewStore(file)
	type found struct {
		m     domain.Stored
		index int64
	}
	var all []found
	err = each(ctx, c.Landscape, domain.TopicLog, p, c.Source, fromStart, func(m *domain.Stored) error {
		if store.Size() == root.Size {
			return errEnough
		}
		if r := c.Codec.Decode(domain.TopicLog, p, *m); concerns(&r, device, uid) && len(all) < maxProven {
			all = append(all, found{*m, store.Size()})
		}
		return store.Add(m)
	})
	switch {
	case err != nil && !errors.Is(err, errEnough):
		return nil, err
	case store.Size() != root.Size || store.Root() != root.Hash:
		return nil, fmt.Errorf("log partition %d does not give the root of the checkpoint: it was changed or cut; `understudy audit consistency` says where: %w", p, domain.ErrCorrupt)
	case len(all) == 0:
		return nil, fmt.Errorf("the checkpoint, which covers %s up to %d:%d, covers no record of %s; if it was written a moment ago, try again in 20 s: %w", device, p, root.Next-1, uid, domain.ErrNotFound)
	}
	proof := &merkle.Proof{Landscape: c.Landscape, Device: device, UID: uid, Checkpoint: string(signed)}
	for _, f := range all {
		path, err := store.Prove(f.index)
		if err != nil {
			return nil, err
		}
		proof.Records = append(proof.Records, merkle.NewProven(domain.TopicLog, p, &f.m, f.index, path))
	}
	return proof, nil
}

// concerns says whether a record is of a command, or tells of it.
func concerns(r *domain.Record, device, uid string) bool {
	return r.Subject == device && history.About(r) == uid
}

// Compare holds the log against signed checkpoints that somebody has kept: what each
// partition's first records hash to. It needs no keys, only trusted heads.
//
// A copy ends where it was made: what a checkpoint covers behind that cannot be compared.
func Compare(ctx context.Context, landscape string, from Source, isCopy bool, heads []Named) (*Consistency, error) {
	out := &Consistency{isCopy: isCopy}
	for _, h := range heads {
		out.claimed += int64(len(h.Head.Roots))
	}
	for _, kind := range []domain.TopicKind{domain.TopicElections, domain.TopicLog} {
		topic := domain.Topic(landscape, kind)
		bounds, err := from.Bounds(ctx, topic)
		if err != nil {
			return nil, fmt.Errorf("read %s: is the log up, the landscape's name right, and may this user read it? %w", topic, err)
		}
		for p := range int32(len(bounds)) {
			if err := out.partition(ctx, landscape, kind, p, bounds[p], from, heads); err != nil {
				return nil, err
			}
		}
		out.missing(kind, len(bounds), heads)
	}
	return out, nil
}

// Named is a head with the name that people know it by.
type Named struct {
	Name string
	Head merkle.Head
}

// Consistency is what a comparison found.
type Consistency struct {
	Roots    int64    `json:"roots"` // that were compared
	Records  int64    `json:"records"`
	Findings []string `json:"findings,omitempty"`
	Unknown  []string `json:"unknown,omitempty"` // what could not be compared
	Short    int64    `json:"short,omitempty"`   // of them, since this copy ends before
	claimed  int64    // roots that the checkpoints have
	isCopy   bool
}

// Whole says whether each root of the checkpoints was compared, and there is one.
func (c *Consistency) Whole() bool { return c.Roots == c.claimed && c.Roots > 0 }

// missing finds what checkpoints cover in partitions that are not there.
func (c *Consistency) missing(kind domain.TopicKind, partitions int, heads []Named) {
	for _, h := range heads {
		for _, r := range h.Head.Roots {
			if r.Topic == kind && int(r.Partition) >= partitions {
				c.Findings = append(c.Findings, fmt.Sprintf("%s covers %d records of %s/%d, and there is no such partition", h.Name, r.Size, kind, r.Partition))
			}
		}
	}
}

func (c *Consistency) partition(ctx context.Context, landscape string, kind domain.TopicKind, p int32, bounds domain.Bounds, from Source, heads []Named) error {
	w, upTo := &merkle.Watch{}, int64(0)
	for _, h := range heads {
		if r, ok := h.Head.Find(kind, p); ok {
			if c.isCopy && r.Next > bounds.End {
				c.Short++
				c.Unknown = append(c.Unknown, fmt.Sprintf("%s/%d ends at offset %d here, before what %s covers, which is up to %d: export again", kind, p, bounds.End, h.Name, r.Next))
				continue
			}
			w.Expect(merkle.Claim{Root: r, By: h.Name, Control: -1})
			upTo = max(upTo, r.Size)
		}
	}
	if start := bounds.Start; start > 0 && upTo > 0 {
		c.Unknown = append(c.Unknown, fmt.Sprintf("%s/%d begins at offset %d: what stood before was removed, and its tree cannot be made", kind, p, start))
		return nil
	}
	err := each(ctx, landscape, kind, p, from, fromStart, func(m *domain.Stored) error {
		if w.Size() == upTo {
			return errEnough
		}
		w.Add(m)
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	found, checked, _ := w.Finish()
	c.Roots += checked
	c.Records += w.Size()
	for _, f := range found {
		c.Findings = append(c.Findings, f.String(kind, p))
	}
	return nil
}
