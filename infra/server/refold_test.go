package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/understudy-io/understudy/adapters/snapshotfile"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
	"github.com/understudy-io/understudy/projections/snapshot"
)

// shelf is a log with one partition that holds records as they are, and notes
// from where it was read. It is its own codec.
type shelf struct {
	Log
	Codec
	records []domain.Record
	read    []int64
}

func (s *shelf) Fetch(_ context.Context, from []domain.FetchFrom, _ time.Duration, _ int) ([]domain.Fetched, error) {
	at := from[0].Offset
	s.read = append(s.read, at)
	out := domain.Fetched{HighWatermark: int64(len(s.records)), Next: min(at+7, int64(len(s.records)))}
	for ; at < out.Next; at++ {
		out.Messages = append(out.Messages, domain.Stored{Offset: at})
	}
	return []domain.Fetched{out}, nil
}

func (s *shelf) Decode(_ domain.TopicKind, _ int32, m domain.Stored) domain.Record {
	return s.records[m.Offset]
}

// labels is a log of n wishes for one router.
func labels(n int) *shelf {
	s := &shelf{}
	now := domain.Instant(1_700_000_000_000_000_000)
	add := func(r domain.Record) {
		now = now.Add(time.Millisecond)
		r.Position.Offset, r.Appended, r.Type = int64(len(s.records)), now, r.Payload.Type()
		s.records = append(s.records, r)
	}
	add(domain.Record{Signed: true, Epoch: 1, Sequence: 1, Payload: domain.EpochOpened{Server: "A", Incarnation: "a1", Time: now}})
	add(domain.Record{Signed: true, Epoch: 1, Sequence: 2, Subject: "router", Payload: domain.Configured{Definition: domain.Definition{
		Device: "router", Driver: domain.DriverVideohub, Inputs: 40, Outputs: 40, OnReconnect: domain.Adopt, ConfirmWithin: time.Second,
	}}})
	for i := range n {
		add(domain.Record{UID: fmt.Sprint("u", i), Source: "/test", Subject: "router", Created: now, Payload: domain.SetLabel{
			Port: domain.PortInput, Number: 1 + i%40, Text: fmt.Sprint("Cam ", i),
		}})
	}
	return s
}

