package codec_test

import (
	"encoding/hex"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/configuration"
)

func fullConfiguration() *configuration.Configuration {
	return &configuration.Configuration{
		Devices: []domain.Definition{{
			Device: "gate-1", Driver: domain.DriverHTTP, Address: "http://127.0.0.1:8080", Inputs: 1, Outputs: 2,
			Verbs: []domain.Verb{{
				Name: "set-level", Effect: domain.Absolute, Method: "POST", URL: "/level/{bus}", Body: "{level}",
				Args: []string{"level", "bus"}, Target: "level", Value: "level", ReadURL: "/level", ReadAt: "/value", Timeout: time.Second,
			}},
			ConfirmWithin: 2 * time.Second, ValidAbsolute: time.Minute, ValidOneShot: 10 * time.Second,
			StandbyPolling: true, PollEvery: 5 * time.Second, OnReconnect: domain.Restore,
		}},
		Ports:    []configuration.Port{{ID: "cam-1", Device: "router-1", Side: domain.PortInput, Number: 3, Name: "Kamera Süd"}},
		Panels:   []configuration.Panel{{ID: "panel-1", Name: "Regie", Ports: []string{"cam-1"}}},
		Mappings: []configuration.Mapping{{Name: "main out", Device: "router-1", Target: "crosspoint/video/1"}},
		Policy:   configuration.Policy{ConfigPrimary: "A", AllowConfigOnBackup: true},
	}
}

// The file pins the bytes of what a revision holds, and so its hash: a log keeps both.
func TestAConfigurationHasTheBytesThatItAlwaysHad(t *testing.T) {
	const file = "testdata/configuration.hex"
	b, hash, err := codec.EncodeConfiguration(fullConfiguration())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); *update && os.IsNotExist(err) {
		if err := os.WriteFile(file, []byte(hex.EncodeToString(b)+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if hex.EncodeToString(b) != strings.TrimSpace(string(want)) {
		t.Errorf("encoded as\n%x, want\n%s", b, want)
	}
	back, err := codec.DecodeConfiguration(b, hash)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(fullConfiguration(), back); d != "" {
		t.Error(d)
	}
	b[len(b)-1] ^= 1
	if _, err := codec.DecodeConfiguration(b, hash); !errors.Is(err, domain.ErrCorrupt) {
		t.Errorf("of other bytes: %v", err)
	}
}
