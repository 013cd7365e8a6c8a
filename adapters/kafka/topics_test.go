package kafka

import (
	"strings"
	"testing"

	"github.com/understudy-io/understudy/domain"
)

func TestTopicsAreCreatedJudgedAndMended(t *testing.T) {
	c := cluster(t, 3)
	l := openLog(t, Config{Brokers: c.ListenAddrs()})
	findings, err := l.CheckTopics(t.Context(), "studio", TopicSpec{})
	if err != nil || len(findings) != 5 {
		t.Fatalf("%v, %v; wanted five missing topics", findings, err)
	}
	if err := l.EnsureTopics(t.Context(), "studio", TopicSpec{}); err != nil {
		t.Fatal(err)
	}
	if err := l.EnsureTopics(t.Context(), "studio", TopicSpec{}); err != nil {
		t.Fatal("a second time:", err)
	}
	if findings, err = l.CheckTopics(t.Context(), "studio", TopicSpec{}); err != nil || len(findings) != 0 {
		t.Fatalf("%v, %v; wanted none", findings, err)
	}
	if _, err := l.Append(t.Context(), []domain.Batch{{Topic: domain.Topic("studio", domain.TopicLog), Partition: 7, Messages: []domain.Message{{}}}}); err != nil {
		t.Fatal(err)
	}

	bad := map[string]string{"retention.ms": "3600000", "cleanup.policy": "compact", "message.timestamp.type": "CreateTime", "max.message.bytes": "1000"}
	if err := c.CreateTopic(domain.Topic("bad", domain.TopicLog), 3, bad); err != nil {
		t.Fatal(err)
	}
	if err := l.EnsureTopics(t.Context(), "bad", TopicSpec{}); err != nil {
		t.Fatal(err)
	}
	if findings, err = l.CheckTopics(t.Context(), "bad", TopicSpec{}); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"3 partitions, not 8", "retention.ms", "cleanup.policy", "message.timestamp.type", "max.message.bytes"} {
		if !strings.Contains(strings.Join(findings, "\n"), part) {
			t.Errorf("nothing about %q in\n%s", part, strings.Join(findings, "\n"))
		}
	}
	if err := l.MendTopics(t.Context(), "bad", TopicSpec{}); err != nil {
		t.Fatal(err)
	}
	if findings, err = l.CheckTopics(t.Context(), "bad", TopicSpec{}); err != nil || len(findings) != 1 {
		t.Fatalf("%v, %v; wanted only the number of partitions", findings, err)
	}
}

func TestTooManyPartitionsAreNoSettingOfTheLandscape(t *testing.T) {
	c := cluster(t, 1)
	l := openLog(t, Config{Brokers: c.ListenAddrs()})
	if err := c.CreateTopic(domain.Topic("bad", domain.TopicControl), 2, nil); err != nil {
		t.Fatal(err)
	}
	if err := l.EnsureTopics(t.Context(), "bad", TopicSpec{}); err != nil {
		t.Fatal(err)
	}
	findings, err := l.CheckTopics(t.Context(), "bad", TopicSpec{})
	if err != nil {
		t.Fatal(err)
	}
	said := strings.Join(findings, "\n")
	for _, part := range []string{"understudy.bad.control has 2 partitions, not 1", "cannot take one away", "new landscape"} {
		if !strings.Contains(said, part) {
			t.Errorf("nothing about %q in\n%s", part, said)
		}
	}
	if strings.Contains(said, "set the landscape's partitions") {
		t.Errorf("it advises what cannot help:\n%s", said)
	}
}

func TestJudge(t *testing.T) {
	spec := TopicSpec{}.withDefaults(3)
	sound := func(k domain.TopicKind) map[string]string {
		out := make(map[string]string)
		for _, s := range spec.settings(k) {
			out[s.name] = s.value
		}
		return out
	}
	for name, test := range map[string]struct {
		kind           domain.TopicKind
		setting, value string
		findings       int
	}{
		"as it must be":                      {domain.TopicLog, "cleanup.policy", "delete", 0},
		"compacted":                          {domain.TopicLog, "cleanup.policy", "compact,delete", 1},
		"a log that is cut in time":          {domain.TopicLog, "retention.ms", "604800000", 1},
		"elections that are cut in time":     {domain.TopicElections, "retention.ms", "604800000", 1},
		"a control topic kept for a day":     {domain.TopicControl, "retention.ms", "86400000", 0},
		"a control topic kept for ever":      {domain.TopicControl, "retention.ms", "-1", 0},
		"a control topic kept for a minute":  {domain.TopicControl, "retention.ms", "60000", 1},
		"cut by size":                        {domain.TopicLog, "retention.bytes", "1073741824", 1},
		"control cut by size, with room":     {domain.TopicControl, "retention.bytes", "268435456", 0},
		"control cut by size, too early":     {domain.TopicControl, "retention.bytes", "1048576", 1},
		"the producer's time":                {domain.TopicLog, "message.timestamp.type", "CreateTime", 1},
		"small messages":                     {domain.TopicLog, "max.message.bytes", "1048588", 1},
		"larger messages than need be":       {domain.TopicLog, "max.message.bytes", "10485760", 0},
		"one replica is enough":              {domain.TopicLog, "min.insync.replicas", "1", 1},
		"all replicas are asked for":         {domain.TopicLog, "min.insync.replicas", "3", 0},
		"more replicas asked for than there": {domain.TopicLog, "min.insync.replicas", "4", 1},
		"unclean elections":                  {domain.TopicLog, "unclean.leader.election.enable", "true", 1},
	} {
		t.Run(name, func(t *testing.T) {
			settings := sound(test.kind)
			settings[test.setting] = test.value
			got := judge("t", test.kind, spec, 3, settings, nil)
			if len(got) != test.findings {
				t.Fatalf("findings %q, wanted %d", got, test.findings)
			}
			for _, f := range got {
				if !strings.Contains(f, "set it to") {
					t.Fatalf("%q does not say how to mend it", f)
				}
			}
		})
	}
}
