package drill

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// slow is a log whose appends take a while each.
type slow struct {
	Log
	takes time.Duration
	uids  []string
}

func (s *slow) Append(_ context.Context, batches []domain.Batch) ([]domain.Appended, error) {
	time.Sleep(s.takes)
	for _, m := range batches[0].Messages {
		s.uids = append(s.uids, string(m.Key))
	}
	return nil, nil
}

// plain has the UID of a record as key.
type plain struct{ Codec }

func (plain) Encode(_ domain.TopicKind, _ int32, r domain.Record) (domain.Message, error) {
	return domain.Message{Key: []byte(r.UID)}, nil
}

// One append at a time bounds the appends a second, not the commands.
func TestTheStreamKeepsItsRateOnASlowLog(t *testing.T) {
	for name, c := range map[string]struct {
		takes       time.Duration
		least, most int
	}{
		"appends of 20 ms":        {20 * time.Millisecond, 19_000, 21_000},
		"outages are not made up": {time.Second, 1_500, 4_000}, // some 200 each time
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := &slow{takes: c.takes}
				s := &stream{log: log, codec: plain{}, run: "r", partitions: 8}
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				s.produce(ctx, 2_000, route)
				if n := len(log.uids); n < c.least || n > c.most {
					t.Errorf("%d commands in 10 s, wanted %d to %d", n, c.least, c.most)
				}
				for i, one := range s.all() {
					if one.UID != log.uids[i] || one.Index != i || !one.Logged {
						t.Fatalf("number %d is %+v, the log has %s", i, one, log.uids[i])
					}
				}
			})
		})
	}
}
