package main

import (
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// bury appends to the dead-letter topic, as a server does.
func (l *aLog) bury(user string, p domain.Payload) {
	l.t.Helper()
	m, err := l.codec.Encode(domain.TopicDeadLetter, 0, domain.Record{
		Type: p.Type(), UID: "d", Source: domain.ServerSource("A"), Subject: "videohub-1", User: user, Created: domain.InstantOf(time.Now()), Payload: p,
	})
	if err != nil {
		l.t.Fatal(err)
	}
	out, err := l.log.Append(l.t.Context(), []domain.Batch{{Topic: domain.Topic("main", domain.TopicDeadLetter), Messages: []domain.Message{m}}})
	if err != nil || out[0].Err != nil {
		l.t.Fatal(err, out)
	}
}

func TestDeadLettersAreListedWithWhatWasDecided(t *testing.T) {
	l := newLog(t)
	for _, uid := range []string{"u-1", "u-2\x1b[2J"} {
		l.bury("", domain.DeadLetter{
			Topic: "understudy.main.log", Record: domain.Position{Partition: 3, Offset: 9}, Reason: domain.DefectType, Detail: "never heard of it",
			Headers: map[string]string{"ce_id": uid, "ce_type": "coffee.make.v1", "ce_subject": "videohub-1"}, Value: []byte("{\"cups\":2}"),
		})
	}
	l.bury("anna", domain.LetterDecided{Letter: 0, As: domain.Discarded, Reason: "no coffee here"})
	past := &aPast{aLog: l}
	text := past.past(t, "deadletter", "list")
	if strings.Contains(text, "u-1") || !strings.Contains(text, "u-2·[2J") || !strings.Contains(text, "unknown_type") {
		t.Errorf("those that wait:\n%s", text)
	}
	if text := past.past(t, "deadletter", "list", "--all"); !strings.Contains(text, "discarded by anna") {
		t.Errorf("all:\n%s", text)
	}
	text = past.past(t, "deadletter", "show", "0")
	for _, want := range []string{"the record at 3:9 of understudy.main.log", "never heard of it", `{"cups":2}`, "coffee.make.v1", "discarded by anna at", "no coffee here"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	text = past.past(t, "explain", "u-1", "--cache", "none")
	for _, want := range []string{"u-1 was never a command", "dead letter 0", "never heard of it", "no coffee here"} {
		if !strings.Contains(text, want) {
			t.Errorf("explain: %q is not in\n%s", want, text)
		}
	}
	base := []string{"--kafka", l.address, "--landscape", "main", "--keys-file", l.keys}
	if code, _, errOut := command(t, append(base, "deadletter", "show", "7")...); code != exitError || !strings.Contains(errOut, "there is no dead letter 7") {
		t.Errorf("exit %d: %s", code, errOut)
	}
}

func TestWhoDecidesAboutADeadLetterSaysWhy(t *testing.T) {
	l := newLandscape(t)
	code, out, errOut := l.cli(t, "", "deadletter", "discard", "17", "--reason", "a test")
	if code != exitOK || !strings.Contains(out, "discards 17: a test") {
		t.Errorf("exit %d: %s%s", code, out, errOut)
	}
	code, out, errOut = l.cli(t, "", "deadletter", "requeue", "17", "--reason", "it is known now")
	if code != exitOK || !strings.Contains(out, "requeue dead letter 17") {
		t.Errorf("exit %d: %s%s", code, out, errOut)
	}
	for _, args := range [][]string{{"deadletter", "discard", "17"}, {"deadletter", "requeue", "17", "--reason", ""}, {"deadletter", "requeue", "x", "--reason", "y"}} {
		if code, _, errOut := l.cli(t, "", args...); code != exitUsage {
			t.Errorf("%v: exit %d: %s", args, code, errOut)
		}
	}
}
