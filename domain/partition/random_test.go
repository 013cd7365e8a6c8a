package partition_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
	"github.com/understudy-io/understudy/integration/oracle"
)

// Small limits, so that a short history meets all of them.
var tight = partition.Limits{Window: 90 * time.Second, UIDs: 20, Pending: 4, Chores: 24, Doubts: 2}

// author writes random histories. It looks at the state to write things that
// mostly make sense, and mixes in what does not.
type author struct {
	*rand.Rand
	s        *partition.State
	now      domain.Instant
	offset   int64
	epoch    uint64
	sequence uint64
	late     bool
	last     []domain.Record
	devices  []string // of partition 0 of 2
	stranger string   // of partition 1

	revisions *rand.Rand // when the configuration changes
}

func newAuthor(seed uint64, s *partition.State) *author {
	a := &author{Rand: rand.New(rand.NewPCG(seed, 7)), s: s, now: morning, revisions: rand.New(rand.NewPCG(seed, 8))}
	for i := 0; len(a.devices) < 4 || a.stranger == ""; i++ {
		name := fmt.Sprintf("device-%d", i)
		if domain.Partition(name, 2) == 1 {
			a.stranger = name
		} else if len(a.devices) < 4 {
			a.devices = append(a.devices, name)
		}
	}
	return a
}

func (a *author) one(n int) bool { return a.IntN(n) == 0 }

// uid is one of the last few minutes, so that some come again.
func (a *author) uid() string { return fmt.Sprint("u", int(a.offset)/8+a.IntN(20)) }

func (a *author) definition(i int) domain.Definition {
	d := domain.Definition{Device: a.devices[i], Driver: domain.DriverVideohub, Inputs: 4, Outputs: 3, OnReconnect: domain.Adopt}
	switch {
	case i == 1:
		d.OnReconnect = domain.Restore
	case i == 2 || a.one(12):
		d.Driver, d.Inputs, d.Outputs = domain.DriverHTTP, 0, 0
		d.Verbs = gateDefinition().Verbs
	}
	return d
}

// next writes one record.
func (a *author) next() domain.Record {
	a.now = a.now.Add(time.Duration(a.IntN(4000)) * time.Millisecond)
	r := a.draft()
	r.Position.Offset = a.offset
	a.offset += 1 + int64(a.IntN(2))
	if r.Appended == 0 {
		r.Appended = a.now
	}
	switch {
	case a.one(60):
		r.Appended -= domain.Instant(time.Minute)
	case a.one(120):
		r.Appended += domain.Instant(time.Hour) // a broker's clock is wrong
	case a.one(150):
		a.now, a.late = a.now.Add(20*time.Minute), true // nobody wrote for a while
	}
	a.last = append(a.last, r)
	return r
}

func (a *author) draft() domain.Record {
	if a.epoch == 0 || a.one(60) {
		a.epoch++
		a.sequence = 1
		return a.server(domain.Record{Payload: domain.EpochOpened{Incarnation: fmt.Sprint("i", a.epoch), Time: a.now}}, 0)
	}
	if a.late {
		a.late = false
		return a.server(domain.Record{Payload: domain.Tick{Time: a.now}}, 1)
	}
	if a.revisions.IntN(25) == 0 {
		return a.revision()
	}
	if n := len(a.s.Devices()); n < 3 && a.one(2) {
		return a.server(domain.Record{Subject: a.devices[n], Payload: domain.Configured{Definition: a.definition(n)}}, 1)
	}
	switch n := a.IntN(100); {
	case n < 30:
		return a.command()
	case n < 33:
		return a.resolution()
	case n < 92:
		return a.server(a.fact(), 1)
	case n < 96 && len(a.last) > 0:
		r := a.last[a.IntN(len(a.last))] // an append that was tried again
		r.Appended = 0
		return r
	}
	return a.nonsense()
}

// server signs a record, mostly with the right epoch and sequence.
func (a *author) server(r domain.Record, step uint64) domain.Record {
	r.Type, r.Signed, r.Epoch = r.Payload.Type(), true, a.epoch
	r.Sequence = a.sequence + step
	switch {
	case a.one(50):
		r.Sequence += uint64(a.IntN(4)) - 2
	case a.one(50):
		r.Epoch += uint64(a.IntN(4)) - 2
	default:
		a.sequence = r.Sequence
	}
	return r
}

