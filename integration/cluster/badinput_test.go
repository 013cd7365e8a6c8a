package cluster_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/up"
	"github.com/understudy-io/understudy/integration/cluster"
)

// TestACommandThatMakesNoSenseIsRefusedWithItsReason, in the log as by the
// command line.
func TestACommandThatMakesNoSenseIsRefusedWithItsReason(t *testing.T) {
	s := common(t)
	take, invoke := "crosspoint.take.v1", "verb.invoke.v1"
	ahead := time.Now().Add(10 * time.Minute).UTC().Format(time.RFC3339)
	for i, c := range []struct {
		name, device, kind, value string
		headers                   []string
		want                      domain.Reason
	}{
		{"an unknown device", "videohub-9", take, takeJSON(1, 1), nil, domain.ReasonUnknownDevice},
		{"a destination out of range", up.VideohubID, take, takeJSON(41, 1), nil, domain.ReasonOutOfRange},
		{"a source out of range", up.VideohubID, take, takeJSON(1, 41), nil, domain.ReasonOutOfRange},
		{"destination 0", up.VideohubID, take, takeJSON(0, 1), nil, domain.ReasonOutOfRange},
		{"an unknown verb", up.GateID, invoke, `{"verb":"explode"}`, nil, domain.ReasonUnknownVerb},
		{"a missing argument", up.GateID, invoke, `{"verb":"set-level"}`, nil, domain.ReasonBadArguments},
		{"a one-shot without ce_time", up.GateID, invoke, `{"verb":"pulse"}`, []string{"ce_time", ""}, domain.ReasonNoTime},
		{"a time in the future", up.VideohubID, take, takeJSON(1, 1), []string{"ce_time", ahead}, domain.ReasonFromFuture},
	} {
		uid := s.uid(fmt.Sprint(i))
		_, err := s.Command(t.Context(), s.producer, cluster.CommandHeaders(c.device, uid, c.kind).With(c.headers...), c.value)
		s.no(err)
		if r := s.outcome(c.device, uid); r.Outcome != domain.Refused || r.Reason != c.want || r.Detail == "" {
			t.Errorf("%s: %+v; want refused, %s, with a detail", c.name, r, c.want)
		}
	}
	for _, c := range []struct {
		says string
		line []string
	}{
		{"unknown_device", []string{"route", "set", "videohub-9", "--dest", "1", "--source", "1"}},
		{"40", []string{"route", "set", up.VideohubID, "--dest", "41", "--source", "1"}},
		{"explode", []string{"command", "send", up.GateID, "explode"}},
	} {
		if said := s.cli(3, c.line...); !strings.Contains(said.Err, c.says) {
			t.Errorf("the error does not say %q: %s", c.says, said)
		}
	}
	s.proven()
}

