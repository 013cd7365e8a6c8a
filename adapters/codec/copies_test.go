package codec_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/domain"
)

func TestACopiedControlRecordIsVerifiedAgain(t *testing.T) {
	c := keyed(t)
	r := control(domain.Claim{Incarnation: "00ff", Epoch: 8, Seen: 41, N: 1, TTL: 60, Cause: "failover"})
	m, err := c.Encode(domain.TopicControl, 0, r)
	if err != nil {
		t.Fatal(err)
	}
	first := c.Decode(domain.TopicControl, 0, stored(m))
	copied := c.Decode(domain.TopicElections, 0, inElections(t, c, codec.Copy(stored(m))))
	if diff := cmp.Diff(first, c.Original(copied.Payload.(domain.Copied))); diff != "" || !first.Signed {
		t.Errorf("the copy differs (-original +copy):\n%s", diff)
	}
	forged := codec.Copy(stored(m))
	forged.Value = bytes.Replace(forged.Value, []byte("failover"), []byte("forced!!"), 1)
	if r := c.Original(forged); r.Defect != domain.DefectUnsigned {
		t.Errorf("a forged copy passed: %+v", r)
	}
}

func inElections(t *testing.T, c *codec.Codec, copied domain.Copied) domain.Stored {
	t.Helper()
	m, err := c.Encode(domain.TopicElections, 0, fact(copied))
	if err != nil {
		t.Fatal(err)
	}
	return stored(m)
}

func TestAnyRecordCanBeBuried(t *testing.T) {
	c := keyed(t)
	big := stored(domain.Message{Key: bytes.Repeat([]byte("k"), 1<<16), Value: make([]byte, domain.MaxValue+1)})
	for i := range 500 {
		big.Headers = append(big.Headers, domain.Header{Key: "ce_id", Value: make([]byte, 5000)},
			domain.Header{Key: string(rune('a'+i)) + string(make([]byte, 3000)), Value: make([]byte, 5000)})
	}
	small := jsonCommand(domain.TypeTake, `{"destnation":1}`)
	bigKey := small
	bigKey.Key = big.Key
	for name, m := range map[string]domain.Stored{
		"everything is big":   big,
		"the value is big":    withValue(small, make([]byte, domain.MaxDeadLetter+1)),
		"the key is big":      bigKey,
		"a header is big":     with(small, "foreign", strings.Repeat("x", 5000)),
		"a header is doubled": doubled(small, "ce_id"),
		"small":               small,
	} {
		r := c.Decode(domain.TopicLog, partition, m)
		d := c.Bury(domain.TopicLog, m, r)
		if d.Reason == "" || d.Reason != r.Defect || d.Topic != "understudy.main.log" || d.Record != r.Position || d.Truncated == (name == "small") {
			t.Errorf("%s: buried as %+v", name, d)
		}
		back := c.Decode(domain.TopicDeadLetter, partition, encode(t, c, fact(d)))
		if diff := cmp.Diff(d, back.Payload); diff != "" {
			t.Errorf("%s (-buried +read):\n%s", name, diff)
		}
	}
}
