package partition_test

import (
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

func TestACommandIsJudgedByTheDefinitionOfItsDevice(t *testing.T) {
	doubled := domain.Salvo{Takes: []domain.Take{take(1, 1), take(2, 2), take(1, 3)}}
	many := domain.Salvo{Takes: make([]domain.Take, domain.MaxSalvo+1)}
	level := func(args ...string) domain.Invoke {
		m := make(map[string]string)
		for i := 0; i < len(args); i += 2 {
			m[args[i]] = args[i+1]
		}
		return domain.Invoke{Verb: "level", Args: m}
	}
	for _, c := range []struct {
		sentence string
		device   string
		payload  domain.Payload
		reason   domain.Reason // empty: accepted
		wish     domain.Value
	}{
		{"a take within the router's size is accepted", router, take(10, 20), "", domain.Value{Target: "crosspoint/video/10", Value: "20"}},
		{"the level video may be named", router, domain.Take{Level: "video", Destination: 1, Source: 1}, "", domain.Value{Target: "crosspoint/video/1", Value: "1"}},
		{"another level is out of range", router, domain.Take{Level: "audio", Destination: 1, Source: 1}, domain.ReasonOutOfRange, domain.Value{}},
		{"destination 0 is out of range: ports count from 1", router, take(0, 1), domain.ReasonOutOfRange, domain.Value{}},
		{"a destination above the outputs is out of range", router, take(11, 1), domain.ReasonOutOfRange, domain.Value{}},
		{"source 0 is out of range", router, take(1, 0), domain.ReasonOutOfRange, domain.Value{}},
		{"a source above the inputs is out of range", router, take(1, 21), domain.ReasonOutOfRange, domain.Value{}},
		{"a negative destination is out of range", router, take(-1, 1), domain.ReasonOutOfRange, domain.Value{}},
		{"a salvo is accepted", router, domain.Salvo{Takes: []domain.Take{take(1, 1)}}, "", domain.Value{Target: "crosspoint/video/1", Value: "1"}},
		{"an empty salvo is bad", router, domain.Salvo{}, domain.ReasonBadArguments, domain.Value{}},
		{"a salvo over the limit is bad", router, many, domain.ReasonBadArguments, domain.Value{}},
		{"a salvo that names a destination twice is bad", router, doubled, domain.ReasonBadArguments, domain.Value{}},
		{"a salvo with one take out of range is refused as a whole", router, domain.Salvo{Takes: []domain.Take{take(1, 1), take(2, 99)}}, domain.ReasonOutOfRange, domain.Value{}},
		{"an input's label may be as high as the inputs", router, domain.SetLabel{Port: domain.PortInput, Number: 20, Text: "CAM 20"}, "", domain.Value{Target: "label/input/20", Value: "CAM 20"}},
		{"an output's label may not", router, domain.SetLabel{Port: domain.PortOutput, Number: 20, Text: "CAM 20"}, domain.ReasonOutOfRange, domain.Value{}},
		{"an empty label is accepted", router, domain.SetLabel{Port: domain.PortOutput, Number: 1}, "", domain.Value{Target: "label/output/1"}},
		{"a label of 1024 bytes is accepted", router, domain.SetLabel{Port: domain.PortOutput, Number: 1, Text: strings.Repeat("x", 1024)}, "", domain.Value{Target: "label/output/1", Value: strings.Repeat("x", 1024)}},
		{"a label of 1025 bytes is bad", router, domain.SetLabel{Port: domain.PortOutput, Number: 1, Text: strings.Repeat("x", 1025)}, domain.ReasonBadArguments, domain.Value{}},
		{"a label of two lines is bad: the second would be a command", router, domain.SetLabel{Port: domain.PortOutput, Number: 1, Text: "a\nb"}, domain.ReasonBadArguments, domain.Value{}},
		{"a label with a carriage return is bad", router, domain.SetLabel{Port: domain.PortOutput, Number: 1, Text: "a\rb"}, domain.ReasonBadArguments, domain.Value{}},
		{"a label that is not UTF-8 is bad", router, domain.SetLabel{Port: domain.PortOutput, Number: 1, Text: "\xff"}, domain.ReasonBadArguments, domain.Value{}},
		{"a label of another kind of port is bad", router, domain.SetLabel{Port: "serial", Number: 1}, domain.ReasonBadArguments, domain.Value{}},
		{"a lock is wished as owned", router, domain.SetLock{Destination: 3, State: domain.LockOn}, "", domain.Value{Target: "lock/video/3", Value: "owned"}},
		{"a forced unlock is wished as unlocked", router, domain.SetLock{Destination: 3, State: domain.LockForce}, "", domain.Value{Target: "lock/video/3", Value: "unlocked"}},
		{"another lock state is bad", router, domain.SetLock{Destination: 3, State: "maybe"}, domain.ReasonBadArguments, domain.Value{}},
		{"a lock out of range is refused", router, domain.SetLock{Destination: 30, State: domain.LockOn}, domain.ReasonOutOfRange, domain.Value{}},
		{"a router has no verbs", router, domain.Invoke{Verb: "pulse"}, domain.ReasonUnknownVerb, domain.Value{}},
		{"an HTTP device has no crosspoints", gate, take(1, 1), domain.ReasonUnknownVerb, domain.Value{}},
		{"a declared verb is accepted, and its value argument is the wish", gate, level("value", "11"), "", domain.Value{Target: "parameter/level", Value: "11"}},
		{"a verb that is not declared is unknown", gate, domain.Invoke{Verb: "explode"}, domain.ReasonUnknownVerb, domain.Value{}},
		{"an argument that is missing is bad", gate, level(), domain.ReasonBadArguments, domain.Value{}},
		{"an argument that is misspelt is bad", gate, level("valeu", "11"), domain.ReasonBadArguments, domain.Value{}},
		{"an argument too many is bad", gate, level("value", "11", "colour", "red"), domain.ReasonBadArguments, domain.Value{}},
		{"an argument over the limit is bad", gate, level("value", strings.Repeat("x", 1025)), domain.ReasonBadArguments, domain.Value{}},
		{"a one-shot has no wish", gate, domain.Invoke{Verb: "pulse"}, "", domain.Value{}},
		{"a device that is not configured is unknown", "nobody", take(1, 1), domain.ReasonUnknownDevice, domain.Value{}},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			s := opened(t, partition.Limits{})
			ch := s.command(c.device, "u1", c.payload)
			if c.reason != "" {
				s.verdict(ch, partition.Refused)
				if ch.Reason != c.reason {
					t.Fatalf("reason %q, want %q", ch.Reason, c.reason)
				}
				list := s.s.Chores()
				if len(list) != 1 || list[0].Kind != partition.Refuse || list[0].Reason != c.reason || list[0].Detail == "" {
					t.Fatalf("chores %+v, want one refusal with a detail", list)
				}
				return
			}
			s.verdict(ch, partition.Accepted)
			d, _ := s.s.Device(c.device)
			p := d.Pending()[0]
			if c.wish.Target == "" {
				if len(p.Wishes) != 0 || p.Effect != domain.OneShot {
					t.Fatalf("pending %+v, want a one-shot without wishes", p)
				}
				return
			}
			if len(p.Wishes) != 1 || p.Wishes[0] != c.wish {
				t.Fatalf("wishes %v, want %v", p.Wishes, c.wish)
			}
			if cell, ok := d.Cell(c.wish.Target); !ok || cell.Desired != c.wish.Value || cell.DesiredUID != "u1" || cell.DesiredAt != ch.Position {
				t.Fatalf("cell %+v, want it desired by u1", cell)
			}
		})
	}
}

