package codec_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
)

func TestEachDefectIsFound(t *testing.T) {
	c := keyed(t)
	take := encode(t, c, command(domain.Take{Destination: 5, Source: 12}))
	tick := encode(t, c, fact(domain.Tick{Time: instant}))
	beat := encode(t, c, control(domain.Heartbeat{Incarnation: "00ff", N: 1}))
	json := func(value string) domain.Stored {
		return withValue(with(take, "content-type", "application/json"), []byte(value))
	}
	log := domain.TopicLog
	for _, test := range []struct {
		name  string
		topic domain.TopicKind
		m     domain.Stored
		want  domain.Defect
	}{
		{"a sound command is sound", log, take, domain.DefectNone},
		{"a sound fact is sound", log, tick, domain.DefectNone},
		{"foreign headers are ignored", log, with(with(take, "traceparent", "00-x"), "ce_foreign", "x"), domain.DefectNone},
		{"parameters of the content type are tolerated", log, with(take, "content-type", "Application/MsgPack; charset=utf-8"), domain.DefectNone},

		{"no headers at all", log, domain.Stored{}, domain.DefectHeaders},
		{"another version of CloudEvents", log, with(take, "ce_specversion", "0.3"), domain.DefectHeaders},
		{"no source", log, with(take, "ce_source", ""), domain.DefectHeaders},
		{"a source that is too long", log, with(take, "ce_source", strings.Repeat("s", domain.MaxSource+1)), domain.DefectHeaders},
		{"no type", log, with(take, "ce_type", ""), domain.DefectHeaders},
		{"a time that is none", log, with(take, "ce_time", "yesterday"), domain.DefectHeaders},
		{"a time without a zone", log, with(take, "ce_time", "2026-01-31T20:14:07"), domain.DefectHeaders},
		{"a time beyond the range of an instant", log, with(take, "ce_time", "2300-01-01T00:00:00Z"), domain.DefectHeaders},
		{"the instant that means not given", log, with(take, "ce_time", "1970-01-01T00:00:00Z"), domain.DefectHeaders},
		{"a validity without a unit that is no whole number", log, with(take, "ce_validfor", "1.5"), domain.DefectHeaders},
		{"a validity of nothing", log, with(take, "ce_validfor", "0"), domain.DefectHeaders},
		{"a negative validity", log, with(take, "ce_validfor", "-1s"), domain.DefectHeaders},
		{"a validity over the limit", log, with(take, "ce_validfor", "3600001"), domain.DefectHeaders},
		{"an origin that is no position", log, with(take, "ce_origin", "3"), domain.DefectHeaders},
		{"a user that is not UTF-8", log, with(take, "ce_user", "\xff"), domain.DefectHeaders},
		{"an epoch that is no number", log, with(take, "ce_epoch", "x"), domain.DefectHeaders},
		{"a header of ours that stands twice", log, doubled(take, "ce_id"), domain.DefectHeaders},
		{"a content type that stands twice", log, doubled(take, "content-type"), domain.DefectHeaders},

		{"no UID", log, with(take, "ce_id", ""), domain.DefectUID},
		{"a UID that is too long", log, with(take, "ce_id", strings.Repeat("u", domain.MaxUID+1)), domain.DefectUID},
		{"a UID that is not UTF-8", log, with(take, "ce_id", "u\xff"), domain.DefectUID},
		{"no device", log, with(take, "ce_subject", ""), domain.DefectSubject},
		{"a device name that is too long", log, with(take, "ce_subject", strings.Repeat("d", domain.MaxSubject+1)), domain.DefectSubject},
		{"a control record without a member", domain.TopicControl, with(beat, "ce_subject", ""), domain.DefectSubject},

		{"a type never heard of", log, with(take, "ce_type", "crosspoint.take.v9"), domain.DefectType},
		{"a type that is not UTF-8", log, with(take, "ce_type", "\xff"), domain.DefectType},

		{"a command in control", domain.TopicControl, take, domain.DefectWrongTopic},
		{"a fact in control", domain.TopicControl, tick, domain.DefectWrongTopic},
		{"a heartbeat in the log", log, beat, domain.DefectWrongTopic},
		{"a dead letter in elections", domain.TopicElections, with(take, "ce_type", string(domain.TypeDeadLetter)), domain.DefectWrongTopic},
		{"a topic that does not exist", 9, take, domain.DefectWrongTopic},

		{"no content type", log, with(take, "content-type", ""), domain.DefectContentType},
		{"another content type", log, with(take, "content-type", "text/plain"), domain.DefectContentType},
		{"structured CloudEvents", log, with(take, "content-type", "application/cloudevents+json"), domain.DefectContentType},
		{"a fact in JSON", log, with(tick, "content-type", "application/json"), domain.DefectContentType},

		{"a fact without a MAC", log, with(tick, "ce_mac", ""), domain.DefectUnsigned},
		{"a fact without a key id", log, with(tick, "ce_keyid", ""), domain.DefectUnsigned},
		{"a fact under an unknown key", log, with(tick, "ce_keyid", "k9"), domain.DefectUnsigned},
		{"a fact under another of our keys", log, with(tick, "ce_keyid", "k1"), domain.DefectUnsigned},
		{"a fact with a MAC that is no base64url", log, with(tick, "ce_mac", strings.Repeat("*", 43)), domain.DefectUnsigned},
		{"a heartbeat without a MAC", domain.TopicControl, with(beat, "ce_mac", ""), domain.DefectUnsigned},
		{"a resolution without a MAC", log, with(take, "ce_type", string(domain.TypeResolve)), domain.DefectUnsigned},

		{"a value over the limit", log, withValue(take, make([]byte, domain.MaxValue+1)), domain.DefectTooLarge},
		{"a value that cannot be decoded is only looked at up to the limit", log, withValue(take, make([]byte, domain.MaxValue)), domain.DefectPayload},
		{"no value", log, withValue(take, nil), domain.DefectPayload},
		{"a value cut off", log, withValue(take, take.Value[:len(take.Value)-1]), domain.DefectPayload},
		{"something behind the value", log, withValue(take, append(bytes.Clone(take.Value), 0)), domain.DefectPayload},
		{"a map that claims four thousand million fields", log, withValue(take, []byte{0xdf, 0xff, 0xff, 0xff, 0xff}), domain.DefectPayload},
		{"a misspelt field", log, json(`{"destnation":5,"source":12}`), domain.DefectPayload},
		{"a field in capitals", log, json(`{"Destination":5,"source":12}`), domain.DefectPayload},
		{"a field that stands twice", log, json(`{"destination":5,"destination":6,"source":12}`), domain.DefectPayload},
		{"a field that stands twice, once as null", log, json(`{"level":null,"level":"x","destination":6,"source":12}`), domain.DefectPayload},
		{"a missing field", log, json(`{"destination":5}`), domain.DefectPayload},
		{"a null in the place of a number", log, json(`{"destination":5,"source":null}`), domain.DefectPayload},
		{"a null for an optional field is sound", log, json(`{"level":null,"destination":5,"source":12}`), domain.DefectNone},
		{"text in the place of a number", log, json(`{"destination":"5","source":12}`), domain.DefectPayload},
		{"a fraction in the place of a whole number", log, json(`{"destination":5.0,"source":12}`), domain.DefectPayload},
		{"a number far out of range", log, json(`{"destination":3000000000,"source":12}`), domain.DefectPayload},
		{"an array in the place of an object", log, json(`[5,12]`), domain.DefectPayload},
		{"JSON with something behind it", log, json(`{"destination":5,"source":12} {}`), domain.DefectPayload},
		{"JSON that is none", log, json(`{"destination":5,`), domain.DefectPayload},
		{"JSON nested without end", log, json(strings.Repeat(`[`, 1000) + strings.Repeat(`]`, 1000)), domain.DefectPayload},
		{"JSON text that is not UTF-8", log, json("{\"level\":\"\xff\",\"destination\":5,\"source\":12}"), domain.DefectPayload},
		{"text over the limit", log, json(`{"level":"` + strings.Repeat("l", domain.MaxText+1) + `","destination":5,"source":12}`), domain.DefectPayload},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := c.Decode(test.topic, partition, test.m)
			if r.Defect != test.want {
				t.Fatalf("defect %q (%s), want %q", r.Defect, r.Detail, test.want)
			}
			if (r.Defect == "") != (r.Payload != nil) || (r.Defect == "") != (r.Detail == "") {
				t.Errorf("defect %q with payload %v and detail %q", r.Defect, r.Payload, r.Detail)
			}
		})
	}
}

