package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/adapters/kafka"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/broker"
)

// aLog is an embedded broker with a landscape's topics.
type aLog struct {
	t       *testing.T
	address string
	keys    string // file
	log     *kafka.Log
	codec   *codec.Codec
}

const logPartitions = 8

func newLog(t *testing.T) *aLog {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	b, err := broker.Start(t.Context(), broker.Config{Folder: t.TempDir(), Landscape: "main", Listen: "127.0.0.1:0"}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	log, err := kafka.Open(kafka.Config{Brokers: []string{b.Address()}}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	keys := codec.Generate()
	path := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(path, keys.MarshalKeyFile(), 0o600); err != nil {
		t.Fatal(err)
	}
	return &aLog{t: t, address: b.Address(), keys: path, log: log, codec: codec.New("main", keys)}
}

// add appends a record to the partition of its device.
func (l *aLog) add(r domain.Record) {
	l.t.Helper()
	p := domain.Partition(r.Subject, logPartitions)
	r.Type, r.Source = r.Payload.Type(), "/test"
	m, err := l.codec.Encode(domain.TopicLog, p, r)
	if err != nil {
		l.t.Fatal(err)
	}
	l.append(p, m)
}

func (l *aLog) append(p int32, m domain.Message) {
	l.t.Helper()
	batch := []domain.Batch{{Topic: domain.Topic("main", domain.TopicLog), Partition: p, Messages: []domain.Message{m}}}
	if _, err := l.log.Append(l.t.Context(), batch); err != nil {
		l.t.Fatal(err)
	}
}

func (l *aLog) args(more ...string) []string {
	return append([]string{"log", "tail", "--kafka", l.address, "--landscape", "main", "--keys-file", l.keys}, more...)
}

func (l *aLog) tail(more ...string) string {
	l.t.Helper()
	var out, errOut bytes.Buffer
	if code := run(l.t.Context(), l.args(more...), strings.NewReader(""), &out, &errOut); code != exitOK {
		l.t.Fatalf("exit %d: %s", code, errOut.String())
	}
	return out.String()
}

// neighbour is another device of the same partition.
func neighbour(device string) string {
	for i := 0; ; i++ {
		if other := fmt.Sprint("gate-", i); domain.Partition(other, logPartitions) == domain.Partition(device, logPartitions) {
			return other
		}
	}
}

func TestTheLogIsShownDecoded(t *testing.T) {
	l := newLog(t)
	l.add(domain.Record{UID: "u-1", Subject: "videohub-1", User: "anna", Payload: domain.Take{Destination: 5, Source: 12}})
	l.add(domain.Record{UID: "o-1", Subject: "videohub-1", Epoch: 7, Sequence: 2, Payload: domain.Ended{
		UID: "u-1", Outcome: domain.Failed, Reason: domain.ReasonNak,
	}})
	l.append(0, domain.Message{Key: []byte("x"), Value: []byte("rubbish\x1b[2J")})
	for range 30 {
		l.add(domain.Record{UID: "p-1", Subject: "gate-1", Payload: domain.Invoke{Verb: "pulse"}})
	}

	l.add(domain.Record{UID: "n-1", Subject: neighbour("videohub-1"), Payload: domain.Invoke{Verb: "pulse"}})

	lines := strings.Split(strings.TrimSpace(l.tail("--from", "start")), "\n")
	if len(lines) != 34 {
		t.Errorf("%d lines, want all 34", len(lines))
	}
	all := strings.Join(lines, "\n")
	for _, want := range []string{"destination 5 ← source 12  uid u-1  by anna", "u-1: failed, nak  epoch 7/2 from /test", "NOT UNDERSTOOD: bad_headers"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not in\n%s", want, all)
		}
	}
	if got := strings.Count(l.tail("-n", "3"), "\n"); got != 3 {
		t.Errorf("the last 3 are %d", got)
	}
	if got := l.tail("-n", "5", "--device", "videohub-1"); strings.Count(got, "\n") != 2 || strings.Contains(got, "pulse") {
		t.Errorf("the records of one device are\n%s", got)
	}
	if got := l.tail("--topic", "control"); got != "" {
		t.Errorf("an empty topic shows %q", got)
	}
}

func TestTheLogForPrograms(t *testing.T) {
	l := newLog(t)
	l.add(domain.Record{UID: "u-1", Subject: "videohub-1", User: "anna", ValidFor: 3 * time.Second, Payload: domain.Take{Destination: 5, Source: 12}})
	var got struct {
		UID, User, Type string
		Signed          bool
		ValidFor        string `json:"valid_for"`
		Appended        time.Time
		Payload         domain.Take
	}
	if err := json.Unmarshal([]byte(l.tail("--json")), &got); err != nil {
		t.Fatal(err)
	}
	if got.UID != "u-1" || got.User != "anna" || !got.Signed || got.ValidFor != "3s" || got.Appended.IsZero() || got.Payload.Source != 12 {
		t.Errorf("got %+v", got)
	}
	if yaml := l.tail("-o", "yaml"); !strings.HasPrefix(yaml, "---\n") || !strings.Contains(yaml, "\n    source: 12\n") {
		t.Errorf("got\n%s", yaml)
	}
	without := strings.Split(strings.Join(l.args("--json"), " "), " --keys-file "+l.keys)
	var out bytes.Buffer
	if code := run(t.Context(), strings.Fields(strings.Join(without, "")), nil, &out, io.Discard); code != exitOK || !strings.Contains(out.String(), `"signed":false`) {
		t.Errorf("without keys: exit %d, %s", code, out.String())
	}
}

func TestFollowShowsWhatIsAppended(t *testing.T) {
	l := newLog(t)
	l.add(domain.Record{UID: "before", Subject: "videohub-1", Payload: domain.Take{Destination: 1, Source: 1}})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r, w := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		code := run(ctx, l.args("--follow"), strings.NewReader(""), w, io.Discard)
		_ = w.Close()
		ended <- code
	}()
	lines := bufio.NewScanner(r)
	for i, uid := range []string{"before", "after-1", "after-2"} {
		if !lines.Scan() || !strings.Contains(lines.Text(), "uid "+uid) {
			t.Fatalf("line %d is %q, want UID %s", i+1, lines.Text(), uid)
		}
		l.add(domain.Record{UID: fmt.Sprint("after-", i+1), Subject: "videohub-1", Payload: domain.Take{Destination: 1, Source: 1}})
	}
	cancel()
	go func() { _, _ = io.Copy(io.Discard, r) }()
	if code := <-ended; code != exitOK {
		t.Errorf("exit %d after the end of following", code)
	}
}

