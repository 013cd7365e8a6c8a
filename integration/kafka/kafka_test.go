//go:build integration

package kafka_test

import (
	"testing"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/understudy-io/understudy/integration/logtest"
)

// TestApacheKafka is everything that is asked of each cluster.
func TestApacheKafka(t *testing.T) {
	each(t, func(t *testing.T, c *cluster) {
		t.Run("the log keeps its contract, in clear text", func(t *testing.T) { contract(t, c, nobody) })
		if c.secure != nil {
			t.Run("the log keeps its contract, with TLS and SCRAM", func(t *testing.T) { contract(t, c, c.server(t)) })
		}
		t.Run("Watermill's own contract", func(t *testing.T) { logtest.RunWatermill(t, c.plain, c.replicas()) })
		t.Run("records carry the broker's time, whatever a producer claims", func(t *testing.T) { brokersTime(t, c) })
		t.Run("an append is told the time that readers are told", func(t *testing.T) { sameTime(t, c) })
		t.Run("a wrong setting is found", func(t *testing.T) { wrongSettings(t, c) })
		t.Run("a landscape", func(t *testing.T) { rehearsal(t, c) })
	})
}

// server is a user who may do on all landscapes of these tests what a server
// must.
func (c *cluster) server(t *testing.T) login {
	t.Helper()
	as := c.user(t, "server")
	for _, may := range []kafkago.ACLOperationType{
		kafkago.ACLOperationTypeRead, kafkago.ACLOperationTypeWrite, kafkago.ACLOperationTypeDescribeConfigs,
	} {
		c.allow(t, as, may)
	}
	return as
}