func TestACommandIsJudgedByItsTime(t *testing.T) {
	for _, c := range []struct {
		sentence string
		ahead    time.Duration
		given    bool
		payload  domain.Payload
		reason   domain.Reason
	}{
		{"a minute ahead of log time is still accepted", time.Minute, true, domain.Invoke{Verb: "pulse"}, ""},
		{"more than a minute ahead is from the future", time.Minute + 1, true, domain.Invoke{Verb: "pulse"}, domain.ReasonFromFuture},
		{"three days old is accepted while nothing newer is forgotten", -72 * time.Hour, true, domain.Invoke{Verb: "pulse"}, ""},
		{"a one-shot without ce_time is refused", 0, false, domain.Invoke{Verb: "pulse"}, domain.ReasonNoTime},
		{"an absolute command without ce_time takes its append time", 0, false, domain.Invoke{Verb: "level", Args: map[string]string{"value": "1"}}, ""},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			s := opened(t, partition.Limits{})
			r := domain.Record{Type: c.payload.Type(), UID: "u1", Subject: gate, Payload: c.payload}
			if c.given {
				r.Created = s.now.Add(c.ahead)
			}
			if ch := s.apply(r); ch.Reason != c.reason || (ch.Verdict == partition.Accepted) != (c.reason == "") {
				t.Fatalf("%v %q, want reason %q", ch.Verdict, ch.Reason, c.reason)
			}
		})
	}
}

