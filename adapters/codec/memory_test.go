package codec_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/understudy-io/understudy/domain"
)

// Values as large as allowed, made to be as much as possible once they are read.
func TestAHostileValueTakesLittleMemory(t *testing.T) {
	const most = 24 << 20
	full := func(head, fill string) []byte {
		return []byte(head + strings.Repeat(fill, (domain.MaxValue-len(head))/len(fill)))
	}
	elements := "\xdd\x00\x0f\xf0\x00" // an array of 1,044,480
	server := func(ty domain.Type, value []byte) domain.Stored {
		m := withValue(with(with(jsonCommand(ty, ""), "content-type", "application/msgpack"), "ce_keyid", "k2"), value)
		return with(m, "ce_mac", strings.Repeat("A", 43))
	}
	for name, m := range map[string]domain.Stored{
		"verbs of nothing":       server(domain.TypeConfigured, full("\x81\xaadefinition\x81\xa5verbs"+elements, "\xc0")),
		"items of nothing":       server(domain.TypeOutcome, full("\x81\xa5items"+elements, "\x80")),
		"values of nothing":      server(domain.TypeReported, full("\x81\xa6values"+elements, "\xc0")),
		"as many as are allowed": server(domain.TypeConfigured, full("\x81\xaadefinition\x81\xa5verbs\xdc\x40\x00", "\xc0")),
		"nested arrays":          server(domain.TypeTick, full("\x81\xa1x", "\x91")),
		"takes of nothing":       withValue(with(jsonCommand(domain.TypeSalvo, ""), "content-type", "application/msgpack"), full("\x81\xa5takes"+elements, "\xc0")),
		"JSON arrays":            withValue(jsonCommand(domain.TypeSalvo, ""), []byte(`{"takes":[`+strings.Repeat("[],", 349_000)+`[]]}`)),
		"JSON arrays in arrays":  withValue(jsonCommand(domain.TypeSalvo, ""), []byte(strings.Repeat("[", 500_000)+strings.Repeat("]", 500_000))),
		"JSON escapes":           withValue(jsonCommand(domain.TypeLabel, ""), []byte(`{"text":"`+strings.Repeat(`\n`, 500_000)+`"}`)),
	} {
		if len(m.Value) > domain.MaxValue {
			t.Fatalf("%s: %d bytes, so it is not decoded at all", name, len(m.Value))
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r := keyless().Decode(domain.TopicLog, partition, m)
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > most {
			t.Errorf("%s took %d MiB", name, took>>20)
		}
		if r.Defect != domain.DefectPayload {
			t.Errorf("%s: defect %q (%s), want bad_payload", name, r.Defect, r.Detail)
		}
	}
}

func TestJSONIsNotFollowedIntoTheDeep(t *testing.T) {
	deep := jsonCommand(domain.TypeTake, `{"x":`+strings.Repeat("[", 8)+strings.Repeat("]", 8)+`}`)
	if r := keyless().Decode(domain.TopicLog, partition, deep); !strings.Contains(r.Detail, "nested deeper than 8") {
		t.Errorf("defect %q (%s)", r.Defect, r.Detail)
	}
}

func TestEveryValueCutAnywhereIsBad(t *testing.T) {
	c := keyed(t)
	for _, r := range samples {
		m := encode(t, c, r)
		for n := range m.Value {
			cut := withValue(m, m.Value[:n:n])
			// Without keys, so that the MAC does not stand before the value.
			if got := keyless().Decode(topicOf(r.Type), partition, cut); got.Defect != domain.DefectPayload {
				t.Errorf("%s cut to %d of %d bytes: defect %q", r.Type, n, len(m.Value), got.Defect)
			}
		}
	}
}
