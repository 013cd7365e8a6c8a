package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"math"
	mathrand "math/rand/v2"
	"os"
	"time"

	"github.com/understudy-io/understudy/projections/merkle"
)

func aboutSign(o *Options) time.Duration {
	return 10*time.Second + 2*time.Duration(o.Rounds)*aloneSamples*(alonePause+5*time.Millisecond)
}

// measureSign takes the latency of commands on a landscape whose primary keeps trees
// and signs them, in alternating blocks beside one that does not.
func measureSign(ctx context.Context, b *bench) (err error) {
	var streams [2]*traffic
	for i := range streams {
		l, err := b.open(ctx, 2)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, l.close()) }()
		if i == 0 {
			if err := l.makeSigningKey(); err != nil {
				return err
			}
		}
		if err := l.startServers(ctx, b.Servers); err != nil {
			return err
		}
		t, err := l.warmTraffic(ctx)
		if err != nil {
			return err
		}
		defer t.close()
		streams[i] = t
	}
	var all []time.Duration
	block := func(i int) func(context.Context) (float64, error) {
		return func(ctx context.Context) (float64, error) {
			var took []time.Duration
			for range aloneSamples {
				if err := sleep(ctx, time.Duration((0.5+mathrand.Float64())*float64(alonePause))); err != nil {
					return math.NaN(), err
				}
				d, err := streams[i].route(ctx)
				if err != nil {
					return math.NaN(), err
				}
				took = append(took, d)
			}
			if i == 0 {
				all = append(all, took...)
			}
			return quantile(took, 0.5), nil
		}
	}
	p, err := b.inTurn(ctx, block(0), block(1))
	if err != nil {
		return err
	}
	b.report(figure("sign_latency_p50", quantile(all, 0.5), "ms").beside(median(p.limit)).paired(p).lowerEndAtMost(1.05))
	return nil
}

// makeSigningKey has the servers of a landscape, which are not started yet, sign what
// the log hashes to.
func (l *landscape) makeSigningKey() error {
	private, verifier, err := merkle.GenerateKey(rand.Reader, merkle.Name(l.name))
	if err != nil {
		return err
	}
	l.signing = l.file("signing-key")
	return os.WriteFile(l.signing, []byte(merkle.KeyLine(private, verifier)), 0o600)
}
