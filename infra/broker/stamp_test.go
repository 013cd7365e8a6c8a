package broker

import (
	"context"
	"errors"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/understudy-io/understudy/adapters/kafka"
	"github.com/understudy-io/understudy/domain"
)

// A producer that claims 2001 for its records, and 2002 for some of a batch.
var claimed = time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)

func produceOld(t *testing.T, address string, codec kgo.CompressionCodec, n int) {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.ProducerBatchCompression(codec), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var records []*kgo.Record
	for i := range n {
		records = append(records, &kgo.Record{Topic: controlTopic, Value: []byte(strconv.Itoa(i)), Timestamp: claimed.Add(time.Duration(i*i) * 24 * time.Hour),
			Headers: []kgo.RecordHeader{{Key: "ce_id", Value: []byte(strconv.Itoa(i))}}})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := c.ProduceSync(ctx, records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

func TestEveryRecordCarriesTheTimeOfItsAppend(t *testing.T) {
	for name, codec := range map[string]kgo.CompressionCodec{
		"uncompressed": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			b := startBroker(t, config(folder))
			begun := domain.InstantOf(time.Now().Add(-time.Millisecond))
			produceOld(t, b.Address(), codec, 20)
			ended := domain.InstantOf(time.Now())
			check := func(address string) {
				t.Helper()
				for i, m := range readControl(t, openLog(t, address), 20) {
					if string(m.Value) != strconv.Itoa(i) || len(m.Headers) != 1 {
						t.Fatalf("offset %d holds %q %v", i, m.Value, m.Headers)
					}
					if m.Appended < begun || m.Appended > ended {
						t.Fatalf("offset %d was appended at %v, not within %v and %v", i, m.Appended, begun, ended)
					}
				}
			}
			check(b.Address())
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			check(startBroker(t, config(folder)).Address()) // the checksums are right on disk too
		})
	}
}

func TestKcatSeesTheTimeOfTheAppend(t *testing.T) {
	kcat, err := exec.LookPath("kcat")
	if err != nil {
		t.Skip("kcat is not installed")
	}
	b := startBroker(t, config(t.TempDir()))
	begun := time.Now().Add(-time.Millisecond)
	produceOld(t, b.Address(), kgo.NoCompression(), 3)
	in := exec.CommandContext(t.Context(), kcat, "-P", "-b", b.Address(), "-t", controlTopic, "-p", "0", "-H", "ce_id=7", "-X", "acks=all")
	in.Stdin = strings.NewReader("from kcat\n")
	if out, err := in.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	out, err := exec.CommandContext(t.Context(), kcat, "-C", "-b", b.Address(), "-t", controlTopic, "-p", "0", "-o", "beginning", "-e", "-q",
		"-X", "check.crcs=true", "-f", "%T %s %h\n").Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != 4 || !strings.HasSuffix(lines[3], "from kcat ce_id=7") {
		t.Fatalf("kcat read %q", lines)
	}
	for _, l := range lines {
		millis, err := strconv.ParseInt(strings.Fields(l)[0], 10, 64)
		if at := time.UnixMilli(millis); err != nil || at.Before(begun) || at.After(time.Now()) {
			t.Fatalf("kcat read %q: appended at %v, wanted now", l, at)
		}
	}
}

// What no reader would take is not stored: see the limits of adapters/kafka.
func TestABatchAboveTheLimitsIsRefused(t *testing.T) {
	b := startBroker(t, config(t.TempDir()))
	c, err := kgo.NewClient(kgo.SeedBrokers(b.Address()), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	record := &kgo.Record{Topic: controlTopic, Headers: make([]kgo.RecordHeader, kafka.MaxHeaders)}
	if err := c.ProduceSync(ctx, record).FirstErr(); err != nil {
		t.Fatalf("%d headers: %v", len(record.Headers), err)
	}
	record.Headers = make([]kgo.RecordHeader, kafka.MaxHeaders+1)
	if err := c.ProduceSync(ctx, record).FirstErr(); !errors.Is(err, kerr.InvalidRecord) {
		t.Fatalf("%d headers: %v, wanted %v", len(record.Headers), err, kerr.InvalidRecord)
	}
}

func FuzzStamp(f *testing.F) {
	f.Add([]byte(nil))
	f.Add(make([]byte, batchHeader))
	sound := append(make([]byte, batchHeader), 12, 0, 2, 2, 1, 1, 0)
	sound[atMagic], sound[atCount+3] = 2, 1
	seal(sound)
	f.Add(sound)
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > batchHeader {
			b[atMagic] = 2
			seal(b)
		}
		stamp(b, 1)
	})
}
