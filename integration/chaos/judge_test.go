package main

import (
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
	"github.com/understudy-io/understudy/infra/up"
)

// book writes a history as a sound landscape would leave it, on one partition.
type book struct {
	*History
	fold     *partition.State
	now      domain.Mono
	epoch    uint64
	sequence uint64
	server   string
}

const ms = time.Millisecond

// sound is a short history in which all is well: A is primary, then B; routes, a
// one-shot, a repeat, a salvo, an outage of the log, and checkpoints.
func sound() *book {
	b := &book{
		History: &History{Owner: map[string]int32{up.VideohubID: 0, up.GateID: 0}, Log: make([][]domain.Record, 1), Final: map[string]string{"server A": ""}},
		fold:    partition.New(0, 1, partition.DefaultLimits()), now: time.Second,
	}
	b.open(1, "A")
	b.fact(up.VideohubID, domain.Configured{Definition: domain.Definition{Device: up.VideohubID, Driver: domain.DriverVideohub, Address: "127.0.0.1:1", Inputs: 40, Outputs: 40, OnReconnect: domain.Adopt}})
	b.fact(up.GateID, domain.Configured{Definition: domain.Definition{Device: up.GateID, Driver: domain.DriverHTTP, Address: "http://127.0.0.1:1", Verbs: []domain.Verb{
		{Name: "pulse", Effect: domain.OneShot, Method: "POST", URL: "/pulse"},
	}}})
	b.read(3)
	b.route("r1", 1, 7)
	b.pulse("p1")
	b.checkpoint()
	b.route("r2", 2, 8)
	b.repeat("p1")
	b.silence()
	b.open(2, "B")
	b.route("r3", 1, 9)
	b.pulse("p2")
	b.checkpoint()
	b.Ended = b.now
	return b
}

func (b *book) append(r domain.Record) domain.Record {
	b.now += ms
	r.Position = domain.Position{Offset: int64(len(b.Log[0]))}
	r.Appended = domain.Instant(b.now)
	b.Log[0] = append(b.Log[0], r)
	b.fold.Apply(r)
	return r
}

func (b *book) open(epoch uint64, server string) {
	b.epoch, b.sequence, b.server = epoch, 1, server
	b.append(domain.Record{Type: domain.TypeEpochOpened, Epoch: epoch, Sequence: 1, Signed: true, Payload: domain.EpochOpened{Server: server, Incarnation: server + "1", Time: domain.Instant(b.now)}})
}

func (b *book) fact(device string, p domain.Payload) {
	b.sequence++
	b.append(domain.Record{Type: p.Type(), Subject: device, Epoch: b.epoch, Sequence: b.sequence, Signed: true, Payload: p})
}

func (b *book) command(c Call, p domain.Payload) domain.Record {
	c.Via, c.Called = "kafka", b.now
	r := b.append(domain.Record{Type: p.Type(), UID: c.UID, Source: "/test", Subject: c.Device, Created: domain.Instant(time.Second), Payload: p})
	c.Acked, c.Position, c.Returned = true, r.Position, b.now
	b.Calls = append(b.Calls, c)
	return r
}

func (b *book) receive(r Received) {
	b.now += ms
	r.At, r.Server, r.Client = b.now, b.server, "127.0.0.11:1"
	b.Received = append(b.Received, r)
}

func (b *book) end(r domain.Record) {
	b.fact(r.Subject, domain.Ended{UID: r.UID, Command: r.Position, Outcome: domain.Confirmed, Server: b.server})
	b.now += 300 * ms
}

func (b *book) route(uid string, destination, source int) {
	r := b.command(Call{Device: up.VideohubID, UID: uid}, domain.Take{Destination: destination, Source: source})
	b.receive(Received{Device: up.VideohubID, Destination: destination, Source: source})
	b.end(r)
	now := b.Reads[len(b.Reads)-1].Sources
	b.read(now...)
	b.Reads[len(b.Reads)-1].Sources[destination-1] = source
}

func (b *book) read(sources ...int) {
	all := make([]int, 3)
	copy(all, sources)
	for i := range all {
		all[i] = max(all[i], 1)
	}
	b.Reads = append(b.Reads, Read{Called: b.now, Returned: b.now + ms, Sources: all})
	b.now += 50 * ms
}

func (b *book) pulse(uid string) {
	r := b.command(Call{Device: up.GateID, UID: uid}, domain.Invoke{Verb: "pulse"})
	b.fact(up.GateID, domain.Started{UID: uid, Command: r.Position})
	b.receive(Received{Device: up.GateID, UID: uid, OneShot: true})
	b.end(r)
}

func (b *book) repeat(uid string) {
	r := b.command(Call{Device: up.GateID, UID: uid}, domain.Invoke{Verb: "pulse"})
	var first domain.Record
	for _, x := range b.Log[0] {
		if x.UID == uid {
			first = x
			break
		}
	}
	b.fact(up.GateID, domain.Answer{UID: uid, Repeat: r.Position, Original: first.Position, Outcome: domain.Confirmed})
}

