package server

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	codecs "github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
	"github.com/understudy-io/understudy/domain/server/journal"
)

// maxUncopied bounds the control records that wait to be copied.
const maxUncopied = 10_000

// copier keeps the elections topic: every control record but heartbeats, and
// before each claim the last heartbeat that counted, each with its position in
// control. Every server remembers what is not copied yet; the primary copies it.
// After a takeover some records are copied twice; their position tells.
type copier struct {
	log    Log
	codec  Codec
	copy   func(domain.Stored) domain.Copied
	topic  string
	name   string
	logger *slog.Logger

	mu       sync.Mutex
	uncopied []domain.Record
	raw      map[int64]domain.Stored
	heard    *domain.Record
	heardRaw domain.Stored
	dropped  int64
	through  atomic.Int64
	kick     chan struct{}
	cancel   context.CancelFunc
}

func newCopier(log Log, codec Codec, landscape, name string, logger *slog.Logger) *copier {
	return &copier{
		log: log, codec: codec, copy: codecs.Copy, topic: domain.Topic(landscape, domain.TopicElections), name: name,
		logger: logger, raw: make(map[int64]domain.Stored), kick: make(chan struct{}, 1), cancel: func() {},
	}
}

// saw takes note of a folded control record.
func (c *copier) saw(state *election.State, r *domain.Record, raw domain.Stored, before uint64) {
	if r.Defect != domain.DefectNone {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch r.Type {
	case domain.TypeHeartbeat:
		if state.Heard() == r.Position.Offset {
			c.heard, c.heardRaw = r, raw
		}
		return
	case domain.TypeCheckpoint, domain.TypeView:
		return
	case domain.TypeClaim:
		if c.heard != nil {
			c.keep(*c.heard, c.heardRaw)
			c.heard = nil
		}
	}
	c.keep(*r, raw)
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

func (c *copier) keep(r domain.Record, raw domain.Stored) {
	if r.Position.Offset <= c.through.Load() && c.through.Load() > 0 {
		return
	}
	if len(c.uncopied) >= maxUncopied {
		c.dropped++
		c.logger.Error("too many control records wait to be copied; one is dropped", "offset", c.uncopied[0].Position.Offset)
		delete(c.raw, c.uncopied[0].Position.Offset)
		c.uncopied = c.uncopied[1:]
	}
	c.uncopied = append(c.uncopied, r)
	c.raw[r.Position.Offset] = raw
}

// copiedThrough forgets what the primary says that it has copied.
func (c *copier) copiedThrough(offset int64) {
	if offset <= c.through.Load() {
		return
	}
	c.through.Store(offset)
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for n < len(c.uncopied) && c.uncopied[n].Position.Offset <= offset {
		delete(c.raw, c.uncopied[n].Position.Offset)
		n++
	}
	c.uncopied = c.uncopied[n:]
}

// start copies until stop: this server is the primary.
func (c *copier) start(parent context.Context) {
	c.cancel() // of an epoch before, if its end was not noticed yet
	ctx, cancel := context.WithCancel(parent)
	c.cancel = cancel
	go c.run(ctx)
}

func (c *copier) stop() { c.cancel() }

func (c *copier) run(ctx context.Context) {
	for {
		if !c.copySome(ctx) {
			select {
			case <-ctx.Done():
				return
			case <-c.kick:
			}
		}
	}
}

// copySome appends a batch of what waits; false if nothing did.
func (c *copier) copySome(ctx context.Context) bool {
	c.mu.Lock()
	n := min(len(c.uncopied), journal.MaxBatch)
	batch := domain.Batch{Topic: c.topic}
	var through int64
	for _, r := range c.uncopied[:n] {
		m, err := c.codec.Encode(domain.TopicElections, 0, serverRecord(c.name, r.Subject, c.copy(c.raw[r.Position.Offset])))
		through = r.Position.Offset
		if err != nil {
			c.logger.Error("a control record cannot be copied and is left out of the elections topic", "offset", r.Position.Offset, "cause", err)
			continue
		}
		batch.Messages = append(batch.Messages, m)
	}
	c.mu.Unlock()
	if len(batch.Messages) == 0 {
		c.copiedThrough(through)
		return false
	}
	try, cancel := context.WithTimeout(ctx, appendTimeout)
	_, err := c.log.Append(try, []domain.Batch{batch})
	cancel()
	if err != nil {
		select {
		case <-ctx.Done():
		case <-time.After(appendRetry):
		}
		return ctx.Err() == nil
	}
	c.copiedThrough(through)
	return true
}
