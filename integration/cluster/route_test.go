package cluster_test

import (
	"bytes"
	"fmt"
	"os/exec"
	"strconv"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/up"
	"github.com/understudy-io/understudy/integration/cluster"
)

// TestARouteIsConfirmedThroughEveryDoor: whoever asks, and however, the router
// does it, says so, and every server shows the same.
func TestARouteIsConfirmedThroughEveryDoor(t *testing.T) {
	for i, door := range []struct {
		name string
		send func(s *stage, dest, source int, uid string)
	}{
		{"the command line", byCommandLine},
		{"kcat, in JSON", byKcat},
		{"a bare producer, in JSON", byBareJSON},
		{"a Go producer, in msgpack, with murmur2", byGoMsgpack},
	} {
		t.Run(door.name, func(t *testing.T) {
			s := common(t)
			dest, source, uid := 5+i, 12+i, s.uid("u")
			door.send(s, dest, source, uid)
			routed(s, dest, source, uid)
		})
	}
}

// routed checks a route at the router, in the log and on every server.
func routed(s *stage, dest, source int, uid string) {
	s.t.Helper()
	r := s.outcome(up.VideohubID, uid)
	if r.Outcome != domain.Confirmed || r.Epoch == 0 || r.Server == "" || r.Steps == nil || r.Steps.Confirmed <= 0 {
		s.t.Fatalf("not confirmed by the device's own report: %+v", r)
	}
	hub, err := s.Hub(s.t.Context())
	s.no(err)
	if got := hub.Routing[dest-1].Source; got != source {
		s.t.Errorf("the router has source %d at %d, want %d", got, dest, source)
	}
	d := s.sameEverywhere(up.VideohubID)
	desired, reported := cell(d, domain.CrosspointTarget("", dest))
	if want := strconv.Itoa(source); desired != want || reported != want {
		s.t.Errorf("the servers show desired %s, reported %s, want %s", desired, reported, want)
	}
	audit := s.proven()
	if n := audit.Outcomes[cluster.Command{Device: up.VideohubID, UID: uid}]; len(n) != 1 || n[0].Outcome != domain.Confirmed {
		s.t.Errorf("the log holds the outcomes %+v, want one that is confirmed", n)
	}
}

func byCommandLine(s *stage, dest, source int, uid string) {
	r := s.result(0, "route", "set", up.VideohubID, "--dest", fmt.Sprint(dest), "--source", fmt.Sprint(source), "--uid", uid)
	if r.UID != uid || r.Duplicate || r.Position.Offset == 0 {
		s.t.Errorf("the command line says %+v", r)
	}
}

func takeJSON(dest, source int) string {
	return fmt.Sprintf(`{"destination":%d,"source":%d}`, dest, source)
}

// byKcat sends what docs/log-format.md shows. Without kcat the same record is
// sent by a bare producer.
func byKcat(s *stage, dest, source int, uid string) {
	kcat, err := exec.LookPath("kcat")
	if err != nil {
		s.t.Log("kcat is not installed: a bare producer sends the same record")
		byBareJSON(s, dest, source, uid)
		return
	}
	s.t.Log("sent by", kcat)
	cmd := exec.CommandContext(s.t.Context(), kcat, "-P", "-b", s.Run.Kafka[0], "-t", s.LogTopic(), "-k", up.VideohubID,
		"-X", "topic.partitioner=murmur2_random", "-X", "acks=all",
		"-H", "ce_specversion=1.0", "-H", "ce_id="+uid, "-H", "ce_source=/script/evening", "-H", "ce_type=crosspoint.take.v1",
		"-H", "ce_time="+time.Now().UTC().Format("2006-01-02T15:04:05Z"), "-H", "ce_subject="+up.VideohubID, "-H", "content-type=application/json")
	cmd.Stdin = bytes.NewBufferString(takeJSON(dest, source) + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("kcat: %v\n%s", err, out)
	}
}

func byBareJSON(s *stage, dest, source int, uid string) {
	_, err := s.Command(s.t.Context(), s.producer, cluster.CommandHeaders(up.VideohubID, uid, "crosspoint.take.v1"), takeJSON(dest, source))
	s.no(err)
}

// byGoMsgpack is what a Go program does that has kafka-go and msgpack.
func byGoMsgpack(s *stage, dest, source int, uid string) {
	value, err := msgpack.Marshal(map[string]any{"destination": dest, "source": source})
	s.no(err)
	w := &kafkago.Writer{
		Addr: kafkago.TCP(s.Run.Kafka...), Topic: s.LogTopic(), Balancer: kafkago.Murmur2Balancer{},
		RequiredAcks: kafkago.RequireAll, BatchTimeout: time.Millisecond, Transport: &kafkago.Transport{},
	}
	defer func() { _ = w.Close() }()
	m := kafkago.Message{Key: []byte(up.VideohubID), Value: value}
	for k, v := range cluster.CommandHeaders(up.VideohubID, uid, "crosspoint.take.v1").With("content-type", "application/msgpack") {
		m.Headers = append(m.Headers, kafkago.Header{Key: k, Value: []byte(v)})
	}
	s.no(w.WriteMessages(s.t.Context(), m))
}