func TestAMessageThatIsUnsoundIsADeadLetter(t *testing.T) {
	good := domain.Record{Type: domain.TypeTake, UID: "u1", Subject: router, Created: morning, Payload: take(1, 1)}
	for _, c := range []struct {
		sentence string
		change   func(r *domain.Record)
		defect   domain.Defect
	}{
		{"what decoding found stands", func(r *domain.Record) { r.Defect, r.Payload = domain.DefectTooLarge, nil }, domain.DefectTooLarge},
		{"a defect never heard of is counted as bad headers", func(r *domain.Record) { r.Defect = "odd" }, domain.DefectHeaders},
		{"no UID", func(r *domain.Record) { r.UID = "" }, domain.DefectUID},
		{"a UID of 129 bytes", func(r *domain.Record) { r.UID = strings.Repeat("u", 129) }, domain.DefectUID},
		{"a UID that is not UTF-8", func(r *domain.Record) { r.UID = "\xff" }, domain.DefectUID},
		{"no device", func(r *domain.Record) { r.Subject = "" }, domain.DefectSubject},
		{"a device of 129 bytes", func(r *domain.Record) { r.Subject = strings.Repeat("d", 129) }, domain.DefectSubject},
		{"no payload", func(r *domain.Record) { r.Payload = nil }, domain.DefectPayload},
		{"the payload of another type", func(r *domain.Record) { r.Payload = domain.Salvo{} }, domain.DefectPayload},
		{"a pointer to nothing", func(r *domain.Record) { r.Payload = (*domain.Take)(nil) }, domain.DefectPayload},
		{"a type never heard of", func(r *domain.Record) { r.Type = "crosspoint.take.v9" }, domain.DefectType},
		{"a control record", func(r *domain.Record) { r.Type, r.Payload = domain.TypeClaim, domain.Claim{} }, domain.DefectWrongTopic},
		{"a copy of a control record", func(r *domain.Record) { r.Type, r.Payload = domain.TypeElection, domain.Copied{} }, domain.DefectWrongTopic},
		{"a resolution that no server signed", func(r *domain.Record) { r.Type, r.Payload = domain.TypeResolve, domain.Resolve{} }, domain.DefectUnsigned},
		{"an outcome that no server signed", func(r *domain.Record) { r.Type, r.Payload = domain.TypeOutcome, domain.Ended{} }, domain.DefectUnsigned},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			s := opened(t, partition.Limits{})
			r := good
			c.change(&r)
			ch := s.apply(r)
			s.verdict(ch, partition.Dead)
			if ch.Defect != c.defect || s.s.Counters().Defects.Of(string(c.defect)) != 1 {
				t.Fatalf("defect %q, want %q", ch.Defect, c.defect)
			}
			if list := s.s.Chores(); len(list) != 1 || list[0].Kind != partition.DeadLetter || list[0].Defect != c.defect {
				t.Fatalf("chores %+v, want a dead letter", list)
			}
			s.verdict(s.fact("", domain.Handled{Record: ch.Position}), partition.Applied)
			if s.s.Owed() != 0 {
				t.Fatal("the dead letter is still owed after it was handled")
			}
		})
	}
}

