package broker

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// smallDisk is a disk of its own, which a test can fill.
func smallDisk(t *testing.T) string {
	t.Helper()
	path := t.TempDir()
	if err := syscall.Mount("tmpfs", path, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("only root can mount a small disk here, so a full one is not tried: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(path, syscall.MNT_DETACH) })
	return path
}

// fill takes what is left of a disk, but for a few bytes.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for block := make([]byte, 64<<10); ; {
		if _, err = f.Write(block); err == nil {
			continue
		}
		if block = block[:len(block)/2]; len(block) == 0 {
			break
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
}

// indexEndsFirst tells whether the next thing that needs a new page of the disk is
// the index, in the middle of an entry, and not the data.
func indexEndsFirst(t *testing.T, folder string) bool {
	t.Helper()
	room := func(name string) int64 {
		st, err := os.Stat(filepath.Join(folder, "data", "partitions", controlTopic+"-0", name))
		if err != nil {
			t.Fatal(err)
		}
		return int64(os.Getpagesize()) - st.Size()%int64(os.Getpagesize())
	}
	return room("0.idx") < 100 && room("0.dat") > 2000
}

// TestAFullDiskLosesNothing: no acknowledgement without a durable write; once
// there is room again the broker goes on, and after kill -9 every acknowledged
// record stands where it was said to, whichever file the disk had no room for.
func TestAFullDiskLosesNothing(t *testing.T) {
	disk := smallDisk(t)
	folder, filler := filepath.Join(disk, "broker"), filepath.Join(disk, "filler")
	acknowledged := make(map[int64]string)
	last := int64(-1)
	number := 0
	for round := range 12 {
		address, kill := brokerProcess(t, folder)
		l := openLog(t, address)
		appendOne := func() error {
			number++
			value := fmt.Sprint(number, strings.Repeat("x", number*37%60)) // ends anywhere in a page
			out, err := l.Append(t.Context(), control(value))
			if err == nil {
				acknowledged[out[0].Offset], last = value, max(last, out[0].Offset)
			}
			return err
		}
		if err := appendOne(); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		var err error
		for tries := 0; round%2 == 1 && err == nil && !indexEndsFirst(t, folder); tries++ {
			if err = appendOne(); tries == 10_000 {
				t.Fatal("the index never stands at the end of a page")
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		fill(t, filler)
		for tries := 0; err == nil && tries < 10_000; tries++ {
			err = appendOne()
		}
		if !errors.Is(err, domain.ErrUnknownFate) {
			t.Fatalf("round %d: on a full disk an append ends with %v, wanted %v", round, err, domain.ErrUnknownFate)
		}
		if round%3 == 2 { // it dies before there is room again
			kill()
		}
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
		if round%3 != 2 {
			for range 3 {
				if err := appendOne(); err != nil {
					t.Fatalf("round %d: with room again: %v", round, err)
				}
			}
			kill()
		}
		_ = l.Close()
	}
	address, _ := brokerProcess(t, folder)
	l := openLog(t, address)
	for _, m := range readControl(t, l, int(last)+1) {
		if value, ok := acknowledged[m.Offset]; ok && string(m.Value) != value {
			t.Fatalf("offset %d holds %.20q, acknowledged was %.20q", m.Offset, m.Value, value)
		}
	}
}

// TestAFullDiskIsTold: where, and what to do; and not with each of a hundred
// heartbeats a second.
func TestAFullDiskIsTold(t *testing.T) {
	disk := smallDisk(t)
	var said strings.Builder // read only when the broker is closed
	cfg := config(filepath.Join(disk, "broker"))
	b, err := Start(t.Context(), cfg, slog.New(slog.NewTextHandler(&said, nil)))
	if err != nil {
		t.Fatal(err)
	}
	l := openLog(t, b.Address())
	fill(t, filepath.Join(disk, "filler"))
	failed := 0
	for until := time.Now().Add(10 * time.Second); failed < 20 && time.Now().Before(until); {
		if _, err := l.Append(t.Context(), control(strings.Repeat("x", 500))); err != nil {
			failed++
		}
	}
	_ = b.Close()
	text := said.String()
	if failed < 20 || strings.Count(text, "no space left") != 1 || !strings.Contains(text, "folder="+cfg.Folder) || !strings.Contains(text, "free some space") {
		t.Errorf("after %d failures it said:\n%s", failed, text)
	}
}