func doubled(m domain.Stored, key string) domain.Stored {
	v, _ := m.Header(key)
	m.Headers = append(m.Headers[:len(m.Headers):len(m.Headers)], domain.Header{Key: key, Value: v})
	return m
}

func TestSalvosAndArgumentsAreBounded(t *testing.T) {
	c := keyed(t)
	takes := func(n int) string {
		return `{"takes":[` + strings.TrimSuffix(strings.Repeat(`{"destination":1,"source":1},`, n), ",") + `]}`
	}
	args := func(n int) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(`,"a` + strings.Repeat("x", i) + `":1`)
		}
		return `{"verb":"v","args":{` + strings.TrimPrefix(b.String(), ",") + `}}`
	}
	for _, test := range []struct {
		name  string
		t     domain.Type
		value string
		want  domain.Defect
	}{
		{"the largest salvo", domain.TypeSalvo, takes(domain.MaxSalvo), ""},
		{"a salvo with one more", domain.TypeSalvo, takes(domain.MaxSalvo + 1), domain.DefectPayload},
		{"an empty salvo is for the fold to refuse", domain.TypeSalvo, takes(0), ""},
		{"a misspelt field deep in a salvo", domain.TypeSalvo, `{"takes":[{"destination":1,"source":1,"lvl":"x"}]}`, domain.DefectPayload},
		{"as many arguments as allowed", domain.TypeInvoke, args(domain.MaxArgs), ""},
		{"one argument more", domain.TypeInvoke, args(domain.MaxArgs + 1), domain.DefectPayload},
		{"an argument that stands twice", domain.TypeInvoke, `{"verb":"v","args":{"a":1,"a":2}}`, domain.DefectPayload},
		{"an argument that is a list", domain.TypeInvoke, `{"verb":"v","args":{"a":[1]}}`, domain.DefectPayload},
		{"an argument that is null", domain.TypeInvoke, `{"verb":"v","args":{"a":null}}`, domain.DefectPayload},
		{"a label that is missing does not clear the old one", domain.TypeLabel, `{"port":"input","number":1}`, domain.DefectPayload},
		{"a label that is empty does", domain.TypeLabel, `{"port":"input","number":1,"text":""}`, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if r := c.Decode(domain.TopicLog, partition, jsonCommand(test.t, test.value)); r.Defect != test.want {
				t.Errorf("defect %q (%s), want %q", r.Defect, r.Detail, test.want)
			}
		})
	}
}

