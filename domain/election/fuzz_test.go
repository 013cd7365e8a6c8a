package election

import (
	"bytes"
	"math"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// FuzzApply folds arbitrary records, three times: straight, again, and with an
// export and a restore in the middle. The fold is total and deterministic, epochs
// only grow, and a void record changes no role.
func FuzzApply(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 1, 3, 0, 0, 1})
	f.Add([]byte("joined, claimed, contested, removed, joined anew and so on"))
	f.Add(bytes.Repeat([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13}, 9))
	f.Fuzz(func(t *testing.T, data []byte) {
		records := recordsOf(data)
		s, again := NewState(), NewState()
		middle := NewState()
		for i, r := range records {
			epoch, before := s.Epoch(), s.term()
			ruling := s.Apply(r)
			if s.Epoch() < epoch {
				t.Fatalf("record %d: epoch %d follows on %d", i, s.Epoch(), epoch)
			}
			if ruling.Void != "" && (ruling.Counts || s.term() != before) || ruling.Changed != (s.term() != before) {
				t.Fatalf("record %d: %+v, but %+v became %+v", i, ruling, before, s.term())
			}
			if other := again.Apply(r); other != ruling {
				t.Fatalf("record %d: %+v, and again %+v", i, ruling, other)
			}
			middle.Apply(r)
			if i == len(records)/2 {
				restored, err := Restore(middle.Export())
				if err != nil {
					t.Fatalf("record %d: %v", i, err)
				}
				middle = restored
			}
		}
		if s.Hash() != again.Hash() || s.Hash() != middle.Hash() {
			t.Fatalf("three folds of the same:\n%s\n%s\n%s", s.Export(), again.Export(), middle.Export())
		}
		if len(s.members) > MaxMembers || len(s.retired) > MaxRetired {
			t.Fatalf("%d members, %d retired", len(s.members), len(s.retired))
		}
	})
}

// FuzzRestore reads arbitrary bytes; what is read can be written, and folded on.
func FuzzRestore(f *testing.F) {
	f.Add(NewState().Export())
	w := newWorld()
	w.start(Config{Member: "a", Incarnation: "a1"}, 1, nil)
	w.run(time.Second)
	f.Add(w.oracle.Export())
	f.Add([]byte(`{"version":2}`))
	f.Add(bytes.Replace(w.oracle.Export(), []byte(`"retired"`), []byte(`"outreached":{"at":0,"times":-1},"retired"`), 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Restore(b)
		if err != nil {
			return
		}
		again, err := Restore(s.Export())
		if err != nil || again.Hash() != s.Hash() {
			t.Fatalf("%s is read, but what it gives is not: %v", b, err)
		}
		for _, m := range s.Members() {
			if s.unproven(m.Name, 1) != again.unproven(m.Name, 1) {
				t.Fatalf("two restored states of %s judge another way", b)
			}
		}
		for _, r := range recordsOf(b) {
			r.Position.Offset += s.Next()
			if s.Apply(r) != again.Apply(r) {
				t.Fatalf("two restored states of %s differ", b)
			}
		}
	})
}

// recordsOf makes records of bytes: few names and small numbers, so that they
// often fit, and some that never should.
func recordsOf(data []byte) (out []domain.Record) {
	next := func() int {
		if len(data) == 0 {
			return 0
		}
		b := data[0]
		data = data[1:]
		return int(b)
	}
	pick := func(from ...string) string { return from[next()%len(from)] }
	name := func() string { return pick("a", "b", "c", "", "\xff") }
	number := func() uint64 { return []uint64{0, 1, 2, 3, 4, 5, math.MaxUint64}[next()%7] }
	ttl := func() time.Duration {
		return []time.Duration{60 * time.Millisecond, time.Second, 0, -1, math.MaxInt64}[next()%5]
	}
	for offset := int64(0); len(data) > 0 && offset < 400; {
		kind := next()
		incarnation := pick("1", "2", "3", "", "\xff")
		r := domain.Record{Subject: name(), Signed: kind != 255, UID: pick("u", "v", "\xff"), Appended: domain.Instant(next())}
		offset += int64(next()%3) - 1
		r.Position.Offset = offset
		offset++
		switch kind % 20 {
		case 0, 1:
			r.Payload = domain.Joined{Incarnation: incarnation, Precedence: next(), Address: pick("x", "\xff")}
		case 2, 3:
			r.Payload = domain.Heartbeat{Incarnation: incarnation, Epoch: number(), N: number(), TTL: ttl(), Ready: next()%2 == 0}
		case 4, 5:
			r.Payload = domain.Claim{Incarnation: incarnation, Epoch: number(), Seen: int64(next()) - 2, N: number(), TTL: ttl()}
		case 6:
			r.Payload = domain.Release{Incarnation: incarnation, Epoch: number(), To: name()}
		case 7:
			r.Payload = domain.Died{Incarnation: incarnation}
		case 8:
			r.Payload = domain.Contest{Epoch: number(), By: name(), To: name(), Devices: []string{"x"}[:next()%2]}
		case 9:
			r.Payload = domain.Left{Incarnation: incarnation}
		case 10:
			r.Payload = domain.Removed{By: name(), Out: next()%2 == 0}
		case 11:
			r.Payload = domain.Quarantined{Incarnation: incarnation}
		case 12:
			r.Payload = domain.Cleared{Incarnation: incarnation}
		case 13:
			r.Payload = domain.Floor{Epoch: number()}
		case 15, 16:
			r.Payload = domain.Policy{
				By: name(), Order: domain.PolicyOrder(pick("longest-running", "precedence", "designated", "x")), Members: []string{name(), name()}[:next()%3],
				FailBack: domain.FailBack(pick("never", "auto", "manual", "x")), HoldDown: ttl(), MaxMembers: next() - 2,
			}
		case 17:
			r.Payload = domain.Paused{On: next()%2 == 0, By: name()}
		case 18:
			r.Payload = domain.Drained{On: next()%2 == 0, By: name()}
		case 19:
			r.Payload = domain.Dissolved{By: pick("", "", "", "ops", "\xff")}
		case 14:
			r.Payload, r.Defect = []domain.Payload{nil, domain.View{}, domain.Checkpoint{}, domain.Take{}}[next()%4], domain.Defect(pick("", "bad_payload"))
		}
		out = append(out, r)
	}
	return out
}