// keeper is a core with one partition that folds a shelf, and keeps snapshots.
func keeper(t *testing.T, s *shelf) *core {
	t.Helper()
	store, err := snapshotfile.Open(t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return &core{
		landscape: "test", log: s, codec: s, logger: slog.New(slog.DiscardHandler), store: store,
		states: []*partition.State{partition.New(0, 1, partition.DefaultLimits())}, last: make([]snapshot.Fingerprint, 1),
		trail: []*trail{newTrail()}, proven: make([]domain.StateHash, 1),
		high: []int64{0}, report: func(health) {},
	}
}

// foldTo folds on; the record at the offset wrong is misread.
func (c *core) foldTo(s *shelf, next int64, wrong int64) {
	for at := c.states[0].Next(); at < next; at++ {
		r := s.records[at]
		if label, ok := r.Payload.(domain.SetLabel); ok && at == wrong {
			label.Text += "?"
			r.Payload = label
		}
		c.states[0].Apply(r)
		c.trail[0].add(c.states[0], int64(len(s.records)))
		c.last[0] = snapshot.FingerprintOf(domain.Stored{Offset: at})
	}
}

func (c *core) here() domain.StateHash {
	return domain.StateHash{Position: domain.Position{Offset: c.states[0].Next()}, Hash: c.states[0].Hash()}
}

const nowhere = -1

// G5: the base of a refold.
func TestARefoldBeginsWhereTheStateWasLastAgreedAndJudgesAsOneFromTheBeginning(t *testing.T) {
	for _, c := range []struct {
		name  string
		wrong int64 // the record that the running state has misread
		lapse int64 // the position at which alone it was wrong
		saved []int64
		agree int64 // where another server agreed; 0 for nowhere
		spoil bool  // what was saved is not what led to the agreed state
		from  int64 // where the refold is to begin
		again bool  // and then once more from the beginning
	}{
		{name: "a sound state, agreed and saved", wrong: nowhere, saved: []int64{50}, agree: 60, from: 50},
		{name: "a snapshot at the very place that was agreed", wrong: nowhere, saved: []int64{60}, agree: 60, from: 60},
		{name: "a sound state, saved and not agreed", wrong: nowhere, saved: []int64{50}, from: 0},
		{name: "a sound state, agreed and not saved", wrong: nowhere, agree: 60, from: 0},
		{name: "a wrong state", wrong: 70, saved: []int64{50}, agree: 60, from: 50},
		{name: "a wrong state that was saved as well", wrong: 70, saved: []int64{50, 80, 90}, agree: 60, from: 50},
		{name: "a wrong state that was saved and never agreed", wrong: 40, saved: []int64{50, 80, 90}, from: 0},
		{name: "a state that was wrong for a while and is right again", wrong: nowhere, lapse: 75, saved: []int64{50, 104}, agree: 60, from: 50},
		{name: "a sound state, and a snapshot that does not lead to what was agreed", wrong: nowhere, saved: []int64{50}, agree: 60, spoil: true, from: 50, again: true},
		{name: "a wrong state, and a snapshot that does not lead to what was agreed", wrong: 70, saved: []int64{50}, agree: 60, spoil: true, from: 50, again: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := labels(110)
			k := keeper(t, s)
			save := func(from *core) {
				snap := from.export()
				if err := k.store.Save(snap, k.reach()); err != nil {
					t.Fatal(err)
				}
			}
			for next := int64(1); next <= int64(len(s.records)); next++ {
				k.foldTo(s, next, c.wrong)
				for _, at := range c.saved {
					if at != next {
						continue
					}
					if !c.spoil {
						save(k)
						continue
					}
					other := keeper(t, s)
					other.foldTo(s, next, 45)
					save(other)
				}
				if next == c.agree {
					k.prove(k.here())
				}
			}
			for i := range k.trail[0].ring {
				if f := &k.trail[0].ring[i]; c.lapse > 0 && f.next == c.lapse {
					f.hash = domain.Hash{}
				}
			}
			statement := k.testify(0)
			err := k.examine(t.Context(), []testimony{statement})
			if len(s.read) == 0 || s.read[0] != c.from {
				t.Errorf("the refold read from %v, want it to begin at %d", s.read, c.from)
			}
			beginnings := 0
			for _, at := range s.read {
				if at == 0 {
					beginnings++
				}
			}
			if c.again != (c.from > 0 && beginnings == 1) {
				t.Errorf("the refold read from %v, want it once more from the beginning: %v", s.read, c.again)
			}
			plain := k.foldAgain(t.Context(), partition.New(0, 1, partition.DefaultLimits()), &statement, false)
			if errors.Is(plain, errWrong) != errors.Is(err, errWrong) || (plain == nil) != (err == nil) {
				t.Errorf("from its base: %v; from the beginning: %v", err, plain)
			}
			if want := c.wrong != nowhere || c.lapse > 0; errors.Is(err, errWrong) != want || (err != nil) != want {
				t.Errorf("judged %v, want it to be found wrong: %v", err, want)
			}
		})
	}
}

