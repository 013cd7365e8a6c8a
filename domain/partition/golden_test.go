package partition_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

// goldenHash pins the fold: every rule that decides and every canonical form.
// Servers of two builds stand side by side during an update, and compare their
// hashes. If this changes, LogicVersion changes too, and the changelog says that
// such builds do not agree.
const goldenHash = "083db83e7987fa4bdee20c23acbc4132c20bf005bb82bd57b991966a3d5e17ff"

// golden plays a bit of everything.
func golden(s *script) {
	pulse := domain.Invoke{Verb: "pulse"}
	level := func(v string) domain.Payload {
		return domain.Invoke{Verb: "level", Args: map[string]string{"value": v}}
	}
	s.fact(router, domain.Connection{Up: true, Detail: "Smart Videohub"})
	full := domain.Reported{Full: true}
	for n := 1; n <= 10; n++ {
		full.Values = append(full.Values, domain.Value{Target: crosspoint(n), Value: fmt.Sprint(n)},
			domain.Value{Target: domain.LabelTarget(domain.PortOutput, n), Value: fmt.Sprint("MON ", n)})
	}
	s.fact(router, full)
	for i := range 60 {
		s.wait(time.Duration(i) * 700 * time.Millisecond)
		uid := fmt.Sprint("u", i)
		switch i % 10 {
		case 0, 1, 2:
			s.command(router, uid, take(1+i%10, 1+i%20))
		case 3:
			s.command(router, uid, domain.Salvo{Takes: []domain.Take{take(1, i%20), take(2, 3), take(3, 4)}})
		case 4:
			s.command(router, uid, domain.SetLabel{Port: domain.PortInput, Number: 1 + i%22, Text: "CAM " + uid})
		case 5:
			s.command(router, uid, domain.SetLock{Destination: 1 + i%10, State: domain.LockOn})
		case 6:
			s.command(gate, uid, level(uid))
		case 7, 8:
			p := s.command(gate, uid, pulse)
			s.fact(gate, domain.Started{UID: uid, Command: p.Position})
		case 9:
			s.command("nobody", uid, pulse)
		}
		s.command(router, fmt.Sprint("u", i/2), take(1, 1)) // often a repeat or a conflict
		for _, id := range []string{router, gate} {
			if d, _ := s.s.Device(id); len(d.Pending()) > 3 {
				p := d.Pending()[i%3]
				o := []domain.Outcome{domain.Confirmed, domain.Failed, domain.Superseded, domain.Expired}[i%4]
				if p.Started && i%3 > 0 {
					o = domain.InDoubt
				}
				s.fact(id, domain.Ended{UID: p.UID, Command: p.Command, Outcome: o, Reason: domain.ReasonNak, Detail: "detail"})
			}
		}
		s.fact(router, domain.Reported{Values: []domain.Value{{Target: crosspoint(1 + i%10), Value: fmt.Sprint(1 + i%7)}}})
		switch i {
		case 20:
			s.open(2)
		case 30:
			s.apply(domain.Record{Defect: domain.DefectContentType})
			s.apply(domain.Record{Type: domain.TypeTick, Signed: true, Epoch: 1, Sequence: 900, Payload: domain.Tick{}})
			s.apply(domain.Record{Type: domain.TypeTick, Signed: true, Epoch: 2, Sequence: 900, Payload: domain.Tick{}})
		case 40:
			if d, _ := s.s.Device(gate); len(d.Doubts()) > 0 {
				s.operator(gate, "r1", domain.Resolve{UID: d.Doubts()[0].UID, As: domain.ResolvedAgain, Reason: "not seen"})
			}
		case 50:
			s.fact("", domain.Tick{Time: s.now})
		}
	}
	s.apply(domain.Record{Type: domain.TypeTake, UID: "far", Subject: router, Created: s.now.Add(time.Hour), Payload: take(1, 1)})
	s.fact(router, domain.Connection{Detail: "read: connection reset"})
}

func TestTheFoldIsPinned(t *testing.T) {
	s := opened(t, partition.Limits{UIDs: 30})
	golden(s)
	n := s.s.Counters()
	if n.Accepted == 0 || n.Duplicates == 0 || n.Conflicts == 0 || n.Refused == 0 || n.Fenced == 0 || n.Dead == 0 || n.Evicted == 0 || n.Foreign == 0 {
		t.Fatalf("the history has not enough in it: %+v", n)
	}
	if got := s.s.Hash().String(); got != goldenHash {
		t.Errorf("hash %s, want %s\nIf a rule of the fold or a canonical form was meant to change, raise LogicVersion and pin the new hash.", got, goldenHash)
	}
}
