package broker

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/adapters/kafka"
	"github.com/understudy-io/understudy/domain"
)

var (
	logTopic     = domain.Topic("studio", domain.TopicLog)
	controlTopic = domain.Topic("studio", domain.TopicControl)
)

var quiet = slog.New(slog.DiscardHandler)

func config(folder string) Config {
	return Config{Folder: folder, Landscape: "studio", Listen: "127.0.0.1:0"}
}

func startBroker(t *testing.T, cfg Config) *Broker {
	t.Helper()
	b, err := Start(t.Context(), cfg, slog.Default())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func openLog(t testing.TB, address string) *kafka.Log {
	t.Helper()
	l, err := kafka.Open(kafka.Config{Brokers: []string{address}}, slog.Default())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func control(values ...string) []domain.Batch {
	b := domain.Batch{Topic: controlTopic}
	for _, v := range values {
		b.Messages = append(b.Messages, domain.Message{Value: []byte(v)})
	}
	return []domain.Batch{b}
}

func readControl(t *testing.T, l *kafka.Log, n int) []domain.Stored {
	t.Helper()
	var out []domain.Stored
	for next := int64(0); len(out) < n; {
		got, err := l.Fetch(t.Context(), []domain.FetchFrom{{Topic: controlTopic, Offset: next}}, time.Second, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if len(got[0].Messages) == 0 {
			t.Fatalf("the log ends after %d of %d records", len(out), n)
		}
		out, next = append(out, got[0].Messages...), got[0].Next
	}
	return out
}

func TestTheTopicsAreThereAndAsTheyMustBe(t *testing.T) {
	b := startBroker(t, config(t.TempDir()))
	findings, err := openLog(t, b.Address()).CheckTopics(t.Context(), "studio", kafka.TopicSpec{})
	if err != nil || len(findings) > 0 {
		t.Fatal(err, strings.Join(findings, "\n"))
	}
}

func TestARestartKeepsTheRecords(t *testing.T) {
	folder := t.TempDir()
	b := startBroker(t, config(folder))
	if _, err := openLog(t, b.Address()).Append(t.Context(), control("a", "b")); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b = startBroker(t, config(folder))
	l := openLog(t, b.Address())
	got := readControl(t, l, 2)
	if string(got[0].Value) != "a" || string(got[1].Value) != "b" {
		t.Fatalf("got %v", got)
	}
	if findings, err := l.CheckTopics(t.Context(), "studio", kafka.TopicSpec{}); err != nil || len(findings) > 0 {
		t.Fatal(err, findings)
	}
}

func TestAFolderBelongsToOneLandscape(t *testing.T) {
	folder := t.TempDir()
	if err := startBroker(t, config(folder)).Close(); err != nil {
		t.Fatal(err)
	}
	cfg := config(folder)
	cfg.Landscape = "stage"
	_, err := Start(t.Context(), cfg, slog.Default())
	if !errors.Is(err, domain.ErrConflict) || !strings.Contains(err.Error(), "studio") || !strings.Contains(err.Error(), "stage") {
		t.Fatalf("got %v, wanted a conflict that names both", err)
	}
	if err := os.Remove(filepath.Join(folder, markerName)); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(t.Context(), config(folder), slog.Default()); !errors.Is(err, domain.ErrConflict) {
		t.Fatalf("without its marker: got %v, wanted a conflict", err)
	}
}

func TestAFolderIsUsedByOneBrokerAtATime(t *testing.T) {
	folder := t.TempDir()
	first := startBroker(t, config(folder))
	if _, err := Start(t.Context(), config(folder), slog.Default()); !errors.Is(err, domain.ErrConflict) {
		t.Fatalf("got %v, wanted a conflict", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	startBroker(t, config(folder))
}

func TestAPortInUseIsNamed(t *testing.T) {
	first := startBroker(t, config(t.TempDir()))
	cfg := config(t.TempDir())
	cfg.Listen = first.Address()
	_, err := Start(t.Context(), cfg, slog.Default())
	if !errors.Is(err, domain.ErrConflict) || !strings.Contains(err.Error(), first.Address()) {
		t.Fatalf("got %v, wanted a conflict that names %s", err, first.Address())
	}
	startBroker(t, Config{Folder: cfg.Folder, Landscape: "studio", Listen: "127.0.0.1:0"}) // nothing was left behind
}

func TestAWildcardNeedsAnAdvertisedAddress(t *testing.T) {
	cfg := config(t.TempDir())
	for _, cfg.Listen = range []string{":0", "0.0.0.0:0", "[::]:0"} {
		if _, err := Start(t.Context(), cfg, slog.Default()); !errors.Is(err, domain.ErrInvalid) {
			t.Fatalf("%s: got %v, wanted %v", cfg.Listen, err, domain.ErrInvalid)
		}
	}
}

func TestClientsAreToldTheAdvertisedAddress(t *testing.T) {
	cfg := config(t.TempDir())
	cfg.Advertise = "studio.example:9092"
	b := startBroker(t, cfg)
	l, err := kafka.Open(kafka.Config{Brokers: []string{"studio.example:9092"},
		AddressMap: map[string]string{"studio.example:9092": b.Address()}}, slog.Default())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	if _, err := l.Append(t.Context(), control("through the map")); err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsNoRequestEndsItsConnectionOnly(t *testing.T) {
	b := startBroker(t, config(t.TempDir()))
	for name, garbage := range map[string][]byte{
		"a request of 4 GiB":       {0xff, 0xff, 0xff, 0xff, 0, 3, 0, 1, 0, 0},
		"an unknown key":           {0, 0, 0, 20, 0x7f, 0xff, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		"a negative key":           {0, 0, 0, 20, 0xff, 0xff, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		"a negative version":       {0, 0, 0, 20, 0, 3, 0xff, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		"a request without a head": {0, 0, 0, 0, 0, 3, 0, 1},
		"a web browser":            []byte("GET / HTTP/1.1\r\nHost: studio\r\n\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			c, err := net.Dial("tcp", b.Address())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			_ = c.SetDeadline(time.Now().Add(5 * time.Second))
			if _, err := c.Write(garbage); err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(c); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("the connection is still open, after %d bytes", len(got))
			}
			if _, err := openLog(t, b.Address()).Append(t.Context(), control("alive")); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestManyRequestsRenewTheStamp(t *testing.T) {
	b := startBroker(t, Config{Folder: t.TempDir(), Landscape: "studio", Listen: "127.0.0.1:0", Unsynced: true})
	l := openLog(t, b.Address())
	n := 3*renewControl + 1
	for i := range n {
		if _, err := l.Append(t.Context(), control(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	for i, m := range readControl(t, l, n) {
		if !bytes.Equal(m.Value, fmt.Append(nil, i)) {
			t.Fatalf("offset %d holds %q", i, m.Value)
		}
	}
}