func TestACommandForAnotherPartitionsDeviceIsForwarded(t *testing.T) {
	s := newScript(t, partition.Limits{})
	s.s = partition.New(0, 8, partition.Limits{})
	s.open(1)
	stranger := "device-0"
	for i := 0; domain.Partition(stranger, 8) == 0; i++ {
		stranger += "x"
	}
	ch := s.command(stranger, "u1", take(1, 1))
	s.verdict(ch, partition.Misplaced)
	list := s.s.Chores()
	if len(list) != 1 || list[0].Kind != partition.Forward || list[0].UID != "u1" || list[0].Owner != domain.Partition(stranger, 8) {
		t.Fatalf("chores %+v, want it forwarded to its partition", list)
	}
	if _, ok := s.s.Lookup(stranger, "u1"); ok {
		t.Fatal("the UID is remembered where the device does not live")
	}
	s.verdict(s.command(stranger, "u1", take(1, 1)), partition.Misplaced)
	s.verdict(s.fact("", domain.Handled{Record: ch.Position}), partition.Applied)
	if s.s.Owed() != 1 {
		t.Fatalf("%d chores, want the second one left", s.s.Owed())
	}
}

func TestTooManyWaitingCommandsOfADeviceAreOverload(t *testing.T) {
	s := opened(t, partition.Limits{Pending: 2})
	s.verdict(s.command(router, "u1", take(1, 1)), partition.Accepted)
	s.verdict(s.command(router, "u2", take(1, 2)), partition.Accepted)
	if ch := s.command(router, "u3", take(1, 3)); ch.Reason != domain.ReasonOverloaded {
		t.Fatalf("%v %q, want overloaded", ch.Verdict, ch.Reason)
	}
	s.verdict(s.command(gate, "u3", domain.Invoke{Verb: "pulse"}), partition.Accepted)
	s.end(router, "u1", domain.Confirmed)
	s.verdict(s.command(router, "u4", take(1, 3)), partition.Accepted)
}

func TestACommandIsValidForWhatItSaysOrItsDevice(t *testing.T) {
	for _, c := range []struct {
		sentence string
		asked    time.Duration
		device   time.Duration
		effect   domain.Effect
		want     time.Duration
	}{
		{"what it says", 3 * time.Second, time.Minute, domain.Absolute, 3 * time.Second},
		{"never more than the limit", 100 * time.Hour, time.Minute, domain.Absolute, domain.MaxValidFor},
		{"what its device says", 0, 7 * time.Second, domain.Absolute, 7 * time.Second},
		{"a minute for an absolute one", 0, 0, domain.Absolute, time.Minute},
		{"ten seconds for a one-shot", 0, 0, domain.OneShot, 10 * time.Second},
		{"a negative time is none", -time.Second, 0, domain.OneShot, 10 * time.Second},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			s := opened(t, partition.Limits{})
			d := gateDefinition()
			d.ValidAbsolute, d.ValidOneShot = c.device, c.device
			s.fact(gate, domain.Configured{Definition: d})
			var p domain.Payload = domain.Invoke{Verb: "pulse"}
			if c.effect == domain.Absolute {
				p = domain.Invoke{Verb: "level", Args: map[string]string{"value": "1"}}
			}
			ch := s.apply(domain.Record{Type: p.Type(), UID: "u1", Subject: gate, Created: s.now, ValidFor: c.asked, Payload: p})
			s.verdict(ch, partition.Accepted)
			if ch.Pending.ValidFor != c.want {
				t.Fatalf("valid for %v, want %v", ch.Pending.ValidFor, c.want)
			}
		})
	}
}

func TestAUserIsOnlyBelievedIfAServerSigned(t *testing.T) {
	s := opened(t, partition.Limits{})
	r := domain.Record{Type: domain.TypeTake, UID: "u1", Subject: router, Created: s.now, User: "kim", Payload: take(1, 1)}
	if ch := s.apply(r); ch.Pending.User != "" {
		t.Fatalf("user %q of an unsigned command is believed", ch.Pending.User)
	}
	r.UID, r.Signed = "u2", true
	if ch := s.apply(r); ch.Pending.User != "kim" {
		t.Fatalf("user %q, want kim", ch.Pending.User)
	}
}
