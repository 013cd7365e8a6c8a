package main

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// primary appends facts of an epoch, as a primary does.
type primary struct {
	*aLog
	epoch    uint64
	sequence map[int32]uint64
}

func (l *aLog) primary(epoch uint64) *primary {
	p := &primary{aLog: l, epoch: epoch, sequence: make(map[int32]uint64)}
	for n := range int32(logPartitions) {
		p.fact(n, domain.Record{UID: "opened", Payload: domain.EpochOpened{Server: "A", Incarnation: "a1", Time: domain.InstantOf(time.Now())}})
	}
	return p
}

func (p *primary) fact(partition int32, r domain.Record) domain.Position {
	p.t.Helper()
	p.sequence[partition]++
	r.Type, r.Source, r.Epoch, r.Sequence = r.Payload.Type(), "/server/A", p.epoch, p.sequence[partition]
	m, err := p.codec.Encode(domain.TopicLog, partition, r)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.appendAt(partition, m)
}

func (l *aLog) appendAt(p int32, m domain.Message) domain.Position {
	l.t.Helper()
	batch := []domain.Batch{{Topic: domain.Topic("main", domain.TopicLog), Partition: p, Messages: []domain.Message{m}}}
	out, err := l.log.Append(l.t.Context(), batch)
	if err != nil || out[0].Err != nil {
		l.t.Fatal(err, out)
	}
	return domain.Position{Partition: p, Offset: out[0].Offset}
}

// of appends a fact about a device.
func (p *primary) of(device string, payload domain.Payload) domain.Position {
	return p.fact(domain.Partition(device, logPartitions), domain.Record{UID: "f", Subject: device, Payload: payload})
}

// command appends a wish of anna's.
func (l *aLog) command(uid, device string, payload domain.Payload) domain.Position {
	l.t.Helper()
	p := domain.Partition(device, logPartitions)
	m, err := l.codec.Encode(domain.TopicLog, p, domain.Record{
		Type: payload.Type(), UID: uid, Source: "/panel", User: "anna", Subject: device, Created: domain.InstantOf(time.Now()), Payload: payload,
	})
	if err != nil {
		l.t.Fatal(err)
	}
	return l.appendAt(p, m)
}

// aPast is a log with a router that was routed twice, and once at its own panel.
type aPast struct {
	*aLog
	first, second, foreign domain.Position
}

const target = domain.Target("crosspoint/video/5")

func newPast(t *testing.T) *aPast {
	l := newLog(t)
	a := l.primary(1)
	a.of("videohub-1", domain.Configured{Definition: domain.Definition{
		Device: "videohub-1", Driver: "videohub", Address: "127.0.0.1:9990", Revision: 1, Inputs: 20, Outputs: 20,
		ConfirmWithin: time.Second, ValidAbsolute: time.Minute, ValidOneShot: 10 * time.Second, OnReconnect: domain.Adopt,
	}})
	a.of("videohub-1", domain.Connection{Up: true})
	past := &aPast{aLog: l}
	route := func(uid, source string, n int) (done domain.Position) {
		at := l.command(uid, "videohub-1", domain.Take{Destination: 5, Source: n})
		a.of("videohub-1", domain.Reported{Values: []domain.Value{{Target: target, Value: source}}})
		return a.of("videohub-1", domain.Ended{UID: uid, Command: at, Outcome: domain.Confirmed, Server: "A",
			Steps: domain.Steps{Sent: time.Millisecond, Answered: 2 * time.Millisecond, Confirmed: 3 * time.Millisecond}})
	}
	past.first = route("u-1", "12", 12)
	past.second = route("u-2", "13", 13)
	past.foreign = a.of("videohub-1", domain.Reported{Values: []domain.Value{{Target: target, Value: "7"}}})
	return past
}

func (l *aLog) past(t *testing.T, args ...string) string {
	t.Helper()
	code, out, errOut := command(t, append(args, "--kafka", l.address, "--landscape", "main", "--keys-file", l.keys)...)
	if code != exitOK {
		t.Fatalf("%v: exit %d: %s", args, code, errOut)
	}
	return out
}

