package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/history"
)

// TestAnImportIsTheSameLog: every record at its offset with its time, so that the
// same moment has the same state hash; again nothing is new; and what others wrote
// stays.
func TestAnImportIsTheSameLog(t *testing.T) {
	past := newPast(t)
	past.append(3, domain.Message{Key: []byte{}, Value: []byte("rubbish\xff"), Headers: []domain.Header{{Key: "x"}, {Key: "x", Value: []byte{}}}})
	past.append(3, domain.Message{})
	dir := filepath.Join(t.TempDir(), "export")
	past.past(t, "export", "--to", dir)

	other := newLog(t)
	args := []string{"import", "--from", dir, "--kafka", other.address}
	for round, want := range []string{"19       19", "19       0"} {
		code, out, errOut := command(t, args...)
		if code != exitOK || !strings.Contains(out, want) {
			t.Fatalf("round %d: exit %d: %s%s", round, code, out, errOut)
		}
	}
	for _, kind := range history.Kinds {
		topic := domain.Topic("main", kind)
		if d := cmp.Diff(all(t, past.log, topic), all(t, other.log, topic)); d != "" {
			t.Errorf("%s: %s", topic, d)
		}
	}
	at := []string{"state", "at", "--position", past.second.String(), "--cache", "none", "-o", "yaml"}
	was := past.past(t, at...)
	other.keys = past.keys
	if is := (&aPast{aLog: other}).past(t, at...); is != was {
		t.Errorf("the state is\n%s\nand was\n%s", is, was)
	}
	// The broker stamps its own times again.
	other.add(domain.Record{UID: "new", Subject: "gate-1", Payload: domain.Invoke{Verb: "pulse"}})
	if code, _, errOut := command(t, args...); code != exitRefused || !strings.Contains(errOut, "import into an empty landscape") {
		t.Errorf("into another log: exit %d: %s", code, errOut)
	}
	if code, _, errOut := command(t, append(args, "--landscape", "other")...); code != exitRefused || !strings.Contains(errOut, "its MACs are those of that name") {
		t.Errorf("under another name: exit %d: %s", code, errOut)
	}
}

// checkpoint appends the state hashes to control, as a primary does.
func (l *aPast) checkpoint() {
	l.t.Helper()
	checked, err := (&history.Traveller{Source: l.log, Decoder: l.codec, Landscape: "main"}).Check(l.t.Context(), l.codec)
	try(l.t, err)
	said := domain.Checkpoint{Epoch: 1}
	for _, e := range checked.Ends {
		said.Hashes = append(said.Hashes, domain.StateHash{Position: e.Next, Hash: e.Hash})
	}
	m, err := l.codec.Encode(domain.TopicControl, 0, domain.Record{UID: "checkpoint", Source: domain.ServerSource("A"), Subject: "A", Payload: said})
	try(l.t, err)
	out, err := l.log.Append(l.t.Context(), []domain.Batch{{Topic: domain.Topic("main", domain.TopicControl), Messages: []domain.Message{m}}})
	if err != nil || out[0].Err != nil {
		l.t.Fatal(err, out)
	}
}

// TestASealIsProven: by at least one checkpoint of a primary.
func TestASealIsProven(t *testing.T) {
	past := newPast(t)
	dir := filepath.Join(t.TempDir(), "seal")
	line := []string{"seal", "--to", dir, "--kafka", past.address, "--landscape", "main", "--keys-file", past.keys}
	if code, out, errOut := command(t, line...); code != exitRefused || strings.Contains(out, "stands for the log") || !strings.Contains(out, "do not shorten retention") {
		t.Errorf("without a checkpoint: exit %d: %s%s", code, errOut, out)
	}
	past.checkpoint()
	text := past.past(t, "seal", "--to", dir)
	if !strings.Contains(text, "stands for the log of landscape main") {
		t.Errorf("seal says\n%s", text)
	}
	// The folder beside the brokers is one history.
	past.command("u-3", "videohub-1", domain.Take{Destination: 5, Source: 3})
	if text := past.past(t, "timeline", "--file", dir, "--user", "anna"); strings.Count(text, "\n") != 5 {
		t.Errorf("across the seam:\n%s", text)
	}
	if code, _, errOut := command(t, "seal", "--to", dir, "--kafka", past.address, "--landscape", "main"); code != exitUsage || !strings.Contains(errOut, "--keys-file") {
		t.Errorf("without keys: exit %d: %s", code, errOut)
	}
}

// TestALogOfOtherBytesIsToldAsSuch: also where its first and last records are the same.
func TestALogOfOtherBytesIsToldAsSuch(t *testing.T) {
	past, other := newPast(t), newLog(t)
	dir := filepath.Join(t.TempDir(), "export")
	past.past(t, "export", "--to", dir)
	var topics []string
	for _, kind := range history.Kinds {
		topics = append(topics, domain.Topic("main", kind))
	}
	try(t, other.log.KeepTimes(t.Context(), topics, true))
	for p, messages := range all(t, past.log, topics[0]) {
		if len(messages) > 2 {
			messages[1].Value = []byte("something else")
		}
		if len(messages) > 0 {
			_, err := other.log.Import(t.Context(), topics[0], p, messages)
			try(t, err)
		}
	}
	if code, _, errOut := command(t, "import", "--from", dir, "--kafka", other.address); code != exitRefused || !strings.Contains(errOut, "import into an empty landscape") || strings.Contains(errOut, "timestamp") {
		t.Errorf("exit %d: %s", code, errOut)
	}
}

// TestAHistoryOfWhichNothingCouldBeComparedIsNotProven: seal and replay check must not end
// as if all were well where no checkpoint of a primary could be compared.
func TestAHistoryOfWhichNothingCouldBeComparedIsNotProven(t *testing.T) {
	for _, x := range []struct {
		c    history.Checked
		code int
	}{
		{history.Checked{Checkpoints: 3, Equal: 2, Missed: 1}, exitOK},
		{history.Checked{}, exitRefused},
		{history.Checked{Checkpoints: 3, Missed: 3}, exitRefused},
	} {
		if code := exitCode(differs(&x.c)); code != x.code {
			t.Errorf("%+v ends with %d, want %d", x.c, code, x.code)
		}
	}
}
