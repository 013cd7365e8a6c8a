package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/understudy-io/understudy/adapters/archive"
	"github.com/understudy-io/understudy/adapters/parquetfile"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/history"
)

// all reads a topic of a source.
func all(t *testing.T, source history.Source, topic string) map[int32][]domain.Stored {
	t.Helper()
	bounds, err := source.Bounds(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[int32][]domain.Stored)
	err = history.Read(t.Context(), source, topic, bounds, func(r history.Run) error {
		out[r.Partition] = append(out[r.Partition], r.Messages...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestAnExportHoldsTheLogAsItIs: every byte, of what servers write and of what
// anybody can write; and again with what came later.
func TestAnExportHoldsTheLogAsItIs(t *testing.T) {
	l := newLog(t)
	l.add(domain.Record{UID: "u-1", Subject: "videohub-1", User: "anna", Payload: domain.Take{Destination: 5, Source: 12}})
	l.append(3, domain.Message{Key: []byte{}, Value: []byte("rubbish\xff"), Headers: []domain.Header{{Key: "x"}, {Key: "x", Value: []byte{}}}})
	l.append(3, domain.Message{})
	dir := filepath.Join(t.TempDir(), "export")
	args := []string{"export", "--to", dir, "--kafka", l.address, "--landscape", "main", "-o", "json"}
	for round := range 2 {
		l.add(domain.Record{UID: "later", Subject: "videohub-1", Payload: domain.Take{Destination: 5, Source: 13}})
		code, out, errOut := command(t, args...)
		var said exported
		if err := json.Unmarshal([]byte(out), &said); code != exitOK || err != nil {
			t.Fatalf("exit %d: %v: %s%s", code, err, out, errOut)
		}
		if !said.Complete || said.Records != int64(4+round) || said.New != int64(4-3*round) {
			t.Errorf("round %d says %+v", round, said)
		}
		folder, err := archive.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, kind := range history.Kinds {
			topic := domain.Topic("main", kind)
			if d := cmp.Diff(all(t, l.log, topic), all(t, folder, topic)); d != "" {
				t.Errorf("%s: %s", topic, d)
			}
		}
		_ = folder.Close()
	}
}

// TestATimeIsThePositionOfTheFirstRecordThen: alike of brokers and of a folder.
func TestATimeIsThePositionOfTheFirstRecordThen(t *testing.T) {
	l := newLog(t)
	for i := range 40 {
		l.add(domain.Record{UID: string(rune('a' + i)), Subject: "videohub-1", Payload: domain.Take{Destination: 1, Source: 1}})
		time.Sleep(time.Millisecond) // the times are the broker's
	}
	dir := filepath.Join(t.TempDir(), "export")
	if code, _, errOut := command(t, "export", "--to", dir, "--kafka", l.address, "--landscape", "main"); code != exitOK {
		t.Fatal(errOut)
	}
	folder, err := archive.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = folder.Close() }()
	topic := domain.Topic("main", domain.TopicLog)
	p := domain.Partition("videohub-1", logPartitions)
	records := all(t, l.log, topic)[p]
	for _, at := range []domain.Instant{0, records[0].Appended, records[17].Appended, records[17].Appended + 1, records[39].Appended, records[39].Appended + 1} {
		want := int64(0)
		for want < 40 && records[want].Appended < at {
			want++
		}
		for name, source := range map[string]history.Source{"broker": l.log, "folder": folder} {
			got, err := source.OffsetsAt(t.Context(), topic, at)
			if err != nil || len(got) != logPartitions || got[p] != want || got[(p+1)%logPartitions] != 0 {
				t.Errorf("%s at %v: %v, want %d: %v", name, at, got, want, err)
			}
		}
	}
	since, until := records[10].Appended, records[20].Appended
	part := filepath.Join(t.TempDir(), "part")
	code, _, errOut := command(t, "export", "--to", part, "--file", dir, "--since", since.String(), "--until", until.String(), "--progress")
	if code != exitOK {
		t.Fatal(errOut)
	}
	cut, err := archive.Open(part)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cut.Close() }()
	if got := all(t, cut, topic)[p]; len(got) == 0 || got[0].Appended < since || got[len(got)-1].Appended >= until {
		t.Errorf("a stretch of time has %d records", len(got))
	}
}

func TestBadInputOfExportIsSaid(t *testing.T) {
	l := newLog(t)
	l.add(domain.Record{UID: "u-1", Subject: "videohub-1", Payload: domain.Take{Destination: 5, Source: 12}})
	dir := filepath.Join(t.TempDir(), "export")
	broker := []string{"--kafka", l.address, "--landscape", "main"}
	if code, _, errOut := command(t, append(broker, "export", "--to", dir)...); code != exitOK {
		t.Fatal(errOut)
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{append(broker, "export"), exitUsage, "--to"},
		{append(broker, "export", "--to", dir, "--format", "xml"), exitUsage, "give jsonl or parquet"},
		{append(broker, "export", "--to", dir, "--since", "yesterday"), exitUsage, "write it as 2026-11-21T20:14:07.25Z"},
		{append(broker, "export", "--to", dir, "--since", "1m", "--until", "2m"), exitUsage, "is not after"},
		{[]string{"export", "--to", dir, "--kafka", l.address, "--landscape", "other"}, exitError, "the landscape's name right"},
		{[]string{"export", "--to", dir, "--file", t.TempDir()}, exitError, "is it a folder that `understudy export` wrote?"},
		{[]string{"export", "--to", dir, "--file", dir, "--landscape", "other"}, exitRefused, `holds the history of landscape "main"`},
	} {
		code, out, errOut := command(t, c.args...)
		if code != c.code || !strings.Contains(errOut, c.want) {
			t.Errorf("%v: exit %d, %s%s", c.args, code, out, errOut)
		}
	}
}

func TestALongWorkTellsHowFarItIs(t *testing.T) {
	var out bytes.Buffer
	began := time.Unix(1000, 0)
	m := newMeter(&out, "export", 3000, began)
	m.add(500, began.Add(time.Second))
	m.add(1, began.Add(1100*time.Millisecond)) // too soon
	if got := out.String(); got != "export: 500 of 3000 records, 500/s, about 5s left\n" {
		t.Errorf("%q", got)
	}
	silent := newMeter(nil, "export", 3000, began)
	silent.add(500, began.Add(time.Second))
}

// TestTablesHoldEveryRecord: with what decoding says of it, and they are a history like
// any other, to be looked at, judged and imported.
func TestTablesHoldEveryRecord(t *testing.T) {
	past := newPast(t)
	dir := filepath.Join(t.TempDir(), "tables")
	past.past(t, "export", "--format", "parquet", "--to", dir)
	files, err := filepath.Glob(filepath.Join(dir, "log-*.parquet"))
	if err != nil || len(files) != logPartitions {
		t.Fatalf("files %v: %v", files, err)
	}
	var confirmed, rows int
	for _, path := range files {
		of, err := parquet.ReadFile[parquetfile.Row](path)
		if err != nil {
			t.Fatal(err)
		}
		rows += len(of)
		for _, r := range of {
			if *r.Type == string(domain.TypeOutcome) && r.Signed && strings.Contains(*r.Payload, `"outcome":"confirmed"`) {
				confirmed++
			}
		}
	}
	if want := logPartitions + 9; rows != want || confirmed != 2 {
		t.Errorf("%d rows of %d, %d confirmed", rows, want, confirmed)
	}
	folder, err := openFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = folder.Close() }()
	for _, kind := range history.Kinds {
		topic := domain.Topic("main", kind)
		if d := cmp.Diff(all(t, past.log, topic), all(t, folder, topic)); d != "" {
			t.Errorf("%s: %s", topic, d)
		}
	}
	for _, args := range [][]string{
		{"timeline"}, {"explain", "u-2", "--cache", "none"}, {"state", "at", "--position", past.first.String(), "--cache", "none", "-o", "yaml"},
	} {
		code, out, errOut := command(t, append(args, "--file", dir, "--keys-file", past.keys)...)
		if want := past.past(t, args...); code != exitOK || out != want {
			t.Errorf("%v: exit %d: %s\n%s\nand from the brokers\n%s", args, code, errOut, out, want)
		}
	}
	code, _, errOut := command(t, "audit", "verify", "--file", dir, "--keys-file", past.keys)
	if there, _, _ := command(t, "audit", "verify", "--kafka", past.address, "--landscape", "main", "--keys-file", past.keys); code != there {
		t.Errorf("verify ends with %d, and with %d from the brokers: %s", code, there, errOut)
	}
	other := newLog(t)
	if code, _, errOut := command(t, "import", "--from", dir, "--kafka", other.address); code != exitOK {
		t.Fatalf("import: exit %d: %s", code, errOut)
	}
	topic := domain.Topic("main", domain.TopicLog)
	if d := cmp.Diff(all(t, past.log, topic), all(t, other.log, topic)); d != "" {
		t.Errorf("imported: %s", d)
	}
	// A byte that was changed is found.
	table, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	table[len(table)/2] ^= 1
	if err := os.WriteFile(files[0], table, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errOut := command(t, "audit", "verify", "--file", dir, "--keys-file", past.keys); code != exitViolated || !strings.Contains(errOut, "is damaged or was changed") {
		t.Errorf("a changed file: exit %d: %s", code, errOut)
	}
}

// TestAFolderOfAnotherLogIsNotContinued: two landscapes of one name are two logs.
func TestAFolderOfAnotherLogIsNotContinued(t *testing.T) {
	one, other := newLog(t), newLog(t)
	for n := range 3 {
		one.add(domain.Record{UID: fmt.Sprint("one-", n), Subject: "videohub-1", Payload: domain.Take{Destination: 5, Source: 12}})
		for range 2 {
			other.add(domain.Record{UID: fmt.Sprint("other-", n), Subject: "videohub-1", Payload: domain.Take{Destination: 5, Source: 12}})
		}
	}
	dir := filepath.Join(t.TempDir(), "export")
	export := func(l *aLog) (int, string) {
		code, _, errOut := command(t, "export", "--to", dir, "--kafka", l.address, "--landscape", "main")
		return code, errOut
	}
	if code, errOut := export(one); code != exitOK {
		t.Fatalf("exit %d: %s", code, errOut)
	}
	before, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	try(t, err)
	if code, errOut := export(other); code != exitRefused || !strings.Contains(errOut, "name another folder") {
		t.Errorf("longer: exit %d: %s", code, errOut)
	}
	if code, errOut := export(newLog(t)); code != exitRefused || !strings.Contains(errOut, "name another folder") {
		t.Errorf("empty: exit %d: %s", code, errOut)
	}
	if after, err := os.ReadFile(filepath.Join(dir, "manifest.json")); err != nil || string(after) != string(before) {
		t.Errorf("the folder was written to: %v", err)
	}
	if code, errOut := export(one); code != exitOK {
		t.Errorf("its own: exit %d: %s", code, errOut)
	}
}
