package bench

import (
	"context"
	"errors"
	"os"
	"time"
)

func aboutVerify(o *Options) time.Duration {
	return aboutFill(o.Records) + time.Duration(o.Rounds)*time.Duration(o.Records)*time.Second/80_000
}

// measureVerify has a process of its own verify a log. Its limit is kafka-go's own
// reader on the same records.
func measureVerify(ctx context.Context, b *bench) (err error) {
	l, config, err := b.readLog(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	var most, used float64
	verify := func(ctx context.Context) (float64, error) {
		began := time.Now()
		state, err := l.verify(ctx, config)
		if err != nil {
			return 0, err
		}
		most = max(most, peakMemory(state))
		used = (state.UserTime() + state.SystemTime()).Seconds() * 1e6 / float64(l.records)
		return perSecond(l.records, time.Since(began)), nil
	}
	p, err := b.inTurn(ctx, verify, l.bare)
	if err != nil {
		return err
	}
	b.report(
		figure("verify", median(p.value), "records/s").beside(median(p.limit)).paired(p).ratioAtLeast(0.5),
		figure("verify_processor", used, "µs/record"),
	)
	if most > 0 {
		b.report(figure("verify_memory", most, "MB").atMost(300))
	}
	return nil
}

// verify runs audit verify over the whole log.
func (l *landscape) verify(ctx context.Context, config string) (*os.ProcessState, error) {
	_, state, err := l.ask(ctx, "audit", "verify", "--config", config, "--cache", "none", "-o", "json")
	return state, err
}
