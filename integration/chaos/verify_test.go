package main

import (
	"strings"
	"testing"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/projections/audit"
)

func TestWhereVerifyAndTheJudgesReadOtherwiseIsSaid(t *testing.T) {
	hash := domain.Hash{1}
	report := func() *audit.Report {
		return &audit.Report{
			Terms:    []audit.Term{{Epoch: 1, Server: "A", Opened: 1}, {Epoch: 2, Server: "B"}, {Epoch: 3, Server: "C", Opened: 3}},
			Topics:   []audit.Topic{{Place: audit.Place{Topic: "control"}, Next: 7}, {Place: audit.Place{Topic: "log"}, Next: 9, Hash: &hash}},
			Commands: audit.Commands{Outcomes: map[domain.Outcome]int64{domain.Confirmed: 1}},
		}
	}
	rep := &Replay{
		Fates: map[Key]*Fate{
			{"d", "u"}: {First: domain.Record{UID: "u"}, Ends: []End{{Ended: domain.Ended{Outcome: domain.Confirmed}}}},
			{"d", "v"}: {First: domain.Record{UID: "v"}},
		},
		Openings: []*Opening{{Epoch: 1, Server: "A"}, {Epoch: 3, Server: "C"}},
		Ends:     []Place{{0, 9}}, AtEnds: []domain.Hash{hash},
	}
	if v := agree(report(), rep); v.Wrong > 0 || v.Looked != 10 {
		t.Errorf("of the same: %+v", v)
	}
	for says, change := range map[string]func(*audit.Report){
		"verify counts 0 commands that ended as confirmed, the judges 1": func(r *audit.Report) { r.Commands.Outcomes = nil },
		"verify tells of 3 epochs":                                       func(r *audit.Report) { r.Terms[1].Opened = 2 },
		"opened by B":                                                    func(r *audit.Report) { r.Terms[2].Server = "B" },
		"verify has the state":                                           func(r *audit.Report) { r.Topics[1].Hash = &domain.Hash{2} },
	} {
		r := report()
		change(r)
		if v := agree(r, rep); v.Wrong != 1 || !strings.Contains(v.Words[0], says) {
			t.Errorf("%s: %+v", says, v)
		}
	}
}
