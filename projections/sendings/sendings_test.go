package sendings

import (
	"testing"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

func TestWhatWasSentIsKnownByItsOutcome(t *testing.T) {
	s := New("hub", 1000, 2000)
	end := func(uid, device string, at domain.Instant, verdict partition.Verdict, started bool, o domain.Ended) {
		s.Watch(nil, &domain.Record{Subject: device, Appended: at, Payload: o},
			&partition.Change{Verdict: verdict, Pending: &partition.Pending{UID: uid, Started: started, Wishes: []domain.Value{{Target: "a"}, {Target: "b"}}}})
	}
	steps := domain.Steps{Sent: 10, Answered: 20, Confirmed: 40}
	ok := domain.Ended{Outcome: domain.Confirmed, Steps: steps}
	end("second", "hub", 1500, partition.Applied, false, ok)
	end("first", "hub", 1400, partition.Applied, false, domain.Ended{Outcome: domain.Confirmed, Steps: steps, Items: []domain.Item{{Target: "a", Outcome: domain.Superseded}}})
	end("too early", "hub", 1029, partition.Applied, false, ok)
	end("too late", "hub", 2030, partition.Applied, false, ok)
	end("fenced", "hub", 1500, partition.Fenced, false, ok)
	end("of another", "gate", 1500, partition.Applied, false, ok)
	end("never sent", "hub", 1500, partition.Applied, false, domain.Ended{Outcome: domain.Expired})
	end("in doubt", "hub", 1500, partition.Applied, true, domain.Ended{Outcome: domain.InDoubt})
	list := s.List()
	if len(list) != 2 || list[0].UID != "first" || list[1].UID != "second" || s.Unknown != 1 {
		t.Fatalf("%+v, %d unknown", list, s.Unknown)
	}
	if list[0].At != 1370 || len(list[0].Wishes) != 1 || len(list[1].Wishes) != 2 {
		t.Errorf("%+v", list)
	}
}
