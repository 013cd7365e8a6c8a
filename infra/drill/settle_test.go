package drill

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// failing is a log whose first fetches fail, and which has nothing new to say then.
type failing struct {
	Log
	left int
}

func (f *failing) Fetch(ctx context.Context, _ []domain.FetchFrom, wait time.Duration, _ int) ([]domain.Fetched, error) {
	if f.left > 0 {
		f.left--
		return nil, domain.ErrTransient
	}
	return nil, sleep(ctx, wait)
}

func TestADrillIsNotEndedByALogThatFailsForAMoment(t *testing.T) {
	for name, c := range map[string]struct {
		failures int
		sent     []Sent
		want     error
		within   time.Duration
	}{
		"once":                            {1, nil, nil, time.Second},
		"for good":                        {1 << 30, nil, domain.ErrTransient, settleLimit},
		"once, and an outcome is missing": {1, []Sent{{UID: "u", Logged: true}}, nil, settleLimit},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				err := settle(t.Context(), &ledger{log: &failing{left: c.failures}}, c.sent)
				if took := time.Since(began); !errors.Is(err, c.want) || took > c.within {
					t.Errorf("it says %v after %s, wanted %v", err, took, c.want)
				}
			})
		})
	}
}
