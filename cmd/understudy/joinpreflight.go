package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/adapters/kafka"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
	"github.com/understudy-io/understudy/infra/clock"
)

const (
	rateOver      = time.Second     // for so long the two clocks are compared
	brokersWithin = 5 * time.Second // for the brokers to answer a new server
)

// preflight finds all that is in the way. It fails where the server that is asked does not
// admit it: what else is in the way nobody can say then.
func (j *joiner) preflight(ctx context.Context) (a httpapi.Admission, faults []string, err error) {
	add := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	j.in.Check = true
	began := clock.Boot()
	if a, err = j.client.Join(ctx, j.in); err != nil {
		return a, nil, err
	}
	middle := (began + clock.Boot()) / 2
	faults = append(faults, a.Faults...)
	if own, theirs := release(thisBuild().Version), release(a.Build); own != theirs {
		add("version: this is release %s, and the landscape runs %s: install that one here", own, theirs)
	}
	faults = append(faults, j.unsound(&a)...)
	faults = append(faults, j.inspect(&a)...)
	if err := j.tryListen(); err != nil && !j.prepared {
		add("listen: %s: end what holds the address, or choose another with --listen", domain.Plain(err))
	}
	if why := j.brokers(ctx, &a); why != "" {
		add("brokers: %s", why)
	}
	select {
	case <-time.After(max(0, rateOver-(clock.Boot()-began))):
	case <-ctx.Done():
	}
	asked := clock.Boot()
	if again, err := j.client.Join(ctx, j.in); err == nil {
		trip := clock.Boot() - asked
		here, there := asked+trip/2-middle, again.Time.Sub(a.Time)
		if off := (there - here).Abs() - 2*trip; off > time.Duration(float64(here)*election.DefaultMargin/2) {
			add("clock: in %s here, %s pass at the server: mend the clock that runs wrong, or nobody may rely on a lease", here.Round(time.Millisecond), there.Round(time.Millisecond))
		}
	}
	return a, faults, nil
}

// tryListen takes the address of the HTTP API, and gives it back.
func (j *joiner) tryListen() error {
	l, err := net.Listen("tcp", j.listen)
	if err != nil {
		return err
	}
	return l.Close()
}

// release is the part of a version that must be the same.
func release(version string) string {
	parts := strings.SplitN(version, ".", 3)
	return strings.Join(parts[:min(2, len(parts))], ".")
}

// brokers says why the log cannot be used from here; empty if it can.
func (j *joiner) brokers(ctx context.Context, a *httpapi.Admission) string {
	ctx, cancel := context.WithTimeout(ctx, brokersWithin)
	defer cancel()
	log, err := kafka.Open(kafka.Config{Brokers: a.Brokers, ClientID: "understudy-join"}, slog.New(slog.DiscardHandler))
	if err != nil {
		return domain.Plain(err)
	}
	defer func() { _ = log.Close() }()
	findings, err := log.CheckTopics(ctx, a.Landscape, kafka.TopicSpec{Partitions: a.Partitions})
	if err != nil {
		return fmt.Sprintf("%s: %s", strings.Join(a.Brokers, ", "), domain.Plain(err))
	}
	return strings.Join(findings, "; ")
}
