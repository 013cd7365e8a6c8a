package codec_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strconv"
	"testing"

	"github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/domain"
)

// macByTheBook computes a MAC as docs/log-format.md tells a stranger to.
func macByTheBook(m domain.Stored, topic string, partition int32, key []byte) string {
	h := hmac.New(sha256.New, key)
	part := func(b []byte) {
		var n [4]byte
		binary.BigEndian.PutUint32(n[:], uint32(len(b)))
		h.Write(append(n[:], b...))
	}
	part([]byte("understudy.mac.v1"))
	part([]byte(topic))
	part([]byte(strconv.Itoa(int(partition))))
	for _, name := range []string{
		"ce_epoch", "ce_sequence", "ce_type", "ce_id", "ce_source", "ce_subject", "ce_time",
		"ce_user", "ce_origin", "ce_validfor", "content-type",
	} {
		v, _ := m.Header(name)
		part(v)
	}
	part(m.Value)
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

func TestTheMACIsAsTheBookSays(t *testing.T) {
	c := keyed(t)
	for _, r := range samples {
		m := encode(t, c, r)
		got, ok := m.Header("ce_mac")
		if wanted := domain.ClassOf(r.Type) != domain.ClassCommand; ok != wanted {
			t.Errorf("%s has a MAC: %t, want %t", r.Type, ok, wanted)
			continue
		}
		topic := "understudy.main." + topicOf(r.Type).String()
		if want := macByTheBook(m, topic, partition, bytes.Repeat([]byte{2}, 32)); ok && string(got) != want {
			t.Errorf("%s: MAC %s, want %s", r.Type, got, want)
		}
	}
}

func TestAMACFitsOneRecordInOnePlaceOnly(t *testing.T) {
	c := keyed(t)
	r := signedCommand(domain.Take{Destination: 5, Source: 12})
	r.Epoch, r.Sequence, r.Origin = 7, 42, &domain.Position{Partition: 1, Offset: 2}
	m := encode(t, c, r)
	if got := c.Decode(domain.TopicLog, partition, m); !got.Signed {
		t.Fatalf("not signed as written: %+v", got)
	}
	for name, changed := range map[string]domain.Stored{
		"epoch":        with(m, "ce_epoch", "8"),
		"no epoch":     with(m, "ce_epoch", ""),
		"sequence":     with(m, "ce_sequence", "43"),
		"type":         with(m, "ce_type", string(domain.TypeLock)),
		"id":           with(m, "ce_id", "panel-7/1235"),
		"source":       with(m, "ce_source", "/panel/8"),
		"subject":      with(m, "ce_subject", "videohub-2"),
		"time":         with(m, "ce_time", "2026-01-31T20:14:07.6Z"),
		"time, zone":   with(m, "ce_time", "2026-01-31T20:14:07.50Z"),
		"user":         with(m, "ce_user", "bob"),
		"origin":       with(m, "ce_origin", "1:3"),
		"validity":     with(m, "ce_validfor", "2s"),
		"content type": with(m, "content-type", "application/msgpack;x"),
		"value":        withValue(m, append(bytes.Clone(m.Value[:len(m.Value)-1]), 13)),
		"mac":          with(m, "ce_mac", "A"+header(m, "ce_mac")[1:]),
		"key":          with(m, "ce_keyid", "k1"),
	} {
		if got := c.Decode(domain.TopicLog, partition, changed); got.Signed {
			t.Errorf("still signed with another %s", name)
		}
	}
	if got := c.Decode(domain.TopicLog, partition+1, m); got.Signed {
		t.Error("still signed in another partition")
	}
	if got := c.Decode(domain.TopicDeadLetter, partition, m); got.Signed {
		t.Error("still signed in another topic")
	}
	if got := codec.New("other", ring(t)).Decode(domain.TopicLog, partition, m); got.Signed {
		t.Error("still signed in another landscape")
	}
}

func header(m domain.Stored, key string) string {
	v, _ := m.Header(key)
	return string(v)
}

func TestACommandWithABadMACIsStillACommand(t *testing.T) {
	c := keyed(t)
	m := encode(t, c, signedCommand(domain.Take{Destination: 5, Source: 12}))
	for name, m := range map[string]domain.Stored{
		"bad MAC": with(m, "ce_user", "mallory"),
		"no MAC":  with(with(m, "ce_user", "mallory"), "ce_mac", ""),
	} {
		r := c.Decode(domain.TopicLog, partition, m)
		if r.Defect != "" || r.Payload == nil || r.Signed || r.User != "mallory" {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestASignedRecordThatCannotBeReadKeepsItsPlaceInTheSequence(t *testing.T) {
	c := keyed(t)
	m := encode(t, c, fact(domain.Tick{Time: instant}))
	resign := func(m domain.Stored) domain.Stored {
		return with(m, "ce_mac", macByTheBook(m, "understudy.main.log", partition, bytes.Repeat([]byte{2}, 32)))
	}
	for name, m := range map[string]domain.Stored{
		"unknown_type": resign(with(m, "ce_type", "log.tock.v1")),
		"bad_payload":  resign(withValue(m, []byte{0x81})),
		"bad_headers":  resign(with(m, "ce_time", "later")),
	} {
		r := c.Decode(domain.TopicLog, partition, m)
		if string(r.Defect) != name || !r.Signed || r.Epoch != 7 || r.Sequence != 42 {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestAnAuditorWithoutKeysReadsButNothingIsSigned(t *testing.T) {
	c, auditor := keyed(t), keyless()
	for _, r := range samples {
		m := encode(t, c, r)
		got := auditor.Decode(topicOf(r.Type), partition, m)
		if got.Defect != "" || got.Payload == nil || got.Signed {
			t.Errorf("%s: %+v", r.Type, got)
		}
		if domain.ClassOf(r.Type) == domain.ClassCommand {
			continue
		}
		if _, err := auditor.Encode(topicOf(r.Type), partition, r); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%s was written without a key: %v", r.Type, err)
		}
		if got := auditor.Decode(topicOf(r.Type), partition, with(m, "ce_mac", "")); got.Defect != domain.DefectUnsigned {
			t.Errorf("%s without any MAC: %q", r.Type, got.Defect)
		}
	}
}

func TestAnOldKeyStillVerifies(t *testing.T) {
	old, err := codec.NewKeyring("k1", map[string][]byte{"k1": bytes.Repeat([]byte{1}, 32)})
	if err != nil {
		t.Fatal(err)
	}
	m := encode(t, codec.New("main", old), fact(domain.Tick{Time: instant}))
	if r := keyed(t).Decode(domain.TopicLog, partition, m); !r.Signed {
		t.Errorf("not signed: %+v", r)
	}
	if r := codec.New("main", codec.Generate()).Decode(domain.TopicLog, partition, m); r.Defect != domain.DefectUnsigned {
		t.Errorf("a stranger's ring took it: %+v", r)
	}
}

func TestForwardingDoesNotTurnAClaimIntoAFact(t *testing.T) {
	c := keyed(t)
	r := command(domain.Take{Destination: 5, Source: 12})
	r.User, r.Origin = "mallory", &domain.Position{Partition: 1, Offset: 2}
	if got := c.Decode(domain.TopicLog, partition, encode(t, c, r)); got.Signed || got.Origin == nil || got.User != "mallory" {
		t.Errorf("an unsigned command came out of forwarding as %+v", got)
	}
	r.Signed = true
	if got := c.Decode(domain.TopicLog, partition, encode(t, c, r)); !got.Signed {
		t.Errorf("a signed command came out of forwarding as %+v", got)
	}
}

func TestMACsAreComputedByManyAtOnce(t *testing.T) {
	c := keyed(t)
	done := make(chan bool)
	for i := range 4 {
		go func() {
			r := fact(domain.Tick{Time: domain.Instant(i + 1)})
			ok := true
			for range 200 {
				m, err := c.Encode(domain.TopicLog, partition, r)
				ok = ok && err == nil && c.Decode(domain.TopicLog, partition, stored(m)).Signed
			}
			done <- ok
		}()
	}
	for range 4 {
		if !<-done {
			t.Error("a MAC came out wrong beside others")
		}
	}
}