func jsonCommand(t domain.Type, value string) domain.Stored {
	return stored(domain.Message{
		Key: []byte("videohub-1"), Value: []byte(value),
		Headers: []domain.Header{
			{Key: "ce_specversion", Value: []byte("1.0")}, {Key: "ce_id", Value: []byte("u")},
			{Key: "ce_source", Value: []byte("/script")}, {Key: "ce_type", Value: []byte(t)},
			{Key: "ce_subject", Value: []byte("videohub-1")}, {Key: "content-type", Value: []byte("application/json")},
		},
	})
}

func TestArgumentsBecomeText(t *testing.T) {
	c := keyed(t)
	for _, test := range []struct{ name, given, want string }{
		{"text stays", `"a\u00e9\n\"b"`, "aé\n\"b"},
		{"a whole number", `-12`, "-12"},
		{"digits stay as written", `1.50`, "1.50"},
		{"an exponent stays as written", `1E9`, "1E9"},
		{"a number beyond 64 bits", `123456789012345678901234567890`, "123456789012345678901234567890"},
		{"minus nought", `-0`, "-0"},
		{"true", `true`, "true"},
		{"false", `false`, "false"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := c.Decode(domain.TopicLog, partition, jsonCommand(domain.TypeInvoke, `{"verb":"v","args":{"a": `+test.given+` }}`))
			if v, ok := r.Payload.(domain.Invoke); !ok || v.Args["a"] != test.want {
				t.Errorf("got %+v (%s), want %q", r.Payload, r.Detail, test.want)
			}
		})
	}
}