func (a *author) device() string {
	if a.one(25) {
		return a.stranger
	}
	return a.devices[a.IntN(len(a.devices))]
}

func (a *author) command() domain.Record {
	r := domain.Record{UID: a.uid(), Subject: a.device(), Created: a.now, Payload: a.wish()}
	for _, c := range a.s.Chores() {
		if c.Kind == partition.Again && a.one(3) {
			r.UID, r.Subject, r.Payload = c.UID, c.Device, c.Payload
		}
	}
	switch {
	case a.one(8):
		r.Created -= domain.Instant(a.IntN(200)) * domain.Instant(time.Second)
	case a.one(15):
		r.Created += domain.Instant(a.IntN(120)) * domain.Instant(time.Second)
	case a.one(10):
		r.Created = 0
	}
	r.Type = r.Payload.Type()
	return r
}

func (a *author) wish() domain.Payload {
	one := func() domain.Take { return take(1+a.IntN(3), 1+a.IntN(4)) }
	switch a.IntN(10) {
	case 0:
		return domain.Salvo{Takes: []domain.Take{one(), one()}}
	case 1:
		return take(a.IntN(6), a.IntN(6))
	case 2:
		return domain.SetLock{Destination: 1 + a.IntN(3), State: []domain.LockState{"lock", "unlock", "force-unlock"}[a.IntN(3)]}
	case 3, 4:
		return domain.Invoke{Verb: "pulse"}
	case 5:
		return domain.Invoke{Verb: "level", Args: map[string]string{"value": fmt.Sprint(1 + a.IntN(4))}}
	case 6:
		return domain.Invoke{Verb: []string{"pulse", "level", "other"}[a.IntN(3)], Args: map[string]string{"x": "1"}}
	}
	return one()
}

func (a *author) resolution() domain.Record {
	v := domain.Resolve{UID: a.uid(), As: []domain.Resolution{"done", "not-done", "again", "again", "perhaps"}[a.IntN(5)]}
	r := domain.Record{Type: domain.TypeResolve, UID: fmt.Sprint("r", a.IntN(60)), Subject: a.device(), Created: a.now, Signed: !a.one(10), User: "kim"}
	for _, d := range a.s.Devices() {
		if q := d.Doubts(); len(q) > 0 && !a.one(4) {
			r.Subject, v.UID = d.ID(), q[a.IntN(len(q))].UID
		}
	}
	r.Payload = v
	return r
}

// revision changes the configuration of the landscape, or tries to.
func (a *author) revision() domain.Record {
	near := func(n uint64) uint64 {
		if a.one(6) {
			return n + uint64(a.IntN(3)) - 1
		}
		return n
	}
	keepers := []string{"", "", "A", "B"}
	latest := a.s.LatestRevision()
	epoch, primary, override := near(a.epoch), []string{"A", "A", "B"}[a.IntN(3)], a.one(4)
	r := domain.Record{UID: a.uid(), Subject: domain.SubjectOfRevisions, User: "kim", Created: a.now, Signed: !a.one(20)}
	switch a.IntN(5) {
	case 0:
		r.Payload = domain.RevisionPart{Bytes: []byte("x")}
	case 1:
		r.Payload = domain.Activated{Revision: near(latest), Epoch: epoch, Primary: primary, Override: override}
	case 2:
		return a.server(domain.Record{Payload: domain.RevisionApplied{Revision: near(max(a.s.ActiveRevision(), 1))}}, 1)
	default:
		v := domain.Published{
			Parent: near(latest), Hash: strings.Repeat("0f", 32), Size: 1, Parts: []int64{a.offset - 1}, Comment: fmt.Sprint("c", a.offset),
			Activate: a.one(2), Keeper: keepers[a.IntN(4)], Epoch: epoch, Primary: primary, Override: override,
		}
		v.Revision = near(v.Parent + 1)
		switch {
		case a.one(12):
			v.Parts[0] = a.offset
		case a.one(12):
			v.Hash = "short"
		case a.one(12):
			v.Activate, v.TakeOver = a.one(2), "B"
		}
		r.Payload = v
	}
	r.Type = r.Payload.Type()
	return r
}

