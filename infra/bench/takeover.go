package bench

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/clock"
)

const (
	takeoverServers = 2
	takeoverRate    = 200
	// takeoverSmall is the log with which the large one is compared.
	takeoverSmall = 10_000
	// takeoverPending are the actions that wait for devices that hang.
	takeoverPending = 1_000
	takeoverSteady  = 500 * time.Millisecond // of the stream before the fault
	takeoverWithin  = 15 * time.Second
	pendingMore     = 100.0 // ms
)

func aboutTakeover(o *Options) time.Duration {
	return aboutFill(min(o.Records, takeoverSmall)) + 2*aboutFill(o.Records) + 10*time.Second + time.Duration(o.Rounds)*3*4*time.Second
}

// measureTakeover kills the process of the primary and takes the time to the
// first action of another server at a device: with a small log, with a large one
// with all its devices, and with actions pending besides.
func measureTakeover(ctx context.Context, b *bench) (err error) {
	if runtime.GOOS != "linux" {
		b.step("left out: only on Linux do the servers of one machine reach devices from addresses of their own")
		return nil
	}
	var both [2]*traffic
	for i, size := range []struct{ records, uids, devices int }{
		{min(takeoverSmall, b.Records), min(takeoverSmall/recordsPerCommand, b.UIDs), 10},
		{b.Records, b.UIDs, max(10, b.Devices)},
	} {
		l, err := b.open(ctx, size.devices)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, l.close()) }()
		if _, err := l.fill(ctx, b, size.records, size.uids); err != nil {
			return err
		}
		b.step("starts the servers")
		if err := errors.Join(l.startServers(ctx, takeoverServers), l.restart(ctx), l.connected(ctx)); err != nil {
			return err
		}
		if both[i], err = l.newTraffic(ctx); err != nil {
			return err
		}
		defer both[i].close()
	}
	small, large := both[0], both[1]
	var withLarge, withPending pairs
	for round := range b.Rounds {
		b.step("takeovers, %d of %d", round+1, b.Rounds)
		base, err := small.takeover(ctx, 0)
		if err != nil {
			return err
		}
		more, err := large.takeover(ctx, 0)
		if err != nil {
			return err
		}
		pending, err := large.takeover(ctx, takeoverPending)
		if err != nil {
			return err
		}
		withLarge.add(milliseconds(more), milliseconds(base))
		withPending.add(milliseconds(pending), milliseconds(more))
	}
	pending, without := median(withPending.value), median(withPending.limit)
	b.report(
		figure("takeover", median(withLarge.limit), "ms"),
		figure("takeover_large", median(withLarge.value), "ms").beside(median(withLarge.limit)).paired(withLarge).lowerEndAtMost(1.1),
		figure("takeover_pending", pending, "ms").beside(without).paired(withPending).aim(pending-without <= pendingMore, "≤ limit + %g ms", pendingMore),
	)
	return nil
}

// takeover kills the primary while commands come steadily, and gives the time
// from then to the first action of another server. So many actions wait then
// for devices that hang, or one for each second device if there are fewer.
func (t *traffic) takeover(ctx context.Context, pending int) (time.Duration, error) {
	if err := t.awaitReady(ctx); err != nil {
		return 0, err
	}
	old, err := t.primary(ctx)
	if err != nil {
		return 0, err
	}
	names := t.httpDevices()
	pending = min(pending, len(names)/2)
	hung, others := names[:pending], names[pending:]
	streaming, stop := context.WithCancel(ctx)
	var stream sync.WaitGroup
	defer stream.Wait()
	defer stop()
	stream.Go(func() { t.steady(streaming, others) })
	if err := sleep(ctx, takeoverSteady); err != nil {
		return 0, err
	}
	if pending > 0 {
		t.devices.hang(hung...)
		defer t.devices.heal()
		if err := t.sendAll(ctx, hung); err != nil {
			return 0, err
		}
	}
	running, err := serverProcess(old)
	if err != nil {
		return 0, err
	}
	t.devices.expect(old.source)
	fault := clock.Boot()
	if err := running.Signal(syscall.SIGKILL); err != nil {
		return 0, fmt.Errorf("end server %s: %w", old.name, err)
	}
	first, err := t.devices.successor(ctx)
	return first - fault, err
}

// steady sends commands until ctx ends. What cannot be sent is left out: the
// takeover is what is measured.
func (t *traffic) steady(ctx context.Context, devices []string) {
	n := 0
	var mu sync.Mutex
	_ = load(ctx, takeoverRate, takeoverWithin, func(ctx context.Context) error {
		mu.Lock()
		device := devices[n%len(devices)]
		n++
		mu.Unlock()
		uid := t.uid()
		_, _ = t.send(ctx, device, uid, setLevel(uid))
		return nil
	})
	t.devices.arrived()
}

// sendAll sends one command to each device, in one append.
func (t *traffic) sendAll(ctx context.Context, devices []string) error {
	var parts [partitions]domain.Batch
	for p := range parts {
		parts[p] = domain.Batch{Topic: domain.Topic(t.name, domain.TopicLog), Partition: int32(p)}
	}
	for _, device := range devices {
		uid := t.uid()
		p := domain.Partition(device, partitions)
		wish := setLevel(uid)
		m, err := t.codec.Encode(domain.TopicLog, p, domain.Record{
			Type: wish.Type(), UID: uid, Source: "/understudy/bench", Subject: device, Created: now(), Payload: wish,
		})
		if err != nil {
			return err
		}
		parts[p].Messages = append(parts[p].Messages, m)
	}
	var batches []domain.Batch
	for _, part := range parts {
		if len(part.Messages) > 0 {
			batches = append(batches, part)
		}
	}
	if _, err := t.log.Append(ctx, batches); err != nil {
		return fmt.Errorf("send commands to devices that hang: %w", err)
	}
	return nil
}
