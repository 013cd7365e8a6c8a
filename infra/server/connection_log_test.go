package server_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"testing"

	"github.com/understudy-io/understudy/adapters/videohub"
)

// lines collects a log.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// of gives message and up of each line about a device.
func (l *lines) of(t *testing.T, device string) (out []string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range bytes.Lines(l.buf.Bytes()) {
		var x struct {
			Msg, Device string
			Up          bool
		}
		must(t, json.Unmarshal(line, &x))
		if x.Device == device {
			out = append(out, fmt.Sprint(x.Msg, " ", x.Up))
		}
	}
	return out
}

func TestAConnectionThatChangesIsOneLineInTheLog(t *testing.T) {
	s := newStage(t)
	var log lines
	s.logger = slog.New(slog.NewJSONHandler(&log, nil))
	a := s.start("A")
	s.primary(a)
	connected := func(want bool) {
		t.Helper()
		s.eventually(fmt.Sprint("connected is ", want), func() error {
			d, err := a.Device(s.ctx, "videohub-1")
			if err == nil && d.Connected != want {
				err = fmt.Errorf("it is %t", d.Connected)
			}
			return err
		})
	}
	connected(true)
	must(t, s.hub.SetFault(videohub.Fault{Mode: videohub.FaultRefuse}))
	s.hub.Disconnect()
	connected(false)
	must(t, s.hub.SetFault(videohub.Fault{Mode: videohub.FaultNone}))
	connected(true)
	want := "[device connection true device connection false device connection true]"
	if got := fmt.Sprint(log.of(t, "videohub-1")); got != want {
		t.Errorf("the log has %s, want %s", got, want)
	}
	if got := fmt.Sprint(log.of(t, "gate-1")); got != "[device connection true]" {
		t.Errorf("of the gate the log has %s", got)
	}
}
