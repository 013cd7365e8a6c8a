package logtest_test

import (
	"log/slog"
	"testing"

	"github.com/understudy-io/understudy/infra/broker"
	"github.com/understudy-io/understudy/integration/logtest"
)

// TestWatermillsOwnContract runs Watermill's conformance suite.
func TestWatermillsOwnContract(t *testing.T) {
	b, err := broker.Start(t.Context(), broker.Config{Folder: t.TempDir(), Landscape: "logtest", Listen: "127.0.0.1:0"}, slog.Default())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	logtest.RunWatermill(t, []string{b.Address()}, 1)
}
