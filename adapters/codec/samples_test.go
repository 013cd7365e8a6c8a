package codec_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/domain"
)

// gained names the fields that a type has got since its first release, in the
// name of its sample's golden file; released are records as they were before, by
// the fields that they had gained then.
var gained = map[domain.Type]string{
	domain.TypeHeartbeat: "+agreed+sync+missing+counted", domain.TypeContest: "+devices+missing", domain.TypeRemoved: "+out", domain.TypeInvited: "+signing", domain.TypeJoined: "+identity",
}

var released = []struct {
	gained string
	record domain.Record
}{
	{"", control(domain.Invited{ID: "0a0b", Hash: "0c0d", Until: instant, By: "alice"})},
	{"", control(domain.Removed{By: "alice", Reason: "sold"})},
	{"", control(domain.Joined{Incarnation: "00ff", Precedence: 2, Address: "127.0.0.1:17501", Build: "v0.1.0"})},
	{"", control(domain.Heartbeat{
		Incarnation: "00ff", Epoch: 7, N: 1 << 40, Acked: 41, TTL: 300 * time.Millisecond, Ready: true, Lag: -1, Position: 123456,
		Hash: "ok", Guarded: true, Valve: "kernel", Oldest: time.Millisecond, Uptime: time.Hour,
	})},
	{"+agreed", control(domain.Heartbeat{
		Incarnation: "00ff", Epoch: 7, N: 1 << 40, Acked: 41, TTL: 300 * time.Millisecond, Ready: true, Lag: -1, Position: 123456,
		Hash: "ok", Agreed: 123400, Guarded: true, Valve: "kernel", Oldest: time.Millisecond, Uptime: time.Hour,
	})},
	{"+agreed+sync", control(domain.Heartbeat{
		Incarnation: "00ff", Epoch: 7, N: 1 << 40, Acked: 41, TTL: 300 * time.Millisecond, Ready: true, Lag: -1, Position: 123456,
		Hash: "ok", Agreed: 123400, Guarded: true, Valve: "kernel", Oldest: time.Millisecond, Uptime: time.Hour, Sync: domain.Replaying,
	})},
	{"+agreed+sync+missing", control(domain.Heartbeat{
		Incarnation: "00ff", Epoch: 7, N: 1 << 40, Acked: 41, TTL: 300 * time.Millisecond, Ready: true, Lag: -1, Position: 123456,
		Hash: "ok", Agreed: 123400, Guarded: true, Valve: "kernel", Oldest: time.Millisecond, Uptime: time.Hour, Sync: domain.Replaying, Missing: 300,
	})},
	{"", control(domain.Contest{Epoch: 8, By: "alice", Reason: "fire", To: "B"})},
	{"+devices", control(domain.Contest{Epoch: 8, By: "alice", Reason: "fire", To: "B", Devices: []string{"hub-1", "tor-süd"}})},
}

