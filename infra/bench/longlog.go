package bench

import (
	"context"
	"errors"
	"fmt"

	"github.com/understudy-io/understudy/domain"
)

// longLog is a landscape whose log is full, and that nobody writes to any more.
type longLog struct {
	*landscape
	records int
	bounds  []domain.Bounds
}

func (b *bench) longLog(ctx context.Context) (_ *longLog, err error) {
	l, err := b.open(ctx, max(8, min(b.Devices, 1000)))
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.close())
		}
	}()
	out := &longLog{landscape: l}
	if out.records, err = l.fill(ctx, b, b.Records, b.UIDs); err != nil {
		return nil, err
	}
	out.bounds, err = l.log.Bounds(ctx, domain.Topic(l.name, domain.TopicLog))
	return out, err
}

// readLog is a long log for commands that read it, with a configuration for them: that of
// a server that is not started.
func (b *bench) readLog(ctx context.Context) (_ *longLog, config string, err error) {
	l, err := b.longLog(ctx)
	if err != nil {
		return nil, "", err
	}
	settings, err := l.addServer(0)
	if err != nil {
		return nil, "", errors.Join(err, l.close())
	}
	return l, settings.config, nil
}

// bare is the limit: how many records a second kafka-go's own reader reads of it.
func (l *longLog) bare(ctx context.Context) (float64, error) {
	n, took, err := bareRead(ctx, l.kafka, domain.Topic(l.name, domain.TopicLog), l.bounds)
	if err == nil && n != l.records {
		err = fmt.Errorf("kafka-go read %d records of %d: %w", n, l.records, domain.ErrCorrupt)
	}
	return perSecond(l.records, took), err
}