func TestACheckpointCountsAsAgreedWhenEveryPartitionIsEqual(t *testing.T) {
	s := labels(20)
	k := keeper(t, s)
	k.foldTo(s, 10, nowhere)
	at10 := k.here()
	k.foldTo(s, 15, nowhere)
	checkpoint := domain.Checkpoint{Hashes: []domain.StateHash{at10}}
	k.expect(domain.Checkpoint{}, 5, "a1")
	if k.verdict != "" || k.agreedAt != 0 {
		t.Fatalf("verdict %q of a checkpoint without a hash", k.verdict)
	}
	k.expect(checkpoint, 6, "a1")
	if k.verdict != domain.HashOK || k.agreedAt != 6 || k.proven[0] != at10 {
		t.Fatalf("verdict %q, agreed at %d, proven %v", k.verdict, k.agreedAt, k.proven[0])
	}
	ahead := keeper(t, s)
	ahead.foldTo(s, 18, nowhere)
	k.expect(domain.Checkpoint{Hashes: []domain.StateHash{ahead.here()}}, 7, "a1")
	if k.agreedAt != 6 {
		t.Fatal("agreed with what it has not folded yet")
	}
	k.foldTo(s, 20, nowhere)
	k.compare()
	if k.agreedAt != 7 || k.proven[0] != ahead.here() {
		t.Fatalf("agreed at %d, want 7", k.agreedAt)
	}
}

func TestADifferenceInOnePartitionIsNoAgreementOfTheOther(t *testing.T) {
	s := labels(20)
	k := keeper(t, s)
	k.foldTo(s, 10, nowhere)
	k.states = append(k.states, partition.New(1, 2, partition.DefaultLimits()))
	k.trail, k.proven, k.high = append(k.trail, newTrail()), append(k.proven, domain.StateHash{}), append(k.high, 0)
	k.refolding = true // one is under way, and no other one begins
	other := domain.StateHash{Position: domain.Position{Partition: 1}}
	k.expect(domain.Checkpoint{Hashes: []domain.StateHash{k.here(), other}}, 6, "a1")
	if k.verdict != domain.HashDiffers || k.agreedAt != 0 || k.dispute == nil || k.proven[0] != k.here() {
		t.Fatalf("verdict %q, agreed at %d, proven %v", k.verdict, k.agreedAt, k.proven)
	}
	other.Hash = k.states[1].Hash()
	k.expect(domain.Checkpoint{Hashes: []domain.StateHash{k.here(), other}}, 7, "a1")
	if k.verdict != domain.HashDiffers {
		t.Fatal("the same primary is believed although nobody knows yet who was wrong")
	}
	k.expect(domain.Checkpoint{Hashes: []domain.StateHash{k.here(), other}}, 8, "b1")
	if k.verdict != domain.HashOK || k.dispute != nil {
		t.Fatalf("verdict %q after another primary has agreed", k.verdict)
	}
}

func TestAPrimaryTrustsWhatAnotherServerHasAgreedWithAndNothingElse(t *testing.T) {
	s := labels(200)
	k := keeper(t, s)
	for i := int64(1); i <= issuedLength+10; i++ {
		k.foldTo(s, i, nowhere)
		k.issue(domain.Checkpoint{Hashes: []domain.StateHash{k.here()}}, 1000+i)
	}
	k.confirmed(1001) // forgotten
	k.confirmed(77)   // never issued
	if got := k.reach()[0]; got != 0 {
		t.Fatalf("proven up to %d without anybody's word", got)
	}
	k.confirmed(1050)
	if got := k.reach()[0]; got != 50 {
		t.Fatalf("proven up to %d, want 50", got)
	}
	k.confirmed(1040)
	if got := k.reach()[0]; got != 50 {
		t.Fatalf("proven up to %d, want 50 still", got)
	}
}

// A server of another build that starts while nobody is primary must not claim
// before it knows that it differs.
func TestAServerIsNotReadyBeforeItWasComparedWithWhatThePrimarySaidLast(t *testing.T) {
	s := labels(20)
	k := keeper(t, s)
	k.caughtUp.Store(true)
	ready := false
	k.report = func(h health) { ready = h.ready }
	k.foldTo(s, 10, nowhere)
	at10 := k.here()
	ahead := keeper(t, s)
	ahead.foldTo(s, 12, nowhere)
	k.expect(domain.Checkpoint{Hashes: []domain.StateHash{at10}}, 6, "a1")
	k.tellHealth()
	if ready {
		t.Fatal("ready before control was read to its end")
	}
	k.expect(domain.Checkpoint{Hashes: []domain.StateHash{ahead.here()}}, 7, "a1")
	k.inform()
	k.tellHealth()
	if ready {
		t.Fatal("ready before the last checkpoint was compared")
	}
	k.foldTo(s, 12, nowhere)
	k.compare()
	if !ready {
		t.Fatal("not ready although all was compared")
	}
}