// samples is one record of every type, every field of every payload set.
var samples = []domain.Record{
	command(domain.Take{Level: "audio", Destination: 5, Source: 12}),
	command(domain.Salvo{Takes: []domain.Take{{Destination: 1, Source: 2}, {Level: "key", Destination: 3, Source: 4}}}),
	command(domain.SetLabel{Port: domain.PortOutput, Number: 7, Text: "Wand groß"}),
	command(domain.SetLock{Level: "audio", Destination: 5, State: domain.LockForce}),
	command(domain.Invoke{Verb: "set-level", Args: map[string]string{"level": "-12.50", "bus": "A", "fast": "true"}}),

	signedCommand(domain.Resolve{UID: "u-1", As: domain.ResolvedAgain, Reason: "seen on the wall"}),

	fact(domain.EpochOpened{Server: "A", Incarnation: "00ff", Time: instant}),
	fact(domain.Tick{Time: instant}),
	fact(domain.Configured{Removed: true, Definition: domain.Definition{
		Device: "gate-1", Driver: domain.DriverHTTP, Address: "http://127.0.0.1:8080", Revision: 3, Inputs: 40, Outputs: 41,
		Verbs: []domain.Verb{{
			Name: "set-level", Effect: domain.Absolute, Method: "POST", URL: "/level/{bus}", Body: "{level}",
			Args: []string{"level", "bus"}, Target: "level", Value: "level", ReadURL: "/level", ReadAt: "/value", Timeout: time.Second,
		}},
		ConfirmWithin: 2 * time.Second, ValidAbsolute: time.Minute, ValidOneShot: 10 * time.Second,
		StandbyPolling: true, PollEvery: 5 * time.Second, OnReconnect: domain.Restore,
	}}),
	fact(domain.Connection{Up: true, Detail: "connected"}),
	fact(domain.Reported{Full: true, Values: []domain.Value{{Target: "crosspoint/video/5", Value: "12"}, {Target: "label/input/1", Value: "\xff"}}}),
	fact(domain.Started{UID: "u-2", Command: domain.Position{Partition: 3, Offset: 300}}),
	fact(domain.Ended{
		UID: "u-3", Command: domain.Position{Partition: 3, Offset: 70000}, Outcome: domain.Superseded, Reason: domain.ReasonNoAnswer,
		Detail: "detail", By: "u-4", Server: "A",
		Items: []domain.Item{{Target: "crosspoint/video/1", Outcome: domain.Confirmed, Reason: domain.ReasonNak}},
		Steps: domain.Steps{Started: 1, Sent: 200, Answered: 40000, Confirmed: 5 * time.Second},
	}),
	fact(domain.Answer{
		UID: "u-5", Repeat: domain.Position{Partition: 3, Offset: 8}, Original: domain.Position{Partition: 2, Offset: 5_000_000_000},
		Outcome: domain.Refused, Reason: domain.ReasonTooOld, Detail: "detail", Conflict: true,
	}),
	fact(domain.Handled{Record: domain.Position{Partition: 3, Offset: 9}}),

	revision(domain.RevisionPart{Number: 1, Bytes: []byte{0x80, 0xff}}),
	revision(domain.Published{
		Revision: 12, Parent: 11, Hash: "00ff", Size: 70000, Parts: []int64{7, 5_000_000_000}, Comment: "two more cameras", Server: "A",
		Activate: true, TakeOver: "B", Keeper: "A", Epoch: 7, Primary: "A", Override: true,
	}),
	revision(domain.Activated{Revision: 12, Comment: "now", Server: "A", Epoch: 7, Primary: "A", Override: true}),
	fact(domain.RevisionApplied{Revision: 12}),

	control(domain.Joined{
		Incarnation: "00ff", Precedence: 2, Address: "127.0.0.1:17501", Build: "v0.1.0", Identity: "0a0b", Proof: "0c0d",
	}),
	control(domain.Heartbeat{
		Incarnation: "00ff", Epoch: 7, N: 1 << 40, Acked: 41, TTL: 300 * time.Millisecond, Ready: true, Lag: -1, Position: 123456,
		Hash: "ok", Agreed: 123400, Guarded: true, Valve: "kernel", Oldest: time.Millisecond, Uptime: time.Hour, Sync: domain.Replaying, Missing: 300, Counted: true,
	}),
	control(domain.Claim{Incarnation: "00ff", Epoch: 8, Seen: -1, N: 1, TTL: 60 * time.Millisecond, Cause: "failover"}),
	control(domain.Release{Incarnation: "00ff", Epoch: 8, To: "B", Reason: "switchover"}),
	control(domain.Died{Incarnation: "00ff", Exit: "signal: killed"}),
	control(domain.Contest{Epoch: 8, By: "alice", Reason: "fire", To: "B", Devices: []string{"hub-1", "tor-süd"}, Missing: 1, HolderMissing: 300}),
	control(domain.Left{Incarnation: "00ff"}),
	control(domain.Removed{By: "alice", Reason: "sold", Out: true}),
	control(domain.Quarantined{Incarnation: "00ff", Reason: "hash differs"}),
	control(domain.Cleared{Incarnation: "00ff", Reason: "rebuilt"}),
	control(domain.Checkpoint{Epoch: 8, Copied: 40, Hashes: []domain.StateHash{{Position: domain.Position{Partition: 3, Offset: 99}, Hash: domain.Hash{1, 2, 3, 1 << 63}}}}),
	control(domain.View{At: 4711, State: []byte{0, 1, 2, 0xff}}),
	control(domain.Signed{Epoch: 7, Note: []byte("understudy.main\n")}),
	control(domain.Floor{Epoch: 9}),
	control(domain.Policy{
		By: "alice", Order: domain.OrderDesignated, Members: []string{"B", "A"}, FailBack: domain.FailBackAuto,
		HoldDown: 10 * time.Second, MaxMembers: 8,
	}),
	control(domain.Paused{On: true, By: "alice", Reason: "work on the switches"}),
	control(domain.Drained{On: true, By: "alice", Reason: "new disks"}),
	control(domain.Dissolved{By: "alice", Reason: "moved"}),
	control(domain.Invited{ID: "0a0b", Hash: "0c0d", Until: instant, By: "alice", Signing: true}),
	control(domain.Admitted{ID: "0a0b", Identity: "0e0f"}),
	control(domain.RevisionAcknowledged{Incarnation: "00ff", Revision: 12, Hash: "00ff", At: 5_000_000_000, Failure: "the disk is full"}),

	fact(domain.DeadLetter{
		Topic: "understudy.main.log", Record: domain.Position{Partition: 3, Offset: 9}, Appended: instant, Reason: domain.DefectPayload,
		Detail: "detail", Key: []byte("k"), Headers: map[string]string{"ce_id": "u", "b": "\xff", "a": ""}, Value: []byte("{"), Truncated: true,
	}),
	decidedLetter(domain.LetterDecided{Letter: 17, As: domain.Requeued, Reason: "this version knows it"}),
	fact(domain.Copied{Control: 12, Headers: map[string]string{"ce_id": "u", "ce_type": "t"}, Value: []byte{0x80}, Time: instant}),
}

