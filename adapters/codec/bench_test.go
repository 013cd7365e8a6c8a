package codec_test

import (
	"testing"

	"github.com/understudy-io/understudy/domain"
)

// hot are the records that most of a log are.
func hot() map[string]domain.Record {
	return map[string]domain.Record{
		"command": command(domain.Take{Destination: 5, Source: 12}),
		"outcome": fact(domain.Ended{
			UID: "panel-7/1234", Command: domain.Position{Partition: 3, Offset: 70000}, Outcome: domain.Confirmed, Server: "A",
			Steps: domain.Steps{Sent: 200_000, Answered: 400_000, Confirmed: 500_000},
		}),
		"report": fact(domain.Reported{Values: []domain.Value{{Target: "crosspoint/video/5", Value: "12"}}}),
	}
}

func BenchmarkDecode(b *testing.B) {
	c := keyed(b)
	take := command(domain.Take{Destination: 5, Source: 12})
	asJSON, err := c.EncodeJSON(take)
	if err != nil {
		b.Fatal(err)
	}
	messages := map[string]domain.Stored{
		"command/signed": encode(b, c, signedCommand(take.Payload)),
		"command/JSON":   stored(asJSON),
	}
	for name, r := range hot() {
		messages[name] = encode(b, c, r)
	}
	for name, m := range messages {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(m.Value)))
			for b.Loop() {
				if r := c.Decode(domain.TopicLog, partition, m); r.Defect != "" {
					b.Fatal(r.Detail)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	c := keyed(b)
	r := fact(domain.Started{UID: "panel-7/1234", Command: domain.Position{Partition: 3, Offset: 70000}})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Encode(domain.TopicLog, partition, r); err != nil {
			b.Fatal(err)
		}
	}
}
