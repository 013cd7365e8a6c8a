package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/understudy-io/understudy/domain"
)

const (
	// hangRate is the load on the devices that do not hang.
	hangRate = 200
	// hangHeal is how long a device that has hung gets until it is there again.
	hangHeal = 1500 * time.Millisecond
)

func aboutHang(o *Options) time.Duration {
	return aboutFill(0) + time.Duration(o.Devices)*5*time.Millisecond + time.Duration(o.Rounds)*(2*(o.Block+settleFor)+hangHeal)
}

// measureHang has one device hang with commands that wait for it, and looks at
// the others. Its limit is the same without it.
func measureHang(ctx context.Context, b *bench) error {
	return b.with(ctx, max(b.Devices, 4), b.Servers, func(l *landscape) error {
		if err := l.connected(ctx); err != nil {
			return err
		}
		t, err := l.newTraffic(ctx)
		if err != nil {
			return err
		}
		defer t.close()
		names := l.httpDevices()
		hung, others := names[0], names[1:]
		if _, err := t.levels(ctx, hangRate, b.Block, others); err != nil { // connections are made
			return err
		}
		var p99 pairs
		p50, err := b.inTurn(ctx, func(ctx context.Context) (float64, error) {
			took, err := t.besideHung(ctx, b.Block, hung, others)
			p99.value = append(p99.value, quantile(took, 0.99))
			return quantile(took, 0.5), err
		}, func(ctx context.Context) (float64, error) {
			took, err := t.levels(ctx, hangRate, b.Block, others)
			p99.limit = append(p99.limit, quantile(took, 0.99))
			return quantile(took, 0.5), err
		})
		if err != nil {
			return err
		}
		b.report(
			figure("hang_p50", median(p50.value), "ms").beside(median(p50.limit)).paired(p50).lowerEndAtMost(1.1),
			figure("hang_p99", median(p99.value), "ms").beside(median(p99.limit)).paired(p99).lowerEndAtMost(1.1),
		)
		return nil
	})
}

// besideHung measures the others while one device hangs.
func (t *traffic) besideHung(ctx context.Context, during time.Duration, hung string, others []string) ([]time.Duration, error) {
	t.devices.hang(hung)
	defer t.devices.heal()
	for range 3 { // one is sent, the next ones wait behind it
		uid := t.uid()
		if _, err := t.send(ctx, hung, uid, setLevel(uid)); err != nil {
			return nil, err
		}
	}
	took, err := t.levels(ctx, hangRate, during, others)
	if err != nil {
		return nil, err
	}
	if t.devices.holds() == 0 {
		return nil, fmt.Errorf("device %s was sent nothing, so nothing hung: %w", hung, domain.ErrConflict)
	}
	t.devices.heal()
	return took, sleep(ctx, hangHeal)
}