func (a *author) fact() domain.Record {
	i := a.IntN(len(a.devices))
	r := domain.Record{Subject: a.devices[i]}
	switch a.IntN(40) {
	case 0:
		r.Payload = domain.Configured{Definition: a.definition(min(i, 2)), Removed: a.one(4)}
		r.Subject = r.Payload.(domain.Configured).Definition.Device
	case 1:
		r.Payload = domain.Connection{Up: a.one(2)}
	case 2, 3, 4, 5, 6, 7:
		r.Payload = a.report()
	case 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19:
		r = a.progress(r)
	case 20:
		r.Payload = domain.Tick{Time: a.now.Add(time.Duration(a.IntN(3)) * 8 * time.Minute)}
	default:
		r = a.chore(r)
	}
	return r
}

func (a *author) report() domain.Reported {
	v := domain.Reported{Full: a.one(4)}
	for range a.IntN(4) {
		x := domain.Value{Target: crosspoint(1 + a.IntN(3)), Value: fmt.Sprint(1 + a.IntN(4))}
		if a.one(3) {
			x = domain.Value{Target: domain.LockTarget("", 1+a.IntN(3)), Value: []string{"owned", "locked", "unlocked"}[a.IntN(3)]}
		}
		if a.one(8) {
			x.Target = "parameter/level"
		}
		v.Values = append(v.Values, x)
	}
	return v
}

// progress starts or ends a pending command, or one that is none.
func (a *author) progress(r domain.Record) domain.Record {
	for _, d := range a.s.Devices() {
		if len(d.Pending()) > 2 && a.one(2) {
			r.Subject = d.ID()
		}
	}
	uid, at := a.uid(), domain.Position{Offset: int64(a.IntN(int(a.offset) + 1))}
	effect := domain.Absolute
	if d, ok := a.s.Device(r.Subject); ok && len(d.Pending()) > 0 && !a.one(10) {
		p := d.Pending()[0]
		if a.one(3) {
			p = d.Pending()[a.IntN(len(d.Pending()))]
		}
		uid, at, effect = p.UID, p.Command, p.Effect
	}
	if effect == domain.OneShot && a.one(2) || a.one(20) {
		r.Payload = domain.Started{UID: uid, Command: at}
		return r
	}
	r.Payload = domain.Ended{UID: uid, Command: at, Outcome: []domain.Outcome{
		domain.Confirmed, domain.Confirmed, domain.Failed, domain.Expired, domain.Superseded, domain.InDoubt, domain.Refused, "",
	}[a.IntN(6+a.IntN(3))]}
	return r
}

// chore does one of the things that are owed.
func (a *author) chore(r domain.Record) domain.Record {
	r.Payload = domain.Handled{Record: domain.Position{Offset: int64(a.IntN(int(a.offset) + 1))}}
	list := a.s.Chores()
	if len(list) == 0 {
		return r
	}
	c := list[a.IntN(len(list))]
	r.Subject = c.Device
	switch c.Kind {
	case partition.Refuse:
		r.Payload = domain.Ended{UID: c.UID, Command: c.Position, Outcome: domain.Refused, Reason: c.Reason}
	case partition.GiveAnswer:
		r.Payload = c.Answer
	case partition.DeadLetter, partition.Forward:
		r.Payload = domain.Handled{Record: c.Position}
	}
	return r
}

func (a *author) nonsense() domain.Record {
	r := a.command()
	switch a.IntN(7) {
	case 0:
		r.Defect, r.Payload = domain.DefectPayload, nil
	case 1:
		r.UID = ""
	case 2:
		r.Type, r.Payload = domain.TypeTick, domain.Tick{Time: a.now} // not signed
	case 3:
		r.Payload = nil
	case 4:
		r = a.server(domain.Record{Payload: domain.Tick{}}, 1)
		r.Defect, r.Payload = domain.DefectPayload, nil
	case 5:
		r.Type = domain.TypeSalvo
		r.Payload = take(1, 1)
	case 6:
		r = a.server(domain.Record{Payload: domain.EpochOpened{Incarnation: "thief"}}, 0)
		r.Sequence = 1
	}
	return r
}