func (b *book) checkpoint() {
	at := domain.Position{Offset: b.fold.Next()}
	b.Control = append(b.Control, domain.Record{Type: domain.TypeCheckpoint, Signed: true, Payload: domain.Checkpoint{
		Epoch: b.epoch, Hashes: []domain.StateHash{{Position: at, Hash: b.fold.Hash()}},
	}})
	b.Samples = append(b.Samples, Sample{Server: "B", Next: at.Offset, Hash: b.fold.Hash()})
}

func (b *book) silence() {
	f := Fault{Kind: kindPauseBroker, Target: "broker", Asked: b.now, Held: b.now}
	b.now += 4 * time.Second
	f.Lifted = b.now
	b.Faults = append(b.Faults, f)
}

// find gives the index of the n-th record of a type.
func (b *book) find(t domain.Type, n int) int {
	for i, r := range b.Log[0] {
		if r.Type == t {
			if n--; n < 0 {
				return i
			}
		}
	}
	panic("no such record")
}

func TestASoundHistoryIsJudgedSound(t *testing.T) {
	_, verdicts := Judge(sound().History)
	for _, v := range verdicts {
		if v.Wrong > 0 || v.Looked == 0 {
			t.Errorf("%s %s: looked at %d %s, %d wrong: %v", v.Guarantee, v.What, v.Looked, v.Of, v.Wrong, v.Words)
		}
	}
}

// TestEveryJudgementCanFail: a history is spoiled in one place, and the judgement that
// is there for it must say so.
func TestEveryJudgementCanFail(t *testing.T) {
	const (
		loss, primacy, oneShots, order     = "G1", "G2", "G3 one-shots", "G3 order"
		repeats, state, silence, registers = "G4", "G5", "G8", "registers"
		end                                = "end"
	)
	index := map[string]int{loss: 0, primacy: 1, oneShots: 2, order: 3, repeats: 4, state: 5, silence: 6, registers: 7, end: 8}
	drop := func(b *book, typ domain.Type, n int) { // the record stands there, and says nothing
		i := b.find(typ, n)
		b.Log[0][i] = domain.Record{Position: b.Log[0][i].Position, Appended: b.Log[0][i].Appended, Defect: domain.DefectHeaders}
	}
	for _, x := range []struct {
		name  string
		red   string
		says  string
		spoil func(b *book)
	}{
		{"an outcome is missing", loss, "has no outcome", func(b *book) { drop(b, domain.TypeOutcome, 3) }},
		{"an acknowledged command is not in the log", loss, "there stands", func(b *book) { b.Log[0][b.find(domain.TypeTake, 1)].UID = "other" }},
		{"the log was cut behind an acknowledgement", loss, "there stands", func(b *book) { b.Log[0] = b.Log[0][:b.find(domain.TypeInvoke, 2)] }},
		{"a command has two outcomes", loss, "2 outcomes", func(b *book) {
			e := b.Log[0][b.find(domain.TypeOutcome, 1)].Payload.(domain.Ended)
			e.Outcome = domain.Failed
			b.fact(up.GateID, e)
		}},
		{"a server answers another outcome than the log", loss, "the log says", func(b *book) {
			b.Calls[0].Outcome = domain.Failed
		}},
		{"the old primary writes behind the new one", primacy, "after the first action of B", func(b *book) {
			r := b.Received[len(b.Received)-1]
			b.server = "A"
			b.receive(r)
		}},
		{"the old primary goes on while the new one does nothing", primacy, "had opened epoch 3", func(b *book) {
			b.open(3, "A")
			b.now += time.Second
			b.server = "B"
			b.receive(b.Received[len(b.Received)-1])
		}},
		{"somebody writes who never had an epoch", primacy, "without ever", func(b *book) { b.Received[0].Server = "C" }},
		{"somebody writes who is no server", primacy, "no server", func(b *book) { b.Received[0].Server = "" }},
		{"a one-shot is received twice", oneShots, "2 times", func(b *book) { b.Received = append(b.Received, b.Received[1]) }},
		{"a one-shot is sent before it is written ahead", oneShots, "before it was written ahead", func(b *book) { drop(b, domain.TypeStarted, 0) }},
		{"a one-shot is confirmed that was never received", oneShots, "never received", func(b *book) { b.Received = append(b.Received[:1], b.Received[2:]...) }},
		{"a one-shot has failed that was received", oneShots, "ended failed", func(b *book) {
			i := b.find(domain.TypeOutcome, 1)
			e := b.Log[0][i].Payload.(domain.Ended)
			e.Outcome = domain.Failed
			b.Log[0][i].Payload = e
		}},
		{"two commands are received in the wrong order", order, "after r5 of", func(b *book) {
			one := b.command(Call{Device: up.VideohubID, UID: "r4"}, domain.Take{Destination: 1, Source: 5})
			other := b.command(Call{Device: up.VideohubID, UID: "r5"}, domain.Take{Destination: 2, Source: 6})
			b.receive(Received{Device: up.VideohubID, Destination: 2, Source: 6})
			b.receive(Received{Device: up.VideohubID, Destination: 1, Source: 5})
			b.end(one)
			b.end(other)
		}},
		{"an old source is sent once more behind a newer one", order, "the newer r3", func(b *book) { b.receive(b.Received[0]) }},
		{"something is received that nobody asked for", order, "nobody had asked", func(b *book) { b.receive(Received{Device: up.VideohubID, Destination: 3, Source: 3}) }},
		{"something is sent that has ended", order, "after its outcome", func(b *book) {
			b.now += time.Second
			b.receive(Received{Device: up.VideohubID, Destination: 1, Source: 9})
		}},
		{"a repeat has no answer", repeats, "has no answer", func(b *book) { drop(b, domain.TypeAnswer, 0) }},
		{"a repeat is answered otherwise", repeats, "was answered in_doubt", func(b *book) {
			i := b.find(domain.TypeAnswer, 0)
			a := b.Log[0][i].Payload.(domain.Answer)
			a.Outcome = domain.InDoubt
			b.Log[0][i].Payload = a
		}},
		{"two servers answer differently", repeats, "by B", func(b *book) {
			c := b.Calls[0]
			c.Outcome, c.Via = domain.Confirmed, "A"
			b.Calls = append(b.Calls, c)
			c.Outcome, c.Via = domain.Expired, "B"
			b.Calls = append(b.Calls, c)
		}},
		{"a checkpoint has another hash", state, "the checkpoint at", func(b *book) {
			b.Control[0].Payload.(domain.Checkpoint).Hashes[0].Hash = domain.Hash{1}
		}},
		{"a server shows another hash", state, "server B at", func(b *book) { b.Samples[1].Hash = domain.Hash{1} }},
		{"a server is ahead of the log", state, "the log gives 0000", func(b *book) { b.Samples[1].Next += 100 }},
		{"a server has quarantined itself", state, "quarantined itself", func(b *book) {
			b.Control = append(b.Control, domain.Record{Signed: true, Subject: "B", Payload: domain.Quarantined{}})
		}},
		{"somebody acts while the log is away", silence, "lost the log (pause broker", func(b *book) {
			b.Received[3].At = b.Faults[0].Held + 2*time.Second
		}},
		{"who has lost the log acts", silence, "lost the log (cut log", func(b *book) {
			b.Faults[0].Kind, b.Faults[0].Target = kindCutLog, "B"
			b.Received[3].At = b.Faults[0].Held + 2*time.Second
		}},
		{"a confirmed source is not there", registers, "no linearizable register", func(b *book) {
			for i := range b.Reads {
				b.Reads[i].Sources[0] = 1
			}
		}},
		{"an older source comes back", registers, "no linearizable register", func(b *book) {
			b.read(7, 8)
		}},
		{"the router does something before it was asked", registers, "no linearizable register", func(b *book) { b.Reads[1].Sources[1] = 8 }},
		{"a server is not whole in the end", end, "catches up", func(b *book) { b.Final["server A"] = "it catches up for ever" }},
	} {
		t.Run(x.name, func(t *testing.T) {
			b := sound()
			x.spoil(b)
			_, verdicts := Judge(b.History)
			if v := verdicts[index[x.red]]; v.Wrong == 0 {
				t.Errorf("nobody noticed: %q looked at %d %s", v.What, v.Looked, v.Of)
			} else if all := strings.Join(v.Words, "\n"); !strings.Contains(all, x.says) {
				t.Errorf("it is red, but not for this: %s", all)
			}
		})
	}
}

