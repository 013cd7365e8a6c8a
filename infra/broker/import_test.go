package broker

import (
	"bytes"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// A log holds a record above max.message.bytes where it came in a compressed batch. An
// import must take it too.
func TestARecordLargerThanTheTopicTakesIsImported(t *testing.T) {
	l := openLog(t, startBroker(t, config(t.TempDir())).Address())
	if err := l.KeepTimes(t.Context(), []string{controlTopic}, true); err != nil {
		t.Fatal(err)
	}
	wanted := []domain.Stored{
		{Message: domain.Message{Key: []byte("k"), Value: bytes.Repeat([]byte("large"), 2<<20)}, Appended: domain.Millis(claimed.UnixMilli())},
		{Message: domain.Message{Value: []byte("small")}, Offset: 1, Appended: domain.Millis(claimed.UnixMilli() + 7)},
	}
	for i := range wanted {
		if offset, err := l.Import(t.Context(), controlTopic, 0, wanted[i:i+1]); err != nil || offset != int64(i) {
			t.Fatalf("record %d: offset %d, %v", i, offset, err)
		}
	}
	var got []domain.Stored
	for next := int64(0); next < 2; {
		out, err := l.Fetch(t.Context(), []domain.FetchFrom{{Topic: controlTopic, Offset: next}}, time.Second, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		got, next = append(got, out[0].Messages...), out[0].Next
	}
	for i := range wanted {
		if w, g := domain.FingerprintOf(wanted[i]), domain.FingerprintOf(got[i]); !bytes.Equal(w.Digest, g.Digest) {
			t.Errorf("record %d has %d bytes of %v, and is not what was imported", i, len(got[i].Value), got[i].Appended)
		}
	}
}