// Whichever of the two refolds ends first.
func TestADisputeEndsWhenTheOtherOneWasWrongAndThisOneWasRight(t *testing.T) {
	s := labels(20)
	k := keeper(t, s)
	for name, steps := range map[string][]func(){
		"its own refold ends first": {func() { k.dispute.right = true; k.reconcile() }, func() { k.concede("a1") }},
		"the other one ends first":  {func() { k.concede("a1") }, func() { k.dispute.right = true; k.reconcile() }},
	} {
		k.dispute, k.verdict, k.wrong = &dispute{with: "a1"}, domain.HashDiffers, ""
		k.concede("c9") // a third server's quarantine says nothing of this one
		steps[0]()
		if k.verdict != domain.HashDiffers {
			t.Errorf("%s: settled before both have", name)
		}
		steps[1]()
		if k.verdict != "" || k.dispute != nil {
			t.Errorf("%s: verdict %q", name, k.verdict)
		}
		k.foldTo(s, 10, nowhere)
		k.expect(domain.Checkpoint{Hashes: []domain.StateHash{{Position: domain.Position{Offset: 10}}}}, 9, "a1")
		if k.dispute != nil {
			t.Errorf("%s: a checkpoint of a server that was wrong begins a dispute", name)
		}
	}
}

func TestAStateInDoubtIsNotSaved(t *testing.T) {
	for _, c := range []struct {
		name  string
		doubt func(*core)
		saved bool
	}{
		{"nobody doubts it", func(*core) {}, true},
		{"a refold is under way", func(k *core) { k.refolding = true }, false},
		{"it is in quarantine", func(k *core) { k.quarantined = true }, false},
		{"a primary has another state", func(k *core) { k.dispute = &dispute{with: "a1"} }, false},
		{"so it has, and this one is right", func(k *core) { k.dispute = &dispute{with: "a1", right: true} }, false},
	} {
		k := keeper(t, labels(1))
		k.caughtUp.Store(true)
		k.sinceSnapshot = 1
		c.doubt(k)
		if k.worthSaving() != c.saved {
			t.Errorf("%s: saved %v", c.name, !c.saved)
		}
	}
}

func TestAServerThatJoinsIsGivenACheckpointAlsoWhereNothingHappens(t *testing.T) {
	k := keeper(t, labels(1))
	k.term = &reign{term: term{epoch: 3}}
	k.acting.Store(true)
	var published []domain.Payload
	k.publish = func(p domain.Payload) { published = append(published, p) }
	k.checkpoint()
	if len(published) > 0 {
		t.Fatal("a checkpoint although nothing has happened")
	}
	k.greet()
	if len(published) != 1 {
		t.Fatalf("published %v", published)
	}
}

func TestAPrimaryInQuarantineDoesNoChores(t *testing.T) {
	s := labels(1)
	s.records = append(s.records, domain.Record{
		Position: domain.Position{Offset: 3}, Type: domain.TypeTake, UID: "nowhere", Source: "/test", Subject: "unknown",
		Created: s.records[2].Created, Appended: s.records[2].Appended, Payload: domain.Take{Destination: 1, Source: 1},
	})
	k := keeper(t, s)
	k.foldTo(s, 4, nowhere)
	if k.states[0].Owed() == 0 {
		t.Fatal("nothing is owed")
	}
	k.term = &reign{opened: []bool{true}, working: make(map[choreKey]bool)}
	k.quarantined = true
	k.dischargeChores(0) // without the rule it would use a journal that is not there
	if len(k.term.working) > 0 {
		t.Errorf("it works on %v", k.term.working)
	}
}
