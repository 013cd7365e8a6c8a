package parquetfile_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/understudy-io/understudy/adapters/parquetfile"
	"github.com/understudy-io/understudy/domain"
)

// TestARowHoldsTheWholeRecord: also null and empty, and what is no text.
func TestARowHoldsTheWholeRecord(t *testing.T) {
	var stored []domain.Stored
	for i := range 2500 {
		m := domain.Stored{Offset: int64(3 * i), Appended: domain.Millis(int64(1_800_000_000_000 + i))}
		switch i % 3 {
		case 0:
			m.Key, m.Value = []byte("k"), []byte{0xff, byte(i)}
			m.Headers = []domain.Header{{Key: "ce_id", Value: []byte("u")}, {Key: "ce_id", Value: []byte("v")}, {Key: "x"}}
		case 1:
			m.Key, m.Value = []byte{}, []byte{}
			m.Headers = []domain.Header{{Key: "ce_type", Value: []byte("\xff")}}
		}
		stored = append(stored, m)
	}
	var out bytes.Buffer
	sink := parquetfile.Begin(&out, func(_ string, _ int32, m *domain.Stored) parquetfile.Described {
		return parquetfile.Described{Signed: m.Offset%2 == 0, Payload: []byte(`{"destination":5}`)}
	})
	for i := range stored {
		if err := sink.Add("understudy.main.log", 3, &stored[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
	rows, err := parquet.Read[parquetfile.Row](bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil || len(rows) != len(stored) {
		t.Fatalf("%d rows: %v", len(rows), err)
	}
	for i, r := range rows {
		m := domain.Stored{Offset: r.Offset, Appended: domain.InstantOf(r.Appended)}
		m.Key, m.Value = back(r.Key), back(r.Value)
		for _, h := range r.Headers {
			m.Headers = append(m.Headers, domain.Header{Key: h.Name, Value: back(h.Value)})
		}
		if d := cmp.Diff(stored[i], m); d != "" || r.Partition != 3 || r.Signed != (m.Offset%2 == 0) || *r.Payload != `{"destination":5}` {
			t.Fatalf("row %d: %s", i, d)
		}
		if i%3 == 0 && *r.UID != "u" || i%3 == 1 && *r.Type != "\uFFFD" || i%3 == 2 && r.UID != nil {
			t.Fatalf("row %d: columns %+v", i, r)
		}
	}
}

func back(b *[]byte) []byte {
	switch {
	case b == nil:
		return nil
	case *b == nil:
		return []byte{}
	}
	return *b
}
