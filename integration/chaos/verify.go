package main

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/understudy-io/understudy/adapters/kafka"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/verify"
	"github.com/understudy-io/understudy/integration/cluster"
	"github.com/understudy-io/understudy/projections/audit"
)

// verifyWithin bounds the verification of a round's log.
const verifyWithin = 2 * time.Minute

// verifyLog has the product's own verification judge the log, which knows nothing
// else. What it finds, the other judges should find too.
func verifyLog(ctx context.Context, l *cluster.Landscape) (v Verdict, report *audit.Report, err error) {
	v = Verdict{Guarantee: "G7", What: "audit verify finds every rule held", Of: "rules"}
	ctx, cancel := context.WithTimeout(ctx, verifyWithin)
	defer cancel()
	code, err := l.Codec()
	if err != nil {
		return v, nil, err
	}
	log, err := kafka.Open(kafka.Config{Brokers: l.Run.Kafka, ClientID: "verify"}, slog.New(slog.DiscardHandler))
	if err != nil {
		return v, nil, err
	}
	defer func() { _ = log.Close() }()
	report, err = verify.Run(ctx, verify.Config{Landscape: l.Run.Landscape, Source: log, Codec: code})
	if err != nil {
		return v, nil, err
	}
	for _, rule := range report.Verdicts {
		v.Looked++
		for _, f := range rule.Violated {
			v.wrong("%s: %s %v", rule.Rule, f.Says, f.Records)
		}
		for _, f := range rule.Undecided {
			v.undecided("%s: %s", rule.Rule, f.Says)
		}
	}
	return v, report, nil
}

// agree holds what the verification has counted against what the judges of this round
// have found in the log by themselves.
func agree(report *audit.Report, rep *Replay) Verdict {
	v := Verdict{Guarantee: "G7", What: "audit verify and these judges read the same in the log", Of: "outcomes, epochs and states"}
	ends := make(map[domain.Outcome]int64)
	for _, f := range rep.Fates {
		if len(f.Ends) > 0 && f.First.UID != "" {
			ends[f.Ends[0].Outcome]++
		}
	}
	for _, o := range []domain.Outcome{domain.Confirmed, domain.Failed, domain.Expired, domain.Superseded, domain.InDoubt, domain.Refused} {
		v.Looked++
		if n := report.Commands.Outcomes[o]; n != ends[o] {
			v.wrong("verify counts %d commands that ended as %s, the judges %d", n, o, ends[o])
		}
	}
	opened := slices.DeleteFunc(slices.Clone(report.Terms), func(t audit.Term) bool { return t.Opened == 0 })
	if v.Looked++; len(opened) != len(rep.Openings) {
		v.wrong("verify tells of %d epochs that were opened, the judges of %d", len(opened), len(rep.Openings))
		return v
	}
	for i, t := range opened {
		if v.Looked++; t.Epoch != rep.Openings[i].Epoch || t.Server != rep.Openings[i].Server {
			v.wrong("verify says that epoch %d was opened by %s, the judges say epoch %d by %s", t.Epoch, t.Server, rep.Openings[i].Epoch, rep.Openings[i].Server)
		}
	}
	for _, t := range report.Topics {
		if t.Topic != domain.TopicLog.String() || rep.Ends[t.Partition].Next != t.Next {
			continue // more was appended since
		}
		if v.Looked++; *t.Hash != rep.AtEnds[t.Partition] {
			v.wrong("verify has the state %s at %d:%d, the judges %s", t.Hash, t.Partition, t.Next, rep.AtEnds[t.Partition])
		}
	}
	return v
}
