package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/projections/explain"
)

func TestACommandIsExplainedFromWishToReport(t *testing.T) {
	past := newPast(t)
	past.command("u-1", "videohub-1", domain.Take{Destination: 5, Source: 12}) // again
	past.command("u-1", "videohub-1", domain.Take{Destination: 5, Source: 9})  // another wish
	past.command("u-9", "videohub-1", domain.Take{Destination: 500, Source: 1})
	var stories []explain.Command
	if err := json.Unmarshal([]byte(past.past(t, "explain", "u-1", "-o", "json", "--cache", "none")), &storiesOf{&stories}); err != nil {
		t.Fatal(err)
	}
	if len(stories) != 1 || stories[0].Verdict != "accepted" || stories[0].Outcome != domain.Confirmed {
		t.Fatalf("%+v", stories)
	}
	var what []string
	for _, s := range stories[0].Steps {
		what = append(what, s.What)
		if s.Time.IsZero() || s.By == "" {
			t.Errorf("step without time or who: %+v", s)
		}
	}
	if got := strings.Join(what, " "); got != "wish report outcome repeat repeat" {
		t.Errorf("the story is %s", got)
	}
	text := past.past(t, "explain", "u-1", "--cache", "none")
	for _, want := range []string{"anna", "destination 5 ← source 12", "bytes handed to the device's socket after 1ms", `crosspoint/video/5 = "12", as wished`, "the UID of the command at"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if text := past.past(t, "explain", "u-9", "--cache", "none"); !strings.Contains(text, "refused") || !strings.Contains(text, "no outcome in the log yet") {
		t.Errorf("a refusal:\n%s", text)
	}
	code, _, errOut := command(t, "explain", "u-99", "--kafka", past.address, "--landscape", "main", "--cache", "none", "--keys-file", past.keys)
	if code != exitError || !strings.Contains(errOut, "is it spelt so") {
		t.Errorf("a UID that nobody knows: exit %d: %s", code, errOut)
	}
	code, _, errOut = command(t, "explain", "epoch", "7", "--kafka", past.address, "--landscape", "main", "--keys-file", past.keys)
	if code != exitError || !strings.Contains(errOut, "nobody has claimed epoch 7") {
		t.Errorf("an epoch that nobody claimed: exit %d: %s", code, errOut)
	}
}

// storiesOf reads stories without their wishes, which have no type of their own.
type storiesOf struct{ to *[]explain.Command }

func (s *storiesOf) UnmarshalJSON(b []byte) error {
	var plain []struct {
		Device, UID, Verdict string
		Outcome              domain.Outcome
		Story                []struct {
			What, By string
			Time     time.Time
		}
	}
	if err := json.Unmarshal(b, &plain); err != nil {
		return err
	}
	for _, p := range plain {
		c := explain.Command{Device: p.Device, UID: p.UID, Verdict: p.Verdict, Outcome: p.Outcome}
		for _, step := range p.Story {
			c.Steps = append(c.Steps, explain.Step{What: step.What, By: step.By, Time: step.Time})
		}
		*s.to = append(*s.to, c)
	}
	return nil
}

func TestTheTimelineFollowsWhatAUserAskedFor(t *testing.T) {
	past := newPast(t)
	past.add(domain.Record{UID: "other", Subject: "gate-1", Payload: domain.Invoke{Verb: "pulse"}})
	lines := func(args ...string) []string {
		return strings.Split(strings.TrimSpace(past.past(t, append([]string{"timeline"}, args...)...)), "\n")
	}
	all := lines()
	if len(all) != logPartitions+2+3+3+1+1 {
		t.Errorf("%d lines:\n%s", len(all), strings.Join(all, "\n"))
	}
	last := ""
	for _, l := range all {
		if at := strings.Fields(l)[0]; at < last {
			t.Errorf("%s stands behind %s", at, last)
		} else {
			last = at
		}
	}
	for _, c := range []struct {
		args []string
		want int
	}{
		{[]string{"--user", "anna"}, 4},
		{[]string{"--source", "/test"}, 1},
		{[]string{"--uid", "u-2"}, 2},
		{[]string{"--device", "gate-1"}, 1},
		{[]string{"--type", "epoch"}, logPartitions},
		{[]string{"--epoch", "1", "--type", "device.reported"}, 3},
	} {
		if got := lines(c.args...); len(got) != c.want {
			t.Errorf("%v: %d lines, want %d:\n%s", c.args, len(got), c.want, strings.Join(got, "\n"))
		}
	}
	if code, _, errOut := command(t, "timeline", "--follow", "--until", "1m", "--kafka", past.address); code != exitUsage || !strings.Contains(errOut, "leave out --until") {
		t.Errorf("exit %d: %s", code, errOut)
	}
}

// TestADeadLetterIsExplained: its record stands in the log, and is no command.
func TestADeadLetterIsExplained(t *testing.T) {
	past := newPast(t)
	m, err := past.codec.Encode(domain.TopicLog, 0, domain.Record{
		Type: domain.TypeTake, UID: "k-3", Source: "/panel", Subject: "videohub-1", Created: domain.InstantOf(time.Now()), Payload: domain.Take{Destination: 5, Source: 1},
	})
	try(t, err)
	m.Value = []byte("rubbish")
	at := past.appendAt(domain.Partition("videohub-1", logPartitions), m)
	past.bury("", domain.DeadLetter{
		Topic: "understudy.main.log", Record: at, Reason: domain.DefectPayload, Detail: "it does not decode",
		Headers: map[string]string{"ce_id": "k-3", "ce_subject": "videohub-1"},
	})
	text := past.past(t, "explain", "k-3", "--cache", "none")
	for _, want := range []string{"never a command", "dead letter 0", "it does not decode", "nobody has decided"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if strings.Contains(text, ", no outcome in the log yet") {
		t.Errorf("it is told as a command:\n%s", text)
	}
}
