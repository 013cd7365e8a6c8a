package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/understudy-io/understudy/domain"
)

func aboutVerify(o *Options) time.Duration {
	return aboutFill(o.Records) + time.Duration(o.Rounds)*time.Duration(o.Records)*time.Second/80_000
}

// measureVerify has a process of its own verify a log. Its limit is kafka-go's own
// reader on the same records.
func measureVerify(ctx context.Context, b *bench) (err error) {
	l, err := b.open(ctx, max(8, min(b.Devices, 1000)))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	records, err := l.fill(ctx, b, b.Records, b.UIDs)
	if err != nil {
		return err
	}
	settings, err := l.addServer(0) // it is not started: its configuration names the log
	if err != nil {
		return err
	}
	topic := domain.Topic(l.name, domain.TopicLog)
	bounds, err := l.log.Bounds(ctx, topic)
	if err != nil {
		return err
	}
	var most, used float64
	verify := func(ctx context.Context) (float64, error) {
		began := time.Now()
		state, err := l.verify(ctx, settings.config)
		if err != nil {
			return 0, err
		}
		most = max(most, peakMemory(state))
		used = (state.UserTime() + state.SystemTime()).Seconds() * 1e6 / float64(records)
		return perSecond(records, time.Since(began)), nil
	}
	read := func(ctx context.Context) (float64, error) {
		n, took, err := bareRead(ctx, l.kafka, topic, bounds)
		if err == nil && n != records {
			err = fmt.Errorf("kafka-go read %d records of %d: %w", n, records, domain.ErrCorrupt)
		}
		return perSecond(records, took), err
	}
	p, err := b.inTurn(ctx, verify, read)
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
	var said, complained bytes.Buffer
	cmd := exec.CommandContext(ctx, l.program, "audit", "verify", "--config", config, "-o", "json")
	cmd.Stdout, cmd.Stderr = &said, &complained
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("audit verify: %w: %s", err, complained.String())
	}
	return cmd.ProcessState, nil
}
