package drill

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/clock"
)

// Log is what a drill needs of the log.
type Log interface {
	Append(ctx context.Context, batches []domain.Batch) ([]domain.Appended, error)
	Fetch(ctx context.Context, from []domain.FetchFrom, wait time.Duration, maxBytes int) ([]domain.Fetched, error)
	Bounds(ctx context.Context, topic string) ([]domain.Bounds, error)
}

// Codec turns records into messages and back.
type Codec interface {
	Encode(topic domain.TopicKind, partition int32, r domain.Record) (domain.Message, error)
	Decode(topic domain.TopicKind, partition int32, m domain.Stored) domain.Record
}

// stream is a steady flow of commands, one producer for each device with one
// append under way, so that the order of sending is the order in the log.
type stream struct {
	log        Log
	codec      Codec
	landscape  string
	partitions int32
	run        string // makes the UIDs of this drill its own

	mu   sync.Mutex
	sent []Sent
	next int
}

// Bounds of what is sent together.
const (
	// heldUp is how much of an append's time is made up for: what came due meanwhile
	// goes with the next one. What an outage held up is never sent.
	heldUp      = 100 * time.Millisecond
	maxTogether = 500
)

// produce sends commands at a rate until ctx ends. The pauses vary by half, so
// that several producers do not march in step.
func (s *stream) produce(ctx context.Context, perSecond float64, command func(n int) (Sent, domain.Payload)) {
	pause := func() time.Duration {
		return time.Duration((0.5 + rand.Float64()) * float64(time.Second) / perSecond)
	}
	due := time.Now().Add(pause())
	for n := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Until(due)):
		}
		now := time.Now()
		if earliest := now.Add(-heldUp); due.Before(earliest) {
			due = earliest
		}
		var list []Sent
		var wishes []domain.Payload
		for ; !due.After(now) && len(list) < maxTogether; due = due.Add(pause()) {
			one, wish := command(n)
			list, wishes = append(list, one), append(wishes, wish)
			n++
		}
		s.send(context.WithoutCancel(ctx), list, wishes)
	}
}

// send numbers commands to one device, appends them together, and notes them.
func (s *stream) send(ctx context.Context, list []Sent, wishes []domain.Payload) {
	s.mu.Lock()
	for i := range list {
		list[i].Index, list[i].UID = s.next, uidOf(s.run, s.next)
		s.next++
	}
	s.mu.Unlock()
	s.append(ctx, list, wishes)
	s.mu.Lock()
	s.sent = append(s.sent, list...)
	s.mu.Unlock()
}

// appendTries is how often a producer repeats a command whose fate it does not
// know. The UID makes that one command.
const appendTries = 5

func (s *stream) append(ctx context.Context, list []Sent, wishes []domain.Payload) {
	batch := domain.Batch{
		Topic: domain.Topic(s.landscape, domain.TopicLog), Partition: domain.Partition(list[0].Device, s.partitions),
	}
	created := domain.InstantOf(time.Now())
	for i, wish := range wishes {
		m, err := s.codec.Encode(domain.TopicLog, batch.Partition, domain.Record{
			Type: wish.Type(), UID: list[i].UID, Source: "/understudy/drill", Subject: list[i].Device,
			Created: created, Payload: wish,
		})
		if err != nil {
			return
		}
		batch.Messages = append(batch.Messages, m)
	}
	at := clock.Boot()
	logged := false
	for try := 0; try < appendTries && !logged; try++ {
		bounded, cancel := context.WithTimeout(ctx, 2*time.Second)
		_, err := s.log.Append(bounded, []domain.Batch{batch})
		cancel()
		logged = err == nil
	}
	for i := range list {
		list[i].At, list[i].Logged = at, logged
	}
}

// route makes the n-th command to the router.
func route(n int) (Sent, domain.Payload) {
	dest, turn := n%destinations+1, n/destinations+1
	return Sent{Device: hubDevice, Target: domain.CrosspointTarget("", dest), Turn: turn},
		domain.Take{Destination: dest, Source: sourceOf(turn)}
}

// pulse makes a one-shot.
func pulse(int) (Sent, domain.Payload) {
	return Sent{Device: gateDevice, OneShot: true}, domain.Invoke{Verb: gateVerb}
}

func (s *stream) all() []Sent {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Sent(nil), s.sent...)
}

// ledger reads the outcomes of commands from the log.
type ledger struct {
	log      Log
	codec    Codec
	topic    string
	next     []int64
	epoch    []uint64 // by partition, as the fold follows it
	sequence []uint64
	outcomes map[string]domain.Outcome
	counts   map[string]int
}

func newLedger(ctx context.Context, log Log, codec Codec, landscape string) (*ledger, error) {
	l := &ledger{
		log: log, codec: codec, topic: domain.Topic(landscape, domain.TopicLog),
		outcomes: make(map[string]domain.Outcome), counts: make(map[string]int),
	}
	bounds, err := log.Bounds(ctx, l.topic)
	if err != nil {
		return nil, fmt.Errorf("find the end of the log: %w", err)
	}
	for _, b := range bounds {
		l.next = append(l.next, b.End)
	}
	l.epoch, l.sequence = make([]uint64, len(bounds)), make([]uint64, len(bounds))
	return l, nil
}

// read folds what is new into the ledger; false if nothing was.
func (l *ledger) read(ctx context.Context) (bool, error) {
	from := make([]domain.FetchFrom, len(l.next))
	for p := range from {
		from[p] = domain.FetchFrom{Topic: l.topic, Partition: int32(p), Offset: l.next[p]}
	}
	answers, err := l.log.Fetch(ctx, from, 100*time.Millisecond, 4<<20)
	if err != nil {
		return false, err
	}
	news := false
	var failed error
	for _, a := range answers {
		failed = errors.Join(failed, a.Err)
		for _, m := range a.Messages {
			news = true
			l.take(l.codec.Decode(domain.TopicLog, a.Partition, m))
		}
		l.next[a.Partition] = max(l.next[a.Partition], a.Next)
	}
	return news, failed
}

// follow reads what is in the log by now, so that little is left to read at the
// end. What cannot be read now is read then.
func (l *ledger) follow(ctx context.Context) {
	bounds, err := l.log.Bounds(ctx, l.topic)
	for p := 0; p < len(bounds) && err == nil; {
		if l.next[p] >= bounds[p].End {
			p++
			continue
		}
		_, err = l.read(ctx)
	}
}

// take counts an outcome that counts: one of an epoch that is over, or a repeat
// of one that was here before, does not.
func (l *ledger) take(r domain.Record) {
	p := r.Position.Partition
	if r.Epoch == 0 || r.Epoch < l.epoch[p] || (r.Epoch == l.epoch[p] && r.Sequence <= l.sequence[p]) {
		return
	}
	l.epoch[p], l.sequence[p] = r.Epoch, r.Sequence
	if ended, ok := r.Payload.(domain.Ended); ok {
		l.outcomes[ended.UID] = ended.Outcome
		l.counts[ended.UID]++
	}
}

// missing is the number of logged commands that have no outcome yet.
func (l *ledger) missing(sent []Sent) int {
	n := 0
	for _, s := range sent {
		if _, ok := l.outcomes[s.UID]; s.Logged && !ok {
			n++
		}
	}
	return n
}
