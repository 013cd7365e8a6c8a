package codec_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/domain"
)

// Records that share memory are those that Decode gives, they keep nothing of
// their messages, and what is decoded after them does not change them.
func TestRecordsOfARunAreWhatTheyAreAlone(t *testing.T) {
	c := keyed(t)
	type place struct {
		topic domain.TopicKind
		m     domain.Stored
	}
	var places []place
	for _, r := range samples {
		places = append(places, place{topicOf(r.Type), encode(t, c, r)})
	}
	var got, want []domain.Record
	for range 20 { // some chunks of memory
		for _, p := range places {
			m := cloned(p.m)
			want = append(want, c.Decode(p.topic, partition, p.m))
			got = c.DecodeAll(got, p.topic, partition, []domain.Stored{m})
			for _, h := range m.Headers {
				clear(h.Value)
			}
			clear(m.Value)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func cloned(m domain.Stored) domain.Stored {
	m.Value, m.Headers = bytes.Clone(m.Value), slices.Clone(m.Headers)
	for i := range m.Headers {
		m.Headers[i].Value = bytes.Clone(m.Headers[i].Value)
	}
	return m
}

func BenchmarkDecodeAll(b *testing.B) {
	const run = 1000
	c := keyed(b)
	for name, r := range hot() {
		b.Run(name, func(b *testing.B) {
			benchmarkRun(b, c, slices.Repeat([]domain.Stored{encode(b, c, r)}, run))
		})
	}
}

// benchmarkRun counts each record as an operation.
func benchmarkRun(b *testing.B, c *codec.Codec, messages []domain.Stored) {
	records := make([]domain.Record, 0, len(messages))
	b.ReportAllocs()
	b.ResetTimer()
	for left := b.N; left > 0; left -= len(messages) {
		records = c.DecodeAll(records[:0], domain.TopicLog, partition, messages[:min(left, len(messages))])
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
