package cluster_test

import (
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/up"
	"github.com/understudy-io/understudy/integration/cluster"
)

// forgery is a record that only a server may write.
type forgery struct {
	topic   domain.TopicKind
	device  string // or member
	payload domain.Payload
}

func forgeries(s *stage) []forgery {
	st, err := s.Status(s.t.Context(), s.primary())
	s.no(err)
	now := domain.InstantOf(time.Now())
	evil := domain.Definition{Device: up.VideohubID, Driver: domain.DriverVideohub, Address: "127.0.0.1:1", Revision: 99, Inputs: 1, Outputs: 1, OnReconnect: domain.Adopt}
	return []forgery{
		{domain.TopicLog, up.VideohubID, domain.EpochOpened{Server: "X", Incarnation: "x", Time: now}},
		{domain.TopicLog, up.VideohubID, domain.Ended{UID: "never-asked", Outcome: domain.Confirmed}},
		{domain.TopicLog, up.VideohubID, domain.Configured{Definition: evil}},
		{domain.TopicLog, up.VideohubID, domain.Configured{Definition: evil, Removed: true}},
		{domain.TopicLog, up.VideohubID, domain.Reported{Values: []domain.Value{{Target: domain.CrosspointTarget("", 1), Value: "39"}}}},
		{domain.TopicControl, st.Primary, domain.Heartbeat{Incarnation: st.Server.Incarnation, Epoch: st.Epoch, N: 1 << 40, TTL: time.Minute, Ready: true}},
		{domain.TopicControl, "X", domain.Claim{Incarnation: "x", Epoch: st.Epoch + 1, Seen: 1 << 40, N: 1, TTL: time.Second, Cause: "forced"}},
		{domain.TopicControl, st.Primary, domain.Died{Incarnation: st.Server.Incarnation, Exit: "signal: killed"}},
		{domain.TopicControl, st.Primary, domain.Contest{Epoch: st.Epoch, By: "x", Reason: "x"}},
		{domain.TopicControl, "X", domain.Joined{Incarnation: "x", Address: "http://127.0.0.1:1", Build: "x"}},
	}
}

// TestForgedRecordsChangeNothing: without a MAC, and with one by another key
// under the right name.
func TestForgedRecordsChangeNothing(t *testing.T) {
	s := common(t)
	own, err := s.Codec()
	s.no(err)
	before := s.picture()
	counted := s.deadLetters()
	var buried []domain.Position
	for _, f := range forgeries(s) {
		m := s.forge(own, f)
		bare := maps.Clone(m.headers)
		delete(bare, "ce_mac")
		delete(bare, "ce_keyid")
		for _, h := range []cluster.Headers{bare, m.headers} {
			at, err := s.producer.Send(t.Context(), domain.Topic(s.Run.Landscape, f.topic), m.partition, f.device, h, m.value)
			s.no(err)
			if f.topic == domain.TopicLog {
				buried = append(buried, at)
			}
		}
	}
	s.buried(domain.DefectUnsigned, buried...)
	s.eventually("they are counted", func() error {
		if n := s.deadLetters() - counted; n != uint64(len(buried)) {
			return fmt.Errorf("%d dead letters more, want %d", n, len(buried))
		}
		return nil
	})
	if after := s.picture(); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
	s.result(0, "route", "set", up.VideohubID, "--dest", "40", "--source", "40")
	s.proven()
}