// More of them: go test ./domain/partition -run Random -histories 10000
var (
	histories = flag.Uint64("histories", 120, "how many random histories are compared with the plain fold")
	firstSeed = flag.Uint64("seed", 0, "the seed of the first of them")
)

func TestRandomHistoriesGiveWhatThePlainFoldGives(t *testing.T) {
	histories, length := *histories, 400
	if testing.Short() {
		histories = min(histories, 40)
	}
	seen := make(map[string]int)
	for seed := *firstSeed; seed < *firstSeed+histories; seed++ {
		s := partition.New(0, 2, tight)
		o := oracle.New(0, 2, tight)
		a := newAuthor(seed, s)
		for i := range length {
			r := a.next()
			ch := s.Apply(r)
			v, reason, defect := o.Apply(r)
			seen[v.String()+" "+string(reason)+string(defect)]++
			if ch.Verdict != v || ch.Reason != reason && v == partition.Refused || ch.Defect != defect {
				t.Fatalf("seed %d, record %d %+v:\n fold   %v %q %q\n oracle %v %q %q", seed, i, r, ch.Verdict, ch.Reason, ch.Defect, v, reason, defect)
			}
			if diff := o.Compare(s, a.devices); diff != "" {
				t.Fatalf("seed %d, after record %d %+v:\n%s", seed, i, r, diff)
			}
		}
	}
	for _, want := range []string{
		"accepted ", "duplicate ", "conflict ", "misplaced ", "applied ", "repeated ", "fenced stale_epoch",
		"refused too_old", "refused from_future", "refused no_time", "refused overloaded", "refused unknown_device",
		"refused stale_revision", "refused unknown_revision", "refused config_locked", "refused epoch_moved", "refused unknown_verb", "refused out_of_range", "refused bad_arguments", "refused not_in_doubt",
		"dead bad_sequence", "dead stale_epoch", "dead impossible", "dead bad_payload", "dead bad_uid", "dead unauthenticated",
	} {
		if seen[want] == 0 && histories >= 40 {
			t.Errorf("no history had a record that is %q: the test does not test that", want)
		}
	}
	t.Log(seen)
}

func TestAStateRestoredAtAnyPointGoesOnAsIfNothingHadHappened(t *testing.T) {
	for seed := range uint64(25) {
		s := partition.New(0, 2, tight)
		a := newAuthor(1000+seed, s)
		var log []domain.Record
		for range 250 {
			r := a.next()
			log = append(log, r)
			s.Apply(r)
		}
		for cut := 0; cut <= len(log); cut += 1 + a.IntN(9) {
			first := partition.New(0, 2, tight)
			for _, r := range log[:cut] {
				first.Apply(r)
			}
			second, err := partition.Restore(first.Export())
			if err != nil {
				t.Fatalf("seed %d, cut at %d: %v", seed, cut, err)
			}
			for _, r := range log[cut:] {
				second.Apply(r)
			}
			if second.Hash() != s.Hash() {
				t.Fatalf("seed %d, cut at %d: hash %s, without the cut %s", seed, cut, second.Hash(), s.Hash())
			}
			if got, want := asJSON(t, second), asJSON(t, s); got != want {
				t.Fatalf("seed %d, cut at %d: the exports differ:\n%s\n%s", seed, cut, got, want)
			}
		}
	}
}

// However often it is asked for: after each record, after some, or only once more
// has changed than waits to be hashed.
func TestTheRunningHashIsTheHashComputedAnew(t *testing.T) {
	for seed := range uint64(21) {
		s := partition.New(0, 2, tight)
		a := newAuthor(2000+seed, s)
		length, every := 400, int(seed)+1
		if seed == 20 {
			length, every = 5000, 5000
		}
		for i := range length {
			s.Apply(a.next())
			if (i+1)%every != 0 {
				continue
			}
			// Restore adds up every item of the export from nothing.
			if _, err := partition.Restore(s.Export()); err != nil {
				t.Fatalf("seed %d, record %d: %v", seed, i, err)
			}
		}
	}
}

func asJSON(t *testing.T, s *partition.State) string {
	b, err := json.Marshal(s.Export())
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
