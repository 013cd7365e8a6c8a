package codec_test

import (
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-io/understudy/domain"
)

var update = flag.Bool("update", false, "write golden files that do not exist yet; delete one to have it rewritten before its first release")

// The files pin the bytes of every version of every type. They are never edited
// after a release: logs hold those bytes for ever.
func TestGoldenBytes(t *testing.T) {
	c := keyed(t)
	known := map[string]bool{}
	for _, r := range samples {
		m, err := c.Encode(topicOf(r.Type), partition, r)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, known, string(r.Type)+gained[r.Type]+".msgpack", r, m)
		if domain.ClassOf(r.Type) != domain.ClassCommand {
			continue
		}
		if m, err = c.EncodeJSON(r); err != nil {
			t.Fatal(err)
		}
		golden(t, known, string(r.Type)+".json", r, m)
	}
	for _, r := range released {
		m, err := c.Encode(topicOf(r.record.Type), partition, r.record)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, known, string(r.record.Type)+r.gained+".msgpack", r.record, m)
	}
	files, err := filepath.Glob("testdata/golden/*")
	if err != nil || len(files) != len(known) {
		t.Errorf("%d golden files for %d samples (%v): an old version needs a sample too", len(files), len(known), err)
	}
}

func golden(t *testing.T, known map[string]bool, name string, r domain.Record, m domain.Message) {
	t.Run(name, func(t *testing.T) {
		file := filepath.Join("testdata", "golden", name+".hex")
		known[file] = true
		if _, err := os.Stat(file); *update && os.IsNotExist(err) {
			if err := os.WriteFile(file, format(topicOf(r.Type), m), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatalf("%v; write it with: go test ./adapters/codec -run TestGoldenBytes -update", err)
		}
		if diff := cmp.Diff(string(want), string(format(topicOf(r.Type), m))); diff != "" {
			t.Errorf("the bytes changed (-committed +now):\n%s", diff)
		}
		back := keyed(t).Decode(topicOf(r.Type), partition, stored(parse(t, string(want))))
		if diff := cmp.Diff(standing(r), back); diff != "" {
			t.Errorf("the committed bytes are read differently (-want +got):\n%s", diff)
		}
	})
}

// format writes a message as text: where it stands, its key and headers, and
// behind an empty line its value in hexadecimal digits.
func format(topic domain.TopicKind, m domain.Message) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "topic: understudy.main.%s\npartition: %d\nkey: %s\n", topic, partition, m.Key)
	for _, h := range m.Headers {
		fmt.Fprintf(&b, "%s: %s\n", h.Key, h.Value)
	}
	for v := m.Value; len(v) > 0; {
		n := min(len(v), 32)
		if len(v) == len(m.Value) {
			b.WriteString("\n")
		}
		b.WriteString(hex.EncodeToString(v[:n]) + "\n")
		v = v[n:]
	}
	return []byte(b.String())
}

func parse(t *testing.T, file string) (m domain.Message) {
	t.Helper()
	head, value, ok := strings.Cut(file, "\n\n")
	if !ok {
		t.Fatal("no empty line between headers and value")
	}
	for _, line := range strings.Split(head, "\n") {
		name, v, _ := strings.Cut(line, ": ")
		switch name {
		case "topic", "partition":
		case "key":
			m.Key = []byte(v)
		default:
			m.Headers = append(m.Headers, domain.Header{Key: name, Value: []byte(v)})
		}
	}
	var err error
	if m.Value, err = hex.DecodeString(strings.ReplaceAll(value, "\n", "")); err != nil {
		t.Fatal(err)
	}
	return m
}