func TestTheStateOfAMomentIsShown(t *testing.T) {
	past := newPast(t)
	cache := t.TempDir()
	for _, c := range []struct {
		at   domain.Position
		want string
	}{{past.first, "12"}, {past.second, "13"}, {past.foreign, "7"}} {
		var got stateAt
		if err := json.Unmarshal([]byte(past.past(t, "state", "at", "--position", c.at.String(), "-o", "json", "--cache", cache)), &got); err != nil {
			t.Fatal(err)
		}
		d, ok := got.Device("videohub-1")
		if !ok || len(d.Cells) != 1 || *d.Cells[0].Reported != c.want || got.Cut[c.at.Partition] != c.at.Offset+1 {
			t.Errorf("at %s: %+v", c.at, got)
		}
		again := past.past(t, "state", "at", "--cut", got.Cut.String(), "--cache", "none")
		if !strings.Contains(again, "crosspoint/video/5") || !strings.Contains(again, "--cut "+got.Cut.String()) {
			t.Errorf("by its cut:\n%s", again)
		}
	}
	// An exported folder gives the same, byte for byte.
	dir := filepath.Join(t.TempDir(), "export")
	past.past(t, "export", "--to", dir)
	args := []string{"state", "at", "--position", past.second.String(), "--cache", "none", "-o", "yaml", "--device", "videohub-1"}
	code, out, errOut := command(t, append(args, "--file", dir, "--keys-file", past.keys)...)
	if code != exitOK || out != past.past(t, args...) {
		t.Errorf("of a folder: exit %d: %s\n%s", code, errOut, out)
	}
}

func TestADifferenceNamesWhoAndBecauseOfWhat(t *testing.T) {
	past := newPast(t)
	var got stateDiff
	args := []string{"state", "diff", "--cache", "none", "--from", past.first.String()}
	if err := json.Unmarshal([]byte(past.past(t, append(args, "--to", past.second.String(), "-o", "json")...)), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Changes) != 2 {
		t.Fatalf("changes: %+v", got.Changes)
	}
	for i, what := range []string{"desired", "reported"} {
		c := got.Changes[i]
		if c.What != what || *c.From != "12" || *c.To != "13" || c.Target != target || c.Cause == nil || c.Cause.UID != "u-2" || c.Cause.By != "anna" || !c.Cause.Signed {
			t.Errorf("%+v %+v", c, c.Cause)
		}
	}
	if text := past.past(t, append(args, "--to", past.foreign.String())...); !strings.Contains(text, "nobody through the log") {
		t.Errorf("a change past the log:\n%s", text)
	}
	if text := past.past(t, append(args, "--to", past.first.String())...); !strings.Contains(text, "nothing is different") {
		t.Errorf("the same moment:\n%s", text)
	}
}

// TestADifferenceMayBeginBeforeTheLog: nothing was then, so all is different.
func TestADifferenceMayBeginBeforeTheLog(t *testing.T) {
	past := newPast(t)
	text := past.past(t, "state", "diff", "--from", "2001-01-01T00:00:00Z", "--to", past.second.String(), "--cache", "none")
	if !strings.Contains(text, "videohub-1") || !strings.Contains(text, string(target)) {
		t.Errorf("it tells\n%s", text)
	}
}

func TestAMomentThatIsNotThereIsSaid(t *testing.T) {
	past := newPast(t)
	base := []string{"--kafka", past.address, "--landscape", "main", "--keys-file", past.keys, "--cache", "none"}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"state", "at"}, exitUsage, "give one of --time, --position and --cut"},
		{[]string{"state", "at", "--time", "yesterday"}, exitUsage, "write it as"},
		{[]string{"state", "at", "--time", "2001-01-01T00:00:00Z"}, exitError, "is before the first record of understudy.main.log, which is from 2"},
		{[]string{"state", "at", "--position", "9:0"}, exitError, "has partitions 0 to 7"},
		{[]string{"state", "at", "--position", past.first.String() + "99"}, exitError, "up to, not including"},
		{[]string{"state", "at", "--cut", "0:1"}, exitUsage, "is missing; give all 8"},
		{[]string{"state", "at", "--cut", "0:99999,1:0,2:0,3:0,4:0,5:0,6:0,7:0"}, exitError, "is it that of another log?"},
		{[]string{"state", "at", "--time", "0s", "--device", "gate-9"}, exitError, `there was no device "gate-9" then`},
		{[]string{"state", "diff", "--from", "1h"}, exitUsage, "give both"},
		{[]string{"state", "diff", "--from", past.second.String(), "--to", past.first.String()}, exitUsage, "--to is before --from"},
	} {
		code, out, errOut := command(t, append(c.args, base...)...)
		if code != c.code || !strings.Contains(errOut, c.want) {
			t.Errorf("%v: exit %d, %s%s", c.args, code, out, errOut)
		}
	}
	dir := filepath.Join(t.TempDir(), "export")
	past.past(t, "export", "--to", dir)
	code, _, errOut := command(t, "state", "at", "--time", "0s", "--file", dir, "--keys-file", past.keys, "--cache", "none")
	if code != exitOK || !strings.Contains(errOut, "what came after its export is not in the answer") {
		t.Errorf("a time behind the end of a folder: exit %d: %s", code, errOut)
	}
}