const instant = domain.Instant(1_769_890_447_500_000_000) // 2026-01-31T20:14:07.5Z

func command(p domain.Payload) domain.Record {
	return domain.Record{
		Type: p.Type(), UID: "panel-7/1234", Source: "/panel/7", Subject: "videohub-1",
		Created: instant, ValidFor: 1500 * time.Millisecond, Payload: p,
	}
}

func signedCommand(p domain.Payload) domain.Record {
	r := command(p)
	r.User, r.Signed = "alice", true
	return r
}

func revision(p domain.Payload) domain.Record {
	r := signedCommand(p)
	r.Subject, r.ValidFor = domain.SubjectOfRevisions, 0
	return r
}

func fact(p domain.Payload) domain.Record {
	return domain.Record{
		Type: p.Type(), UID: "0199-abcd", Source: "/understudy/server/A", Subject: "videohub-1",
		Created: instant, Epoch: 7, Sequence: 42, Signed: true, Payload: p,
	}
}

func decidedLetter(p domain.Payload) domain.Record {
	r := control(p)
	r.Subject, r.User = "videohub-1", "alice"
	return r
}

func control(p domain.Payload) domain.Record {
	r := fact(p)
	r.Subject, r.Epoch, r.Sequence = "A", 0, 0
	return r
}

func topicOf(t domain.Type) domain.TopicKind {
	switch domain.ClassOf(t) {
	case domain.ClassControl:
		return domain.TopicControl
	case domain.ClassCopy:
		if t == domain.TypeElection {
			return domain.TopicElections
		}
		return domain.TopicDeadLetter
	}
	return domain.TopicLog
}

// The keys of all tests; published here, so of no use anywhere else.
const keyFile = "k2 AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=\nk1 AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n"

func ring(t testing.TB) codec.Keyring {
	t.Helper()
	keys, err := codec.ParseKeyFile([]byte(keyFile))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func keyed(t testing.TB) *codec.Codec { return codec.New("main", ring(t)) }

func keyless() *codec.Codec { return codec.New("main", codec.Keyring{}) }

const (
	partition = int32(3)
	offset    = int64(300)
)

func stored(m domain.Message) domain.Stored {
	return domain.Stored{Message: m, Offset: offset, Appended: domain.Millis(1_769_890_447_777)}
}

// standing is a record as it comes back from where stored puts it.
func standing(r domain.Record) domain.Record {
	r.Position = domain.Position{Partition: partition, Offset: offset}
	r.Appended = domain.Millis(1_769_890_447_777)
	return r
}

func encode(t testing.TB, c *codec.Codec, r domain.Record) domain.Stored {
	t.Helper()
	m, err := c.Encode(topicOf(r.Type), partition, r)
	if err != nil {
		t.Fatal(err)
	}
	return stored(m)
}

// with returns the message with one header set; an empty value removes it.
func with(m domain.Stored, key, value string) domain.Stored {
	var headers []domain.Header
	done := value == ""
	for _, h := range m.Headers {
		if h.Key != key {
			headers = append(headers, h)
		} else if !done {
			headers = append(headers, domain.Header{Key: key, Value: []byte(value)})
			done = true
		}
	}
	if !done {
		headers = append(headers, domain.Header{Key: key, Value: []byte(value)})
	}
	m.Headers = headers
	m.Value = bytes.Clone(m.Value)
	return m
}

func withValue(m domain.Stored, value []byte) domain.Stored {
	m.Value = value
	return m
}
