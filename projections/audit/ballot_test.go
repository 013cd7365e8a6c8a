package audit

import (
	"crypto/ed25519"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
)

// The plain rules and the fold share no code, and must agree whatever stands in control.
func TestThePlainRulesAgreeWithTheFold(t *testing.T) {
	valid, joined := 0, 0
	void := make(map[string]int)
	for seed := range uint64(300) {
		w := &clerk{Rand: rand.New(rand.NewPCG(seed, 3)), state: election.NewState()}
		plain := newBallot()
		var told []string
		for range 300 {
			if w.IntN(40) == 0 && len(w.state.Members()) > 0 {
				plain = ballotFrom(w.state) // as from a view
			}
			r := w.next()
			ruling, call := w.state.Apply(r), plain.take(&r)
			told = append(told, fmt.Sprintf("%d %s %s %+v: %+v", r.Position.Offset, r.Subject, r.Type, r.Payload, ruling))
			switch r.Payload.(type) {
			case domain.Claim:
				if ruling.Counts {
					valid++
				}
				void[firstWords(ruling.Void)]++
			case domain.Joined:
				joined++
			}
			holder, incarnation, held := w.state.Holder()
			_, isClaim := r.Payload.(domain.Claim)
			if isClaim && ruling.Counts != call.valid || plain.epoch != w.state.Epoch() || plain.held != held || held && plain.holder != (process{holder, incarnation}) || plain.contested != w.state.Contested() {
				for _, line := range told[max(0, len(told)-90):] {
					t.Log(line)
				}
				t.Fatalf("seed %d: the plain rules say valid %v, epoch %d, held %v by %v, contested %v; the fold epoch %d, held %v by %s %s, contested %v",
					seed, call.valid, plain.epoch, plain.held, plain.holder, plain.contested, w.state.Epoch(), held, holder, incarnation, w.state.Contested())
			}
		}
	}
	t.Log(valid, "claims count, void are", void)
	for _, why := range []string{"is drained", "is quarantined", "failover is paused", "was dissolved", "is not a member"} {
		if void[why] == 0 {
			t.Errorf("no claim was void because %s", why)
		}
	}
	if valid < 1000 || joined < 1000 {
		t.Errorf("%d claims counted, of %d joins: the histories do not say much", valid, joined)
	}
}

func firstWords(why string) string {
	for _, known := range []string{"is drained", "is quarantined", "failover is paused", "was dissolved", "is not a member", "is below heard", "epoch"} {
		for i := 0; i+len(known) <= len(why); i++ {
			if why[i:i+len(known)] == known {
				return known
			}
		}
	}
	return why
}

// clerk writes random records of control. It looks at the state to write what mostly
// makes sense.
type clerk struct {
	*rand.Rand
	state  *election.State
	offset int64
	now    domain.Instant
	births int
	n      uint64
}

func (w *clerk) next() domain.Record {
	w.now = w.now.Add(time.Duration(w.IntN(40)) * time.Millisecond)
	w.n++
	name := string(rune('A' + w.IntN(5)))
	if holder, _, held := w.state.Holder(); held && w.IntN(3) == 0 {
		name = holder
	}
	incarnation := name + "0"
	if m, ok := w.state.Member(name); ok {
		incarnation = m.Incarnation
	}
	epoch := w.state.Epoch()
	if w.IntN(12) == 0 {
		epoch += uint64(w.IntN(3))
	}
	r := domain.Record{
		Position: domain.Position{Offset: w.offset}, Appended: w.now, Subject: name, Source: domain.ServerSource(name), Signed: true,
		UID: fmt.Sprint("r", w.offset), Payload: w.payload(name, incarnation, epoch),
	}
	r.Type = r.Payload.Type()
	w.offset++
	return r
}

func (w *clerk) payload(name, incarnation string, epoch uint64) domain.Payload {
	someone := ""
	if w.IntN(2) == 0 {
		someone = string(rune('A' + w.IntN(5)))
	}
	on := w.IntN(3) == 0
	switch w.IntN(40) {
	case 0, 1, 2, 3, 4, 5, 6:
		w.births++
		j := domain.Joined{Incarnation: fmt.Sprint(name, w.births), Precedence: w.IntN(8)}
		if w.births%3 == 0 { // the others are of 0.1.0
			key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
			j.Identity, j.Proof = election.Prove(key, name, fmt.Sprint(name, w.births-w.births%7/6))
		}
		if w.births%11 == 0 {
			j.Identity += "zz" // in no hexadecimal digits
		}
		return j
	case 7:
		return domain.Died{Incarnation: incarnation, Exit: "killed"}
	case 8:
		return domain.Left{Incarnation: incarnation}
	case 9:
		return domain.Removed{By: "ann", Out: w.IntN(12) == 0}
	case 10, 11:
		return domain.Release{Incarnation: incarnation, Epoch: epoch, To: someone}
	case 12, 13:
		return domain.Contest{Epoch: epoch, By: "ann", To: someone}
	case 14:
		return domain.Quarantined{Incarnation: incarnation}
	case 15, 16:
		return domain.Cleared{Incarnation: incarnation}
	case 17, 18:
		return domain.Drained{On: on, By: "ann"}
	case 19:
		return domain.Paused{On: on, By: "ann"}
	case 20:
		if w.IntN(30) == 0 {
			return domain.Dissolved{By: "ann"}
		}
		p := domain.Policy{Order: domain.OrderLongestRunning, FailBack: domain.FailBackNever, MaxMembers: w.IntN(6)}
		switch w.IntN(9) { // some are none
		case 0:
			p.Members = []string{"A"}
		case 1:
			p.HoldDown = 25 * time.Hour
		case 2:
			p.FailBack = "sometimes"
		case 3:
			p.Order, p.Members = domain.OrderDesignated, []string{"B", "A", "B"}
		}
		return p
	case 21:
		return domain.Floor{Epoch: epoch + uint64(w.IntN(3))}
	case 22, 23, 24, 25, 26, 27, 28, 29:
		return domain.Claim{Incarnation: incarnation, Epoch: epoch + 1, Seen: w.state.Heard() - int64(w.IntN(8)/7), N: w.n, TTL: time.Second}
	default:
		return domain.Heartbeat{Incarnation: incarnation, Epoch: epoch, N: w.n - uint64(w.IntN(9)/8*3), TTL: time.Second, Ready: true}
	}
}
