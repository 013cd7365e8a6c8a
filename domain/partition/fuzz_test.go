package partition_test

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

// spell makes records out of any bytes, eight for each.
func spell(b []byte) (out []domain.Record) {
	types := []domain.Type{
		domain.TypeTake, domain.TypeSalvo, domain.TypeLabel, domain.TypeLock, domain.TypeInvoke, domain.TypeResolve,
		domain.TypeEpochOpened, domain.TypeTick, domain.TypeConfigured, domain.TypeConnection, domain.TypeReported,
		domain.TypeStarted, domain.TypeOutcome, domain.TypeAnswer, domain.TypeHandled, domain.TypeClaim, "x.v1", "",
	}
	outcomes := []domain.Outcome{domain.Confirmed, domain.Failed, domain.InDoubt, domain.Superseded, domain.Refused, "x", domain.Expired}
	offset := int64(0)
	for ; len(b) >= 8; b = b[8:] {
		n := int(int8(b[1]))
		at := domain.Position{Offset: offset - int64(b[3]%16)}
		uid, device := fmt.Sprint("u", b[2]%8), []string{router, gate, "nobody", "", "\xff"}[min(int(b[4]%8), 4)%5]
		if b[4]%8 > 4 {
			device = router
		}
		values := []domain.Value{{Target: crosspoint(n), Value: fmt.Sprint(b[3])}, {Target: domain.LockTarget("", n), Value: "locked"}}
		payloads := []domain.Payload{
			take(n, int(b[3])), domain.Salvo{Takes: []domain.Take{take(n, 1), take(n+int(b[3]%3), 2)}},
			domain.SetLabel{Port: domain.PortInput, Number: n, Text: string(b[2:5])}, domain.SetLock{Destination: n, State: domain.LockOn},
			domain.Invoke{Verb: "pulse"}, domain.Resolve{UID: fmt.Sprint("u", b[3]%8), As: domain.ResolvedAgain},
			domain.EpochOpened{Incarnation: fmt.Sprint(b[2]), Time: domain.Instant(n) << 55}, domain.Tick{Time: domain.Instant(n) << 50},
			domain.Configured{Definition: routerDefinition(), Removed: n < -100}, domain.Connection{Up: n > 0},
			domain.Reported{Values: values, Full: b[2]%2 == 0}, domain.Started{UID: uid, Command: at},
			domain.Ended{UID: uid, Command: at, Outcome: outcomes[int(b[3])%len(outcomes)], Items: []domain.Item{{Target: crosspoint(n)}}},
			domain.Answer{UID: uid, Repeat: at}, domain.Handled{Record: at}, domain.Claim{}, nil, (*domain.Take)(nil),
		}
		if device == gate {
			payloads[8] = domain.Configured{Definition: gateDefinition()}
		}
		kind := int(b[0]) % len(types)
		r := domain.Record{
			Position: domain.Position{Offset: offset}, Appended: domain.Instant(binary.LittleEndian.Uint16(b[5:])) * domain.Instant(time.Second),
			Type: types[kind], UID: uid, Subject: device, Created: domain.Instant(n) * domain.Instant(time.Second),
			Epoch: uint64(b[6] % 4), Sequence: uint64(b[7] % 32), Signed: b[7] < 224, Payload: payloads[kind],
		}
		if b[7]%16 == 15 {
			r.Payload, r.Created, r.Appended = payloads[int(b[6])%len(payloads)], domain.Instant(n)<<56, -r.Created<<56
		}
		out = append(out, r)
		offset += 1 + int64(b[6]>>7)
	}
	return out
}

func FuzzApply(f *testing.F) {
	f.Add([]byte("\x06\x01\x01\x01\x00\x00\x01\x01\x08\x01\x01\x01\x00\x00\x01\x02\x00\x01\x01\x01\x00\x00\x00\x00"))
	f.Add([]byte("\x06\x01\x01\x01\x00\x00\x01\x01\x08\x01\x01\x01\x01\x00\x01\x02\x04\x01\x01\x01\x01\x00\x00\x00\x0b\x01\x01\x01\x01\x00\x01\x03\x0c\x01\x01\x02\x01\x00\x01\x04"))
	f.Fuzz(func(t *testing.T, b []byte) {
		log := spell(b)
		limits := partition.Limits{Window: time.Hour, UIDs: 6, Pending: 3, Chores: 8, Doubts: 1}
		one, two := partition.New(0, 1, limits), partition.New(0, 1, limits)
		for i, r := range log {
			x := one.Apply(r)
			y := two.Apply(r)
			if x.Verdict != y.Verdict || x.Reason != y.Reason || x.Defect != y.Defect {
				t.Fatalf("record %d: %+v and %+v", i, x, y)
			}
			if x.Verdict == partition.Ignored {
				t.Fatalf("record %d was ignored", i)
			}
			if i == len(log)/2 {
				again, err := partition.Restore(two.Export())
				if err != nil {
					t.Fatal(err)
				}
				two = again
			}
		}
		if one.Hash() != two.Hash() {
			t.Fatal("two folds of the same records differ")
		}
		n := one.Counters()
		if sum := n.Accepted + n.Duplicates + n.Conflicts + n.Refused + n.Misplaced + n.Applied + n.Repeated + n.Fenced + n.Dead; sum != n.Records {
			t.Fatalf("%d verdicts of %d records", sum, n.Records)
		}
		if one.Owed() > limits.Chores {
			t.Fatalf("%d chores, the limit is %d", one.Owed(), limits.Chores)
		}
	})
}
