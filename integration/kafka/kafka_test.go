//go:build integration

package kafka_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/understudy-io/understudy/integration/cluster"
	"github.com/understudy-io/understudy/integration/logtest"
)

var folder string // for what all tests share

func TestMain(m *testing.M) {
	var err error
	if folder, err = os.MkdirTemp("", "understudy-kafka-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(folder)
	os.Exit(code)
}

var built = sync.OnceValues(func() (string, error) { return cluster.Build(context.Background(), folder) })

// program is the built one.
func program(t *testing.T) string {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestApacheKafka is everything that is asked of each cluster.
func TestApacheKafka(t *testing.T) {
	each(t, func(t *testing.T, c *brokers) {
		t.Run("the log keeps its contract, in clear text", func(t *testing.T) { contract(t, c, nobody) })
		if c.secure != nil {
			t.Run("the log keeps its contract, with TLS and SCRAM", func(t *testing.T) { contract(t, c, c.server(t)) })
		}
		t.Run("Watermill's own contract", func(t *testing.T) { logtest.RunWatermill(t, c.plain, c.replicas()) })
		t.Run("records carry the broker's time, whatever a producer claims", func(t *testing.T) { brokersTime(t, c) })
		t.Run("an append is told the time that readers are told", func(t *testing.T) { sameTime(t, c) })
		t.Run("wrong settings of topics are refused", func(t *testing.T) { wrongTopics(t, c) })
		t.Run("wrong numbers of partitions are refused", func(t *testing.T) { wrongPartitions(t, c) })
		if c.containers != nil {
			t.Run("a topic that a broker made by itself is refused", func(t *testing.T) { anAutoCreatedTopic(t, c) })
			t.Run("permissions that lack are named", func(t *testing.T) { wrongPermissions(t, c) })
			t.Run("wrong certificates and credentials are refused", func(t *testing.T) { wrongLogin(t, c) })
			t.Run("the documented permissions are enough, and not more", func(t *testing.T) { leastPermissions(t, c) })
		}
		t.Run("drills", func(t *testing.T) { rehearsal(t, c) })
		if c.replicas() == 3 {
			t.Run("the main job", func(t *testing.T) { mainJob(t, c) })
		}
	})
}

// server is a user who may do on all landscapes of these tests what a server
// must.
func (c *brokers) server(t *testing.T) login {
	t.Helper()
	as := c.user(t, "server")
	for _, may := range []kafkago.ACLOperationType{
		kafkago.ACLOperationTypeRead, kafkago.ACLOperationTypeWrite, kafkago.ACLOperationTypeDescribeConfigs,
	} {
		c.allow(t, as, may)
	}
	return as
}