// TestARecordThatCannotBeUnderstoodIsADeadLetterWithItsReason: it changes
// nothing, and what comes behind it is done.
func TestARecordThatCannotBeUnderstoodIsADeadLetterWithItsReason(t *testing.T) {
	s := common(t)
	before, counted := s.picture(), s.deadLetters()
	take := takeJSON(1, 1)
	type bad struct {
		name    string
		headers []string
		value   string
		want    domain.Defect
	}
	records := []bad{
		{"half a JSON object", nil, `{"destination":1,`, domain.DefectPayload},
		{"a field never heard of", nil, `{"target":1,"source":1}`, domain.DefectPayload},
		{"more behind the JSON object", nil, take + take, domain.DefectPayload},
		{"no value", nil, "", domain.DefectPayload},
		{"JSON that says it is msgpack", []string{"content-type", "application/msgpack"}, take, domain.DefectPayload},
		{"msgpack that ends early", []string{"content-type", "application/msgpack"}, "\x82\xa6source", domain.DefectPayload},
		{"msgpack that claims to be huge", []string{"content-type", "application/msgpack"}, "\xdf\xff\xff\xff\xff", domain.DefectPayload},
		{"another content", []string{"content-type", "text/plain"}, take, domain.DefectContentType},
		{"no specversion", []string{"ce_specversion", ""}, take, domain.DefectHeaders},
		{"another specversion", []string{"ce_specversion", "0.3"}, take, domain.DefectHeaders},
		{"a time that is none", []string{"ce_time", "yesterday"}, take, domain.DefectHeaders},
		{"a validity that is none", []string{"ce_validfor", "-5s"}, take, domain.DefectHeaders},
		{"no UID", []string{"ce_id", ""}, take, domain.DefectUID},
		{"a UID of 300 bytes", []string{"ce_id", strings.Repeat("u", 300)}, take, domain.DefectUID},
		{"a UID that is not UTF-8", []string{"ce_id", "\xff\xfe"}, take, domain.DefectUID},
		{"no device", []string{"ce_subject", ""}, take, domain.DefectSubject},
		{"an unknown type", []string{"ce_type", "coffee.make.v1"}, take, domain.DefectType},
		{"an unknown version", []string{"ce_type", "crosspoint.take.v9"}, take, domain.DefectType},
		{"a type of another topic", []string{"ce_type", "member.joined.v1"}, take, domain.DefectWrongTopic},
		{"1.5 MB", nil, `{"destination":1,"source":1,"level":"` + strings.Repeat("x", 3<<19) + `"}`, domain.DefectTooLarge},
	}
	at := make(map[domain.Defect][]domain.Position)
	p := s.PartitionOf(up.VideohubID)
	for i, r := range records {
		h := cluster.CommandHeaders(up.VideohubID, s.uid(fmt.Sprint(i)), "crosspoint.take.v1").With(r.headers...)
		stood, err := s.producer.Send(t.Context(), s.LogTopic(), p, up.VideohubID, h, []byte(r.value))
		if err != nil {
			t.Fatalf("%s: %v", r.name, err)
		}
		at[r.want] = append(at[r.want], stood)
	}
	twice := []kafkago.Header{{Key: "ce_id", Value: []byte("a")}, {Key: "ce_id", Value: []byte("b")}}
	stood, err := s.producer.SendRaw(t.Context(), s.LogTopic(), p, up.VideohubID, twice, []byte(take))
	s.no(err)
	at[domain.DefectHeaders] = append(at[domain.DefectHeaders], stood)
	nothing, err := s.producer.SendRaw(t.Context(), s.LogTopic(), p, "", nil, nil)
	s.no(err)
	at[domain.DefectHeaders] = append(at[domain.DefectHeaders], nothing)

	for reason, positions := range at {
		s.buried(reason, positions...)
	}
	// Who asks for the UID of one is told.
	uid := s.uid("0")
	for _, more := range [][]string{nil, {"--device", up.VideohubID}} {
		s.eventually("the status names the dead letter", func() error { // not in every moment: others may look too
			said := s.CLI(t.Context(), append([]string{"command", "status", uid}, more...)...)
			if said.Code != 1 || !strings.Contains(said.Err, at[records[0].want][0].String()) || !strings.Contains(said.Err, string(records[0].want)) {
				return fmt.Errorf("%s", said)
			}
			return nil
		})
	}
	if said := s.cli(0, "log", "tail", "--topic", "deadletter", "-n", "1000"); !strings.Contains(said.Out, uid) {
		t.Errorf("the dead letters do not name %s: %s", uid, said)
	}
	if n := s.deadLetters() - counted; n != uint64(len(records)+2) {
		t.Errorf("%d are counted, want %d", n, len(records)+2)
	}
	if after := s.picture(); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
	s.result(0, "route", "set", up.VideohubID, "--dest", "1", "--source", "9")
	s.proven()
}

// TestARecordOf2MBIsRefusedByTheBroker: the producer is told, and nothing lands.
func TestARecordOf2MBIsRefusedByTheBroker(t *testing.T) {
	s := common(t)
	before := s.counters()
	h := cluster.CommandHeaders(up.VideohubID, s.uid("u"), "crosspoint.take.v1")
	_, err := s.Command(t.Context(), s.producer, h, strings.Repeat("x", 2<<20))
	if !errors.Is(err, kafkago.MessageSizeTooLarge) {
		t.Errorf("got %v, want %v", err, kafkago.MessageSizeTooLarge)
	}
	s.result(0, "route", "set", up.VideohubID, "--dest", "2", "--source", "9")
	if after := s.counters(); after.DeadLetters != before.DeadLetters {
		t.Errorf("dead letters %d, before %d", after.DeadLetters, before.DeadLetters)
	}
}

// TestACommandInTheWrongPartitionIsForwardedAndDoneOnce, also if it lies in every
// partition.
func TestACommandInTheWrongPartitionIsForwardedAndDoneOnce(t *testing.T) {
	s := common(t)
	before := s.counters().Misplaced
	right := s.PartitionOf(up.GateID)
	uid := s.uid("u")
	h := cluster.CommandHeaders(up.GateID, uid, "verb.invoke.v1")
	for p := range s.Run.Partitions() { // the right one is among them
		_, err := s.producer.Send(t.Context(), s.LogTopic(), p, up.GateID, h, []byte(`{"verb":"pulse"}`))
		s.no(err)
	}
	if r := s.outcome(up.GateID, uid); r.Outcome != domain.Confirmed || r.Position.Partition != right {
		t.Errorf("%+v; want confirmed in partition %d", r, right)
	}
	s.eventually("they are counted", func() error {
		if n := s.counters().Misplaced - before; n != uint64(s.Run.Partitions()-1) {
			return fmt.Errorf("%d misplaced", n)
		}
		return nil
	})
	s.eventually("every copy has its answer", func() error {
		audit, err := s.Audit(t.Context())
		if n := len(audit.Answers[cluster.Command{Device: up.GateID, UID: uid}]); err == nil && n != int(s.Run.Partitions()-1) {
			err = fmt.Errorf("%d answers", n)
		}
		return err
	})
	s.pulsed(uid, 1)
	s.proven()
}