func TestArgumentsInMsgpackBecomeTheSameText(t *testing.T) {
	c := keyed(t)
	head := "\x82\xa4verb\xa1v\xa4args\x81\xa1a"
	for _, test := range []struct{ name, given, want string }{
		{"a small number", "\x05", "5"},
		{"a negative number", "\xd1\xff\x00", "-256"},
		{"the highest unsigned number", "\xcf\xff\xff\xff\xff\xff\xff\xff\xff", "18446744073709551615"},
		{"a float", "\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00", "1.5"},
		{"a short float", "\xca\x3d\xcc\xcc\xcd", "0.1"},
		{"true", "\xc3", "true"},
		{"not a number is refused", "\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00", ""},
		{"an extension is refused", "\xd4\x01\x31", ""},
		{"bytes are refused", "\xc4\x01\x31", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := with(jsonCommand(domain.TypeInvoke, head+test.given), "content-type", "application/msgpack")
			r := c.Decode(domain.TopicLog, partition, m)
			v, _ := r.Payload.(domain.Invoke)
			if v.Args["a"] != test.want || (r.Defect == "") != (test.want != "") {
				t.Errorf("got %+v, defect %q (%s), want %q", r.Payload, r.Defect, r.Detail, test.want)
			}
		})
	}
}

func TestValidityInBothForms(t *testing.T) {
	c := keyed(t)
	take := encode(t, c, command(domain.Take{Destination: 5, Source: 12}))
	for given, want := range map[string]time.Duration{"1500": 1500 * time.Millisecond, "1.5s": 1500 * time.Millisecond, "1h": time.Hour, "3600000": time.Hour} {
		if r := c.Decode(domain.TopicLog, partition, with(take, "ce_validfor", given)); r.ValidFor != want {
			t.Errorf("%q: %v (%s), want %v", given, r.ValidFor, r.Detail, want)
		}
	}
}

func TestAServersRecordOfALaterBuildIsRead(t *testing.T) {
	c := keyed(t)
	m := encode(t, c, fact(domain.Tick{Time: instant}))
	// One more field, with everything in it that msgpack has.
	m.Value = append([]byte{0x82}, m.Value[1:]...)
	m.Value = append(m.Value, "\xa5later\x92\x81\xa1x\xc0\xd4\x07\x31"...)
	r := keyless().Decode(domain.TopicLog, partition, m)
	if r.Defect != "" || r.Payload != (domain.Tick{Time: instant}) {
		t.Errorf("got %+v, defect %q (%s)", r.Payload, r.Defect, r.Detail)
	}
}

func TestNothingOfTheMessageIsKept(t *testing.T) {
	c := keyed(t)
	for _, r := range samples {
		m := encode(t, c, r)
		got := c.Decode(topicOf(r.Type), partition, m)
		for i := range m.Value {
			m.Value[i] = '!'
		}
		for _, h := range m.Headers {
			for i := range h.Value {
				h.Value[i] = '!'
			}
		}
		if again := encode(t, c, got); !bytes.Equal(again.Value, encode(t, c, r).Value) {
			t.Errorf("%s changed with the bytes that it was read from", r.Type)
		}
	}
}