// TestWhatADeviceCannotTellIsUndecided: two connections, less than blur apart.
func TestWhatADeviceCannotTellIsUndecided(t *testing.T) {
	for _, x := range []struct {
		after time.Duration
		wrong int
	}{{blur - ms, 0}, {blur, 1}} {
		b := sound()
		var first Received
		for _, r := range b.Received {
			if r.Server == "B" {
				first = r
				break
			}
		}
		r := b.Received[1] // the one-shot of A, as if it came behind B's first action
		r.At = first.At + x.after
		b.Received[1] = r
		_, verdicts := Judge(b.History)
		if v := verdicts[1]; v.Wrong != x.wrong || v.Undecided != 1-x.wrong {
			t.Errorf("%v after the new primary's first: %d wrong, %d undecided: %v", x.after, v.Wrong, v.Undecided, v.Words)
		}
	}
}

// TestAnActionBehindTimeIsWrongAlsoWithinAStatedLimit, and says which limit it was.
func TestAnActionBehindTimeIsWrongAlsoWithinAStatedLimit(t *testing.T) {
	b := sound()
	b.Faults = append(b.Faults, Fault{Kind: kindPauseServer, Target: "A", Asked: 0, Held: 1, Lifted: b.now})
	r := b.Received[len(b.Received)-1]
	b.server = "A"
	b.receive(r)
	_, verdicts := Judge(b.History)
	if v := verdicts[1]; v.Wrong != 1 || len(v.Stated) != 1 {
		t.Errorf("%d wrong, stated %q", v.Wrong, v.Stated)
	}
}
