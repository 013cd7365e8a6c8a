package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/configuration"
	"github.com/understudy-io/understudy/infra/config"
)

const (
	configurationRate   = 500             // routes meanwhile
	configurationBefore = time.Second     // of routes before a revision is published, and after it is applied
	configurationWithin = 2 * time.Minute // for all servers to have it
	configurationLost   = 0.5             // of the routes: a pause supersedes them, and the longest wait says it
	configurationMost   = 2.0             // s
	configurationPause  = 5.0             // ms
)

func aboutConfiguration(o *Options) time.Duration {
	one := 2*configurationBefore + settleFor + time.Duration(o.Devices)*500*time.Microsecond
	return aboutFill(0) + time.Duration(o.Devices)*5*time.Millisecond + time.Duration(2*o.Rounds+1)*one
}

// measureConfiguration publishes and activates revisions in which every device but the
// router is another one, and takes the time until every server has said that it has
// gone over to it; and meanwhile the longest time that a route took to the router. The
// limit of that is the same without a revision.
func measureConfiguration(ctx context.Context, b *bench) error {
	return b.with(ctx, b.Devices, b.Servers, func(l *landscape) error {
		t, err := l.warmTraffic(ctx)
		if err != nil {
			return err
		}
		defer t.close()
		b.step("publishes what is in the servers' files")
		if _, err := t.publish(ctx); err != nil {
			return err
		}
		var applied []float64
		var during time.Duration
		pause, err := b.inTurn(ctx, func(ctx context.Context) (float64, error) {
			took, routes, err := t.besideRevision(ctx)
			applied, during = append(applied, took.Seconds()), took+2*configurationBefore
			return quantile(routes, 1), err
		}, func(ctx context.Context) (float64, error) {
			routes, err := t.routes(ctx, configurationRate, during)
			return quantile(routes, 1), err
		})
		if err != nil {
			return err
		}
		with, without := median(pause.value), median(pause.limit)
		b.report(
			figure("configuration_applied", median(applied), "s").atMost(configurationMost),
			figure("configuration_pause", with, "ms").beside(without).paired(pause).aim(with-without <= configurationPause, "≤ limit + %g ms", configurationPause),
		)
		return nil
	})
}

// besideRevision sends routes, publishes a revision in the middle of them, and gives how
// long it took to be applied everywhere, and each route to the router.
func (t *traffic) besideRevision(ctx context.Context) (took time.Duration, routes []time.Duration, err error) {
	for i := range t.definitions {
		if t.definitions[i].Driver == domain.DriverHTTP {
			t.definitions[i].ValidAbsolute += time.Second
		}
	}
	over := make(chan struct{})
	var failed error
	go func() {
		defer close(over)
		if failed = sleep(ctx, configurationBefore); failed != nil {
			return
		}
		if took, failed = t.publish(ctx); failed == nil {
			failed = sleep(ctx, configurationBefore)
		}
	}()
	routes, err = t.routesUntil(ctx, configurationRate, configurationLost, func(time.Duration) bool {
		select {
		case <-over:
			return true
		default:
			return false
		}
	})
	<-over
	if failed != nil {
		return took, nil, failed
	}
	return took, routes, err
}

// publish makes the present definitions the landscape's configuration, through the
// primary, and gives how long it took until all servers had it.
func (l *landscape) publish(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, configurationWithin)
	defer cancel()
	text, err := config.RenderLandscape(&configuration.Configuration{Devices: l.definitions})
	if err != nil {
		return 0, err
	}
	primary, err := l.primary(ctx)
	if err != nil {
		return 0, err
	}
	before, err := primary.api.Configuration(ctx)
	if err != nil {
		return 0, fmt.Errorf("ask for the newest revision: %w", err)
	}
	began := time.Now()
	r, err := primary.api.Publish(ctx, httpapi.Publication{Text: string(text), IfMatch: before.Latest, Activate: true})
	switch {
	case err == nil && r.Applied && len(r.Waiting) == 0:
		return time.Since(began), nil
	case err != nil && !errors.Is(err, domain.ErrTransient) && !errors.Is(err, domain.ErrUnknownFate):
		return 0, fmt.Errorf("publish a configuration: %w", err)
	}
	if err == nil {
		err = domain.ErrTransient
	}
	// It takes longer than a server waits, or primacy has moved meanwhile: it may still come.
	for !l.applied(ctx, before.Latest+1) {
		if sleep(ctx, 4*lookPace) != nil {
			return 0, fmt.Errorf("revision %d is not applied everywhere within %s: %w", before.Latest+1, configurationWithin, err)
		}
	}
	return time.Since(began), nil
}

// applied tells whether all servers have said that they have gone over to a revision.
func (l *landscape) applied(ctx context.Context, revision uint64) bool {
	primary, err := l.primary(ctx)
	if err != nil {
		return false
	}
	now, err := primary.api.Configuration(ctx)
	return err == nil && now.Applied == revision && len(now.Servers) == len(l.servers) &&
		!slices.ContainsFunc(now.Servers, func(s httpapi.ServerRevision) bool { return s.Revision != revision })
}
