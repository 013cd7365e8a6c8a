package codec_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-io/understudy/domain"
)

// FuzzDecode feeds any headers and value, to any topic. Decoding must not fail,
// must decide the same each time, and what it finds sound must survive being
// written and read again.
func FuzzDecode(f *testing.F) {
	c := keyed(f)
	for _, r := range samples {
		m := encode(f, c, r)
		f.Add(uint8(topicOf(r.Type)), string(r.Type), r.UID, r.Subject, header(m, "ce_time"), header(m, "ce_validfor"),
			header(m, "content-type"), "ce_mac", header(m, "ce_mac"), m.Value)
		if domain.ClassOf(r.Type) == domain.ClassCommand {
			j, _ := c.EncodeJSON(r)
			f.Add(uint8(0), string(r.Type), r.UID, r.Subject, "", "1500", "application/json", "ce_user", "alice", j.Value)
		}
	}
	f.Add(uint8(0), "", "", "", "", "", "", "ce_id", "twice", []byte{0xc1})
	f.Fuzz(func(t *testing.T, topic uint8, ty, id, subject, created, validFor, content, key, v string, value []byte) {
		m := stored(domain.Message{Value: value, Headers: []domain.Header{
			{Key: "ce_specversion", Value: []byte("1.0")}, {Key: "ce_source", Value: []byte("/s")},
			{Key: "ce_type", Value: []byte(ty)}, {Key: "ce_id", Value: []byte(id)}, {Key: "ce_subject", Value: []byte(subject)},
			{Key: "ce_time", Value: []byte(created)}, {Key: "ce_validfor", Value: []byte(validFor)},
			{Key: "content-type", Value: []byte(content)}, {Key: "ce_keyid", Value: []byte("k2")}, {Key: key, Value: []byte(v)},
		}})
		kind := domain.TopicKind(topic)
		r := c.Decode(kind, partition, m)
		if diff := cmp.Diff(r, c.Decode(kind, partition, m)); diff != "" {
			t.Fatalf("decided differently the second time:\n%s", diff)
		}
		if diff := cmp.Diff([]domain.Record{r, r}, c.DecodeAll(nil, kind, partition, []domain.Stored{m, m})); diff != "" {
			t.Fatalf("decided differently in a run:\n%s", diff)
		}
		if (r.Defect == "") != (r.Payload != nil) {
			t.Fatalf("defect %q with payload %v", r.Defect, r.Payload)
		}
		if r.Defect == "" && domain.ClassOf(r.Type) != domain.ClassCommand && !r.Signed {
			t.Fatalf("an unsigned %s passed", r.Type)
		}
		// Without a key, servers' values are reached too.
		open := with(with(m, "ce_mac", string(bytes.Repeat([]byte("A"), 43))), "ce_keyid", "k2")
		for _, r := range []domain.Record{r, keyless().Decode(kind, partition, open)} {
			if r.Defect != "" {
				continue
			}
			r.Signed = domain.ClassOf(r.Type) != domain.ClassCommand || r.User != ""
			again, err := c.Encode(kind, partition, r)
			if err != nil {
				t.Fatalf("cannot be written again: %v", err)
			}
			if diff := cmp.Diff(r, c.Decode(kind, partition, stored(again))); diff != "" {
				t.Fatalf("changed by writing it again:\n%s", diff)
			}
		}
	})
}
