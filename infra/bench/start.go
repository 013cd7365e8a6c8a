package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
)

func aboutStart(o *Options) time.Duration {
	return aboutFill(o.Records) + time.Duration(o.Rounds)*(2*time.Second+time.Duration(o.Records)*time.Second/60_000)
}

// measureStart starts a server on a log that is there already, until it acts:
// without a snapshot, beside kafka-go's bare read of the log; and with one.
func measureStart(ctx context.Context, b *bench) (err error) {
	l, err := b.open(ctx, max(2, min(b.Devices, 1000)))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	if _, err := l.fill(ctx, b, b.Records, b.UIDs); err != nil {
		return err
	}
	s, err := l.addServer(0)
	if err != nil {
		return err
	}
	topic := domain.Topic(l.name, domain.TopicLog)
	var warm []float64
	cold, err := b.inTurn(ctx, func(ctx context.Context) (float64, error) {
		if err := os.RemoveAll(snapshotsOf(s)); err != nil {
			return 0, fmt.Errorf("take the snapshots away: %w", err)
		}
		took, err := l.startUntilItActs(ctx, s)
		if err != nil {
			return 0, err
		}
		again, err := l.startUntilItActs(ctx, s)
		warm = append(warm, again.Seconds())
		return took.Seconds(), err
	}, func(ctx context.Context) (float64, error) {
		bounds, err := l.log.Bounds(ctx, topic)
		if err != nil {
			return 0, err
		}
		_, took, err := bareRead(ctx, l.kafka, topic, bounds)
		return took.Seconds(), err
	})
	if err != nil {
		return err
	}
	b.report(
		figure("start_cold", median(cold.value), "s").beside(median(cold.limit)).paired(cold).ratioAtMost(1.4),
		figure("start_snapshot", median(warm), "s").atMost(2),
	)
	return nil
}

// startUntilItActs starts the server, waits until it acts, and ends it in good
// order, so that it leaves a snapshot.
func (l *landscape) startUntilItActs(ctx context.Context, s *node) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	began := time.Now()
	if err := l.startServer(s); err != nil {
		return 0, err
	}
	for {
		st, err := s.api.Status(ctx)
		if err == nil && st.Server.Ready && st.Server.Role == httpapi.RolePrimary {
			return time.Since(began), s.guard.stop()
		}
		if err := s.guard.alive(); err != nil {
			return 0, err
		}
		if sleep(ctx, lookPace) != nil {
			return 0, fmt.Errorf("server %s does not act within %s: %w", s.name, readyWithin, domain.ErrTransient)
		}
	}
}
