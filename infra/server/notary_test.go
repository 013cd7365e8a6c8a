package server

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/projections/merkle"
)

// library is a log of one partition for each topic, and a store.
type library struct {
	Log
	records map[string][]domain.Stored
	kept    []merkle.Place
	fetched int
}

func (s *library) Fetch(_ context.Context, from []domain.FetchFrom, _ time.Duration, _ int) ([]domain.Fetched, error) {
	f := from[0]
	s.fetched++
	list := s.records[f.Topic]
	a := domain.Fetched{Topic: f.Topic, HighWatermark: int64(len(list)), Next: f.Offset}
	if f.Offset > int64(len(list)) {
		a.Err = domain.ErrNotFound
	} else {
		a.Messages = list[f.Offset:min(f.Offset+3, int64(len(list)))]
		a.Next += int64(len(a.Messages))
	}
	return []domain.Fetched{a}, nil
}

func (s *library) put(kind domain.TopicKind, n int) {
	topic := domain.Topic("main", kind)
	for range n {
		s.records[topic] = append(s.records[topic], domain.Stored{Offset: int64(len(s.records[topic])), Message: domain.Message{Value: []byte(topic)}})
	}
}

func (s *library) Load(string) ([]merkle.Place, error) { return s.kept, nil }

func (s *library) Save(_ string, trees []merkle.Place) error { s.kept = trees; return nil }

// notes signs nothing.
type notes struct{ heads []merkle.Head }

func (p *notes) Verifiers() []string { return nil }

func (p *notes) Sign(h merkle.Head) ([]byte, error) {
	p.heads = append(p.heads, h)
	return []byte(h.Text()), nil
}

func TestTheNotarySignsWhatTheLogHashesTo(t *testing.T) {
	s := &library{records: make(map[string][]domain.Stored)}
	p := &notes{}
	acting := false
	var published []domain.Payload
	start := func() *notary {
		n := &notary{
			landscape: "main", partitions: 1, log: s, store: s, signer: p, logger: slog.New(slog.DiscardHandler),
			acting: func() bool { return acting }, epoch: func(context.Context) (uint64, error) { return 7, nil },
			publish: func(p domain.Payload) { published = append(published, p) },
		}
		n.begin()
		return n
	}
	round := func(n *notary, heads int) {
		t.Helper()
		if err := n.round(t.Context()); err != nil && heads >= 0 {
			t.Fatal(err)
		}
		if heads >= 0 && (len(p.heads) != heads || len(published) != heads) {
			t.Fatalf("%d heads and %d published, want %d", len(p.heads), len(published), heads)
		}
	}
	s.put(domain.TopicLog, 8)
	s.put(domain.TopicElections, 2)
	n := start()
	round(n, 0) // a standby only hashes
	acting = true
	round(n, 1)
	round(n, 1) // nothing is new
	s.put(domain.TopicElections, 1)
	round(n, 1) // each signature is copied there: it must not ask for the next
	s.put(domain.TopicLog, 1)
	round(n, 2)

	var tree merkle.Tree
	for i := range s.records["understudy.main.log"] {
		tree.Add(&s.records["understudy.main.log"][i])
	}
	if r, ok := p.heads[1].Find(domain.TopicLog, 0); !ok || r != merkle.RootOf(domain.TopicLog, 0, &tree) || p.heads[1].Epoch != 7 {
		t.Errorf("%+v", p.heads[1])
	}

	n.save()
	s.fetched = 0
	again := start() // goes on where it was
	round(again, 3)
	if s.fetched != 2 {
		t.Errorf("%d fetches after a restart: the log was read again", s.fetched)
	}
	s.records["understudy.main.log"] = nil
	round(again, -1) // recreated: it is told, and hashed again
	s.put(domain.TopicLog, 2)
	round(again, 4)
	if r, _ := p.heads[3].Find(domain.TopicLog, 0); r.Size != 2 {
		t.Errorf("of a new log it signs %+v", r)
	}
}