func TestADeviceWithoutRecordsIsSaid(t *testing.T) {
	l := newLog(t)
	settings := filepath.Join(t.TempDir(), "server.yaml")
	write(t, settings, fmt.Sprintf("kafka: {brokers: [%q]}\ndevices: [{id: gate-1}, {id: gate-2}]\n", l.address))
	tail := []string{"log", "tail", "--config", settings, "--device"}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{l.args("--device", "gate-9"), exitError, `understudy.main.log has no record of "gate-9" among the newest`},
		{l.args("--device", "gate-9", "--from", "start"), exitError, "has no record of \"gate-9\"\n"},
		{l.args("--device", "gate-9", "--topic", "deadletter"), exitOK, "has no record"},
		{append(tail, "gate-9"), exitError, "its devices are gate-1, gate-2\n"},
		{append(tail, "gate-2"), exitOK, "has no record"},
		{l.args(), exitOK, ""},
	} {
		var out, errOut bytes.Buffer
		code := run(t.Context(), c.args, strings.NewReader(""), &out, &errOut)
		if code != c.code || !strings.Contains(errOut.String(), c.want) || c.want == "" && errOut.Len() > 0 || out.Len() > 0 {
			t.Errorf("%v: exit %d, %q, %q", c.args, code, out.String(), errOut.String())
		}
	}
}

func TestALogThatIsNotThereIsSaid(t *testing.T) {
	var errOut bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	code := run(ctx, []string{"log", "tail", "--kafka", "127.0.0.1:1", "--landscape", "main"}, nil, io.Discard, &errOut)
	if code != exitError || !strings.Contains(errOut.String(), "is the broker up") {
		t.Errorf("exit %d, %s", code, errOut.String())
	}
}

func TestAUIDThatIsTakenIsNotToldAsAnOutcome(t *testing.T) {
	a := domain.Answer{UID: "u-1", Repeat: domain.Position{Offset: 9}, Original: domain.Position{Offset: 2}, Outcome: domain.Confirmed}
	if text := recordInWords(a); !strings.Contains(text, "answered: confirmed") {
		t.Errorf("a repeat: %s", text)
	}
	a.Conflict = true
	if text := recordInWords(a); !strings.Contains(text, "NOT done") || !strings.Contains(text, "something else") {
		t.Errorf("another wish: %s", text)
	}
}
