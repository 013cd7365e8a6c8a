package broker

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/understudy-io/understudy/domain"
)

func dataFile(cfg Config, topic string) string {
	return filepath.Join(cfg.Folder, "data", "partitions", topic+"-0", "0.dat")
}

// onDisk says how much of a file has been flushed, and how long it is.
func onDisk(t *testing.T, b *Broker, path string) (flushed, size int64) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	b.flusher.flushing.Lock()
	defer b.flusher.flushing.Unlock()
	return b.flusher.synced[path], info.Size()
}

func TestNothingIsAcknowledgedBeforeItIsOnDisk(t *testing.T) {
	cfg := config(t.TempDir())
	b := startBroker(t, cfg)
	produceOld(t, b.Address(), kgo.NoCompression(), 5) // names topics by id
	if flushed, size := onDisk(t, b, dataFile(cfg, controlTopic)); flushed != size {
		t.Fatalf("acknowledged with %d of %d bytes on disk", flushed, size)
	}
	l := openLog(t, b.Address())
	for range 20 {
		if _, err := l.Append(t.Context(), control("a")); err != nil {
			t.Fatal(err)
		}
		if flushed, size := onDisk(t, b, dataFile(cfg, controlTopic)); flushed != size {
			t.Fatalf("acknowledged with %d of %d bytes on disk", flushed, size)
		}
	}
}

func TestNothingIsReadBeforeItIsOnDisk(t *testing.T) {
	cfg := config(t.TempDir())
	b := startBroker(t, cfg)
	writer, reader := openLog(t, b.Address()), openLog(t, b.Address())
	const n = 200
	go func() {
		for range n {
			if _, err := writer.Append(t.Context(), control("a")); err != nil {
				return // the reader will miss it
			}
		}
	}()
	for next := int64(0); next < n; {
		got, err := reader.Fetch(t.Context(), []domain.FetchFrom{{Topic: controlTopic, Offset: next}}, time.Second, 1<<20)
		if err != nil || len(got[0].Messages) == 0 {
			t.Fatal(err, got)
		}
		next = got[0].Next
		// Every record takes the same room, so what was read needs so much.
		if flushed, _ := onDisk(t, b, dataFile(cfg, controlTopic)); flushed < next*lengthOfOne {
			t.Fatalf("%d records read with %d bytes on disk", next, flushed)
		}
	}
	// Only now: while a record is being written, the file ends somewhere in it.
	if _, size := onDisk(t, b, dataFile(cfg, controlTopic)); size != n*lengthOfOne {
		t.Fatalf("%d records take %d bytes, not %d each", n, size, lengthOfOne)
	}
}

// lengthOfOne is the length of a batch of one message with the value "a".
const lengthOfOne = batchHeader + 8

func TestAFailedDiskEndsAllAnswers(t *testing.T) {
	cfg := config(t.TempDir())
	b := startBroker(t, cfg)
	l := openLog(t, b.Address())
	if _, err := l.Append(t.Context(), control("a")); err != nil {
		t.Fatal(err)
	}
	// A data file that cannot be flushed.
	broken := filepath.Join(filepath.Dir(dataFile(cfg, controlTopic)), "999.dat")
	if err := os.Mkdir(broken, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), control("b")); !errors.Is(err, domain.ErrTransient) {
		t.Fatalf("got %v, wanted %v", err, domain.ErrTransient)
	}
	if err := os.Remove(broken); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), control("c")); err == nil {
		t.Fatal("after a failed flush nobody knows what is on disk, and the broker went on")
	}
}

func TestANewSegmentIsFlushedToo(t *testing.T) {
	f, err := newFlusher(t.TempDir(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(f.root, "t-0")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	write := func(name string, size int) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(folder, name), make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	check := func(wanted int) {
		t.Helper()
		grown, err := f.grown("t-0")
		if err != nil || len(grown) != wanted {
			t.Fatalf("grown: %v, %v; wanted %d", grown, err, wanted)
		}
		if err := f.flushFolders([]string{"t-0"}); err != nil {
			t.Fatal(err)
		}
	}
	write("0.dat", 10)
	write("0.idx", 10)
	check(1)
	check(0)
	write("0.dat", 20) // the old one grew, and was rolled at once
	write("7.dat", 10)
	check(2)
	check(0)
	write("7.dat", 11)
	check(1)
	if err := os.Remove(filepath.Join(folder, "0.dat")); err != nil {
		t.Fatal(err)
	}
	check(0)
}