// TestARecordThatIsWrittenOnceMoreChangesNothing: its MAC is right, and its
// sequence has been there.
func TestARecordThatIsWrittenOnceMoreChangesNothing(t *testing.T) {
	s := common(t)
	p := s.PartitionOf(up.VideohubID)
	s.result(0, "route", "set", up.VideohubID, "--dest", "39", "--source", "2")
	before := s.picture()
	messages, err := s.Topic(t.Context(), domain.TopicLog)
	s.no(err)
	last := messages[p][max(0, len(messages[p])-30):]
	for _, m := range last {
		h := make(cluster.Headers)
		for _, x := range m.Headers {
			h[x.Key] = string(x.Value)
		}
		if h["ce_mac"] == "" {
			continue
		}
		_, err := s.producer.Send(t.Context(), s.LogTopic(), p, string(m.Key), h, m.Value)
		s.no(err)
		// The MAC names the partition: elsewhere it is a forgery.
		at, err := s.producer.Send(t.Context(), s.LogTopic(), (p+1)%s.Run.Partitions(), string(m.Key), h, m.Value)
		s.no(err)
		if domain.ClassOf(domain.Type(h["ce_type"])) == domain.ClassPrimary {
			s.buried(domain.DefectUnsigned, at)
		}
	}
	s.proven()
	if after := s.picture(); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}

// forged is a record as it goes to the log.
type forged struct {
	partition int32
	headers   cluster.Headers
	value     []byte
}

// forge makes a record as a server would, but with a key of one's own under the
// name of the right one.
func (s *stage) forge(own *codec.Codec, f forgery) forged {
	s.t.Helper()
	records, err := s.Records(s.t.Context(), domain.TopicControl)
	s.no(err)
	genuine, err := s.Topic(s.t.Context(), domain.TopicControl)
	s.no(err)
	if len(records[0]) == 0 || !records[0][0].Signed {
		s.t.Fatal("the control topic holds no signed record to copy the key's name from")
	}
	id, _ := genuine[0][0].Header("ce_keyid")
	key := make([]byte, codec.MinKey)
	_, _ = rand.Read(key)
	ring, err := codec.NewKeyring(string(id), map[string][]byte{string(id): key})
	s.no(err)
	p := int32(0)
	if f.topic == domain.TopicLog {
		p = s.PartitionOf(f.device)
	}
	m, err := codec.New(s.Run.Landscape, ring).Encode(f.topic, p, domain.Record{
		Type: f.payload.Type(), UID: s.uid(fmt.Sprintf("%T", f.payload)), Source: "/server/X", Subject: f.device,
		Created: domain.InstantOf(time.Now()), Epoch: 1 << 30, Sequence: 1, Payload: f.payload,
	})
	s.no(err)
	if r := own.Decode(f.topic, p, domain.Stored{Message: m}); r.Signed {
		s.t.Fatal("the forgery is genuine: the test is wrong")
	}
	h := make(cluster.Headers)
	for _, x := range m.Headers {
		h[x.Key] = string(x.Value)
	}
	return forged{p, h, m.Value}
}

// picture is what every server shows of the devices, of the epoch and of its
// holder, without positions and counters.
func (s *stage) picture() string {
	s.t.Helper()
	name := s.primary()
	st, err := s.Status(s.t.Context(), name)
	s.no(err)
	lines := []string{fmt.Sprintf("epoch %d held by %s (%s)", st.Epoch, st.Primary, st.Server.Incarnation)}
	for _, m := range st.Servers {
		lines = append(lines, fmt.Sprintf("member %s %s %s", m.Name, m.Incarnation, m.State))
	}
	slices.Sort(lines[1:])
	for _, id := range []string{up.VideohubID, up.GateID} {
		d := s.sameEverywhere(id)
		lines = append(lines, fmt.Sprintf("%s %s %s %d %d removed %v, %d pending, %d in doubt", d.ID, d.Driver, d.Address, d.Inputs, d.Outputs, d.Removed, len(d.Pending), d.Doubts))
		for _, c := range d.Cells {
			desired, reported := cell(d, c.Target)
			lines = append(lines, fmt.Sprintf("  %s %s %s %s", c.Target, desired, reported, c.DesiredUID))
		}
	}
	return strings.Join(lines, "\n")
}

// deadLetters is the count that all servers agree on.
func (s *stage) deadLetters() uint64 {
	s.t.Helper()
	return s.counters().DeadLetters
}