// TestWithoutTheKeysNothingIsDerived: every record of a server would be void, and what
// is told false; nor with the keys of another landscape.
func TestWithoutTheKeysNothingIsDerived(t *testing.T) {
	past := newPast(t)
	dir := filepath.Join(t.TempDir(), "export")
	past.past(t, "export", "--to", dir)
	other := newLog(t)
	for _, args := range [][]string{
		{"state", "at", "--time", "0s", "--cache", "none"},
		{"state", "diff", "--from", "1m", "--to", "0s", "--cache", "none"},
		{"explain", "u-1", "--cache", "none"},
		{"explain", "epoch", "1"},
		{"timeline"},
		{"replay", "check"},
		{"audit", "verify"},
		{"export", "--format", "parquet", "--to", filepath.Join(t.TempDir(), "tables")},
	} {
		for _, from := range [][]string{{"--file", dir}, {"--kafka", past.address, "--landscape", "main"}} {
			line := append(slices.Clone(args), from...)
			if code, out, errOut := command(t, line...); code != exitUsage || out != "" || !strings.Contains(errOut, "name the file with --keys-file") {
				t.Errorf("%v without keys: exit %d: %s%s", line, code, out, errOut)
			}
			line = append(line, "--keys-file", other.keys)
			if code, out, errOut := command(t, line...); code != exitRefused || out != "" || !strings.Contains(errOut, "the keys do not fit this history") {
				t.Errorf("%v with other keys: exit %d: %s%s", line, code, out, errOut)
			}
		}
	}
}

func TestWhatHasNotComeYetIsNotTold(t *testing.T) {
	past := newPast(t)
	base := []string{"--kafka", past.address, "--landscape", "main", "--keys-file", past.keys}
	future := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	for _, args := range [][]string{
		{"state", "at", "--time", future},
		{"state", "diff", "--from", "1m", "--to", future},
		{"timeline", "--since", future},
		{"timeline", "--until", future},
		{"explain", "u-1", "--since", future},
		{"export", "--to", t.TempDir(), "--until", future},
		{"audit", "verify", "--until", future},
	} {
		if code, out, errOut := command(t, append(args, base...)...); code != exitUsage || out != "" || !strings.Contains(errOut, "has not come yet") {
			t.Errorf("%v: exit %d: %s%s", args, code, out, errOut)
		}
	}
	// An input fault is told as such, whatever the brokers do.
	nobody := []string{"--kafka", "127.0.0.1:1", "--landscape", "main", "--keys-file", past.keys}
	for _, args := range [][]string{
		{"state", "at", "--position", "3"}, {"state", "at", "--time", "yesterday"}, {"state", "at", "--cut", "x"},
		{"state", "diff", "--from", "3:x", "--to", "0s"}, {"state", "at", "--time", future},
	} {
		if code, _, errOut := command(t, append(args, nobody...)...); code != exitUsage || strings.Contains(errOut, "broker") {
			t.Errorf("%v: exit %d: %s", args, code, errOut)
		}
	}
	for _, args := range [][]string{
		{"state", "at", "--position", "9:0"}, {"state", "at", "--time", "2001-01-01T00:00:00Z"}, {"state", "at", "--position", past.first.String() + "99"},
	} {
		if code, _, errOut := command(t, append(args, base...)...); code != exitError || strings.Contains(errOut, "broker") {
			t.Errorf("%v: exit %d: %s", args, code, errOut)
		}
	}
}

func TestADeviceThatNobodyKnowsIsSaid(t *testing.T) {
	past := newPast(t)
	base := []string{"--kafka", past.address, "--landscape", "main", "--keys-file", past.keys}
	for _, args := range [][]string{
		{"state", "at", "--time", "0s", "--device", "gate-9", "--cache", "none"},
		{"state", "diff", "--from", past.first.String(), "--to", "0s", "--device", "gate-9", "--cache", "none"},
		{"timeline", "--device", "gate-9"},
		{"explain", "u-1", "--device", "gate-9", "--cache", "none"},
	} {
		if code, out, errOut := command(t, append(args, base...)...); code != exitError || out != "" || errOut == "" {
			t.Errorf("%v: exit %d: %s%s", args, code, out, errOut)
		}
	}
	if code, _, errOut := command(t, append(base, "timeline", "--device", "videohub-1", "--uid", "nobody")...); code != exitOK || !strings.Contains(errOut, "no record is what was asked for") {
		t.Errorf("a device with nothing to tell: exit %d: %s", code, errOut)
	}
}
