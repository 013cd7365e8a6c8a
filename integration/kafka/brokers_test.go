//go:build kafka

package kafka_test

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/understudy-io/understudy/adapters/kafka"
)

// brokersVariable names the Apache Kafka to test on, as host:port,...
const brokersVariable = "UNDERSTUDY_KAFKA"

// brokers are those to test on. There is no test without them.
func brokers(t *testing.T) []string {
	t.Helper()
	named := os.Getenv(brokersVariable)
	if named == "" {
		t.Fatal("no Kafka to test on: set " + brokersVariable + "=host:port, or run `task kafka`, which starts one")
	}
	return strings.Split(named, ",")
}

// open connects to them.
func open(t *testing.T) *kafka.Log {
	t.Helper()
	l, err := kafka.Open(kafka.Config{Brokers: brokers(t)}, slog.Default())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

var landscapes atomic.Int64

// newLandscape gives a name that has no topics yet, also not from an earlier run.
func newLandscape() string {
	return fmt.Sprintf("rehearsal-%d-%d", time.Now().UnixMilli(), landscapes.Add(1))
}
