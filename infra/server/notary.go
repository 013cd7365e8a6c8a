package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/projections/merkle"
)

// Signer signs what the log hashes to.
type Signer interface {
	Sign(merkle.Head) ([]byte, error)
	Verifiers() []string // of its signatures, the first one first
}

// TreeStore keeps the trees on this machine: a short cut for the next start.
type TreeStore interface {
	Load(landscape string) ([]merkle.Place, error)
	Save(landscape string, trees []merkle.Place) error
}

// Timing of the notary.
const (
	notaryEvery = 10 * time.Second // it reads what is new, and signs if there is anything
	notarySaves = time.Minute
	notaryBytes = 1 << 20
	// notaryPause is between two fetches of a long log: whoever acts on the same cores goes first.
	notaryPause = 2 * time.Millisecond
	notaryWait  = 100 * time.Millisecond
)

// notary keeps the Merkle trees of the log and of elections, on every server. On the
// primary it signs their roots and has them published in control. It reads by itself,
// in runs, apart from what is folded: nothing waits for it.
type notary struct {
	landscape  string
	partitions int32
	log        Log
	signer     Signer
	store      TreeStore // may be nil
	logger     *slog.Logger
	acting     func() bool
	epoch      func(context.Context) (uint64, error)
	publish    func(domain.Payload)
	every      time.Duration

	trees  []merkle.Place // elections, then the log's partitions
	signed int64          // records of the log as of the last signature; -1 for none
	saved  time.Time
}

func (n *notary) run(ctx context.Context) error {
	n.begin()
	tick := time.NewTicker(n.every)
	defer tick.Stop()
	defer n.save()
	for {
		if err := n.round(ctx); err != nil && ctx.Err() == nil {
			n.logger.Debug("read the log for its trees", "cause", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// begin takes the trees that were kept, if they are those of this landscape.
func (n *notary) begin() {
	n.signed, n.saved = -1, time.Now()
	n.trees = []merkle.Place{{Topic: domain.TopicElections}}
	for p := range n.partitions {
		n.trees = append(n.trees, merkle.Place{Topic: domain.TopicLog, Partition: p})
	}
	if n.store == nil {
		return
	}
	kept, err := n.store.Load(n.landscape)
	if err != nil {
		n.logger.Warn("the kept trees are of no use; the log is hashed again", "cause", err)
	}
	for i := range n.trees {
		for _, k := range kept {
			if k.Topic == n.trees[i].Topic && k.Partition == n.trees[i].Partition {
				n.trees[i].Tree = k.Tree.Clone()
			}
		}
	}
}

// round reads what is new, and signs it.
func (n *notary) round(ctx context.Context) error {
	for i := range n.trees {
		if err := n.extend(ctx, &n.trees[i]); err != nil {
			return err
		}
	}
	if time.Since(n.saved) > notarySaves {
		n.save()
	}
	if size := n.size(); size == n.signed || !n.acting() {
		return nil
	}
	return n.sign(ctx)
}

// size counts the records of the log. Elections do not count: each signature is copied
// to them, and would ask for the next.
func (n *notary) size() (records int64) {
	for i := range n.trees {
		if n.trees[i].Topic == domain.TopicLog {
			records += n.trees[i].Tree.Size
		}
	}
	return records
}

// errCut is a log that is not the one that was hashed.
var errCut = errors.New("the log is shorter than its tree")

// extend adds the new records of one partition to its tree.
func (n *notary) extend(ctx context.Context, p *merkle.Place) error {
	topic := domain.Topic(n.landscape, p.Topic)
	for next := p.Tree.Next; ; {
		answers, err := n.log.Fetch(ctx, []domain.FetchFrom{{Topic: topic, Partition: p.Partition, Offset: next}}, notaryWait, notaryBytes)
		if err == nil && len(answers) > 0 {
			err = answers[0].Err
		}
		switch {
		case errors.Is(err, domain.ErrNotFound) && p.Tree.Size > 0:
			p.Tree = merkle.Tree{}
			return fmt.Errorf("%s/%d: %w; it is hashed again", topic, p.Partition, errCut)
		case err != nil:
			return err
		case len(answers) == 0:
			return nil
		}
		for i := range answers[0].Messages {
			p.Tree.Add(&answers[0].Messages[i])
		}
		if answers[0].Next <= next || answers[0].Next >= answers[0].HighWatermark {
			return nil
		}
		next = answers[0].Next
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(notaryPause):
		}
	}
}

func (n *notary) sign(ctx context.Context) error {
	epoch, err := n.epoch(ctx)
	if err != nil {
		return err
	}
	head := merkle.Head{Landscape: n.landscape, Time: time.Now(), Epoch: epoch}
	for i := range n.trees {
		head.Roots = append(head.Roots, n.trees[i].Root())
	}
	text, err := n.signer.Sign(head)
	if err != nil {
		n.logger.Warn("sign what the log hashes to", "cause", err)
		return err
	}
	n.publish(domain.Signed{Epoch: epoch, Note: text})
	n.signed = n.size()
	return nil
}

func (n *notary) save() {
	n.saved = time.Now()
	if n.store == nil {
		return
	}
	if err := n.store.Save(n.landscape, n.trees); err != nil {
		n.logger.Warn("the trees of the log could not be kept", "cause", err)
	}
}
