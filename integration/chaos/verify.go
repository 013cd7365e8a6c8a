package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/understudy-io/understudy/adapters/kafka"
	"github.com/understudy-io/understudy/infra/verify"
	"github.com/understudy-io/understudy/integration/cluster"
)

// verifyWithin bounds the verification of a round's log.
const verifyWithin = 2 * time.Minute

// verifyLog has the product's own verification judge the log, which knows nothing
// else. What it finds, the other judges should find too.
func verifyLog(ctx context.Context, l *cluster.Landscape) (Verdict, error) {
	v := Verdict{Guarantee: "G7", What: "audit verify finds every rule held", Of: "rules"}
	ctx, cancel := context.WithTimeout(ctx, verifyWithin)
	defer cancel()
	code, err := l.Codec()
	if err != nil {
		return v, err
	}
	log, err := kafka.Open(kafka.Config{Brokers: l.Run.Kafka, ClientID: "verify"}, slog.New(slog.DiscardHandler))
	if err != nil {
		return v, err
	}
	defer func() { _ = log.Close() }()
	report, err := verify.Run(ctx, verify.Config{Landscape: l.Run.Landscape, Source: log, Codec: code})
	if err != nil {
		return v, err
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
	return v, nil
}