// TestARecordOfALowerEpochIsFenced: genuine, by a primary whose epoch is over.
func TestARecordOfALowerEpochIsFenced(t *testing.T) {
	s := common(t)
	s.cli(0, "switchover")
	s.primary()
	own, err := s.Codec()
	s.no(err)
	before, counted := s.picture(), s.counters().Fenced
	st, err := s.Status(t.Context(), "A")
	s.no(err)
	p := s.PartitionOf(up.VideohubID)
	late := []domain.Payload{
		domain.Reported{Values: []domain.Value{{Target: domain.CrosspointTarget("", 3), Value: "33"}}},
		domain.EpochOpened{Server: "A", Incarnation: "old", Time: domain.InstantOf(time.Now())},
		domain.Connection{Up: false},
	}
	for i, payload := range late {
		m, err := own.Encode(domain.TopicLog, p, domain.Record{
			Type: payload.Type(), UID: s.uid(fmt.Sprint(i)), Source: "/server/A", Subject: up.VideohubID,
			Created: domain.InstantOf(time.Now()), Epoch: st.Epoch - 1, Sequence: 1<<20 + uint64(i), Payload: payload,
		})
		s.no(err)
		var headers []kafkago.Header
		for _, h := range m.Headers {
			headers = append(headers, kafkago.Header{Key: h.Key, Value: h.Value})
		}
		_, err = s.producer.SendRaw(t.Context(), s.LogTopic(), p, string(m.Key), headers, m.Value)
		s.no(err)
	}
	s.eventually("they are counted as fenced", func() error {
		if n := s.counters().Fenced - counted; n != uint64(len(late)) {
			return fmt.Errorf("%d are", n)
		}
		return nil
	})
	if after := s.picture(); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
	s.proven()
}

// TestForeignRecordsInControlChangeNothing: the election goes on behind them.
func TestForeignRecordsInControlChangeNothing(t *testing.T) {
	s := common(t)
	before, primary := s.picture(), s.primary()
	topic := domain.Topic(s.Run.Landscape, domain.TopicControl)
	h := cluster.CommandHeaders(up.VideohubID, s.uid("u"), "crosspoint.take.v1")
	for _, send := range []func() (domain.Position, error){
		func() (domain.Position, error) { return s.producer.SendRaw(t.Context(), topic, 0, "", nil, nil) },
		func() (domain.Position, error) {
			return s.producer.SendRaw(t.Context(), topic, 0, "x", nil, []byte("hello"))
		},
		func() (domain.Position, error) {
			return s.producer.Send(t.Context(), topic, 0, up.VideohubID, h, []byte(takeJSON(4, 4)))
		},
	} {
		_, err := send()
		s.no(err)
	}
	s.cli(0, "switchover")
	s.cli(0, "switchover", "--to", primary)
	after := s.picture()
	if trimEpoch(after) != trimEpoch(before) {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
	s.proven()
}

func trimEpoch(picture string) string {
	_, rest, _ := strings.Cut(picture, "\n")
	return rest
}

// TestTheCommandLineRefusesWhatCannotBeLogged, before anything is.
func TestTheCommandLineRefusesWhatCannotBeLogged(t *testing.T) {
	s := common(t)
	before := s.counters().Records
	for _, line := range [][]string{
		{"command", "send", up.GateID, "pulse", "--uid", strings.Repeat("u", 300)},
		{"command", "send", up.GateID, "set-level", "--arg", "level"},
		{"route", "set", up.VideohubID, "--dest", "0", "--source", "1"},
		{"label", "set", up.VideohubID, "--input", "1", "--text", strings.Repeat("x", 2000)},
		{"command", "send", up.GateID, "pulse", "--valid-for", "48h"},
		{"command", "send", strings.Repeat("d", 200), "pulse"},
	} {
		if said := s.cli(httpapi.ExitUsage, line...); len(said.Err) < 20 {
			t.Errorf("no clear error: %s", said)
		}
	}
	if after := s.counters().Records; after != before {
		t.Errorf("%d records were logged", after-before)
	}
}
