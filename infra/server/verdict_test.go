package server_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
	"github.com/understudy-io/understudy/infra/server"
)

// lateLog holds records of one type back for a time.
type lateLog struct {
	server.Log
	of   domain.Type
	late atomic.Int64
}

func (l *lateLog) Append(ctx context.Context, batches []domain.Batch) ([]domain.Appended, error) {
	if of, _ := batches[0].Messages[0].Header("ce_type"); string(of) == string(l.of) {
		time.Sleep(time.Duration(l.late.Load()))
	}
	return l.Log.Append(ctx, batches)
}

// What the log does not count is a refusal that says why, and no unknown fate: an
// admission that was logged when its token had run out, and a token too many.
func TestADecisionThatTheLogDoesNotCountIsRefused(t *testing.T) {
	s := newStage(t)
	var log *lateLog
	a := s.startWith("A", func(o *server.Options) {
		o.Election.TTL = time.Second
		o.Share = sharing
		for i := range o.Devices {
			o.Devices[i].ValidAbsolute, o.Devices[i].ValidOneShot = time.Minute, 10*time.Second
		}
		log = &lateLog{Log: o.Control, of: domain.Admitted{}.Type()}
		o.Control = log
	})
	s.primary(a)
	text, err := a.Text(s.ctx, 0)
	must(t, err)
	_, err = a.Publish(s.ctx, "ann", httpapi.Publication{Text: text.Text, Comment: "from the file", Activate: true})
	must(t, err)
	_, key, err := ed25519.GenerateKey(nil)
	must(t, err)
	admit := func(lasting time.Duration) error {
		token, err := a.Invite(s.ctx, "ann", lasting, false)
		must(t, err)
		id, _, _ := strings.Cut(token.Token, ".")
		in := httpapi.JoinRequest{Token: token.Token, Server: "C"}
		in.Identity, in.Proof = election.ProveAdmission(key, id, "C")
		_, err = a.Admit(s.ctx, in)
		return err
	}
	s.eventually("a server is admitted", func() error { return admit(time.Minute) })
	log.late.Store(int64(700 * time.Millisecond))
	if err := admit(600 * time.Millisecond); !errors.Is(err, domain.ErrConflict) || !strings.Contains(err.Error(), "ran out") {
		t.Errorf("an admission that came too late: %v", err)
	}
	for range 40 {
		if _, err = a.Invite(s.ctx, "ann", time.Minute, false); err != nil {
			break
		}
	}
	if !errors.Is(err, domain.ErrConflict) || !strings.Contains(err.Error(), "there are 32 tokens already") {
		t.Errorf("a token too many: %v", err)
	}
}
