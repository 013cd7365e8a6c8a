package drill

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/guard"
	"github.com/understudy-io/understudy/infra/up"
)

// usualHoldDown is a server's default. One that was set and is not in force, because
// primacy does not come back by itself, no status tells.
const usualHoldDown = 10 * time.Second

// Favour implements Landscape.
func (l *Local) Favour(ctx context.Context, server string, holdDown time.Duration) error {
	if len(l.run.Servers) < 2 {
		return fmt.Errorf("with one server there is nobody from whom primacy could come back: start up with --servers 2 or more: %w", domain.ErrConflict)
	}
	st, err := l.servers[server].Status(ctx)
	if err != nil {
		return err
	}
	if st.Paused != nil {
		return fmt.Errorf("automatic failover is paused by %s, and so is fail-back: resume it first with `understudy cluster resume`: %w", st.Paused.By, domain.ErrConflict)
	}
	names := []string{server}
	for _, s := range l.all() {
		if s.Name != server {
			names = append(names, s.Name)
		}
	}
	drill, err := guard.Identify(os.Getpid())
	if err != nil {
		return err
	}
	l.policy = restoring(st.Policy)
	if err := up.NoteFault(l.run.Dir, up.Fault{Drill: drill, Policy: l.policy}); err != nil {
		return err
	}
	_, err = l.servers[server].SetPolicy(ctx, httpapi.PolicyChange{
		Order: string(domain.OrderDesignated), Members: names, FailBack: string(domain.FailBackAuto), HoldDown: holdDown.String(),
	})
	if err != nil {
		return errors.Join(fmt.Errorf("set a policy for the time of the drill: %w", err), l.Restore(ctx))
	}
	return nil
}

// Restore implements Landscape.
func (l *Local) Restore(ctx context.Context) error {
	var addresses []string
	for _, s := range l.all() {
		addresses = append(addresses, s.Address)
	}
	client := httpapi.NewClient(addresses, l.token)
	defer client.Close()
	for _, change := range l.policy {
		if _, err := client.SetPolicy(ctx, change); err != nil {
			return fmt.Errorf("restore the policy that was before the drill (up tries it again): %w", err)
		}
	}
	return l.Forget()
}

// restoring are the changes that bring a policy back; nil is that nobody has set one.
// Where primacy does not come back by itself the hold-down must be restored first: it
// can only be given with auto. The order waits for the last change, because a moment
// of auto with it could move primacy.
func restoring(p *httpapi.Policy) []httpapi.PolicyChange {
	if p == nil {
		p = &httpapi.Policy{Order: string(domain.OrderLongestRunning), FailBack: string(domain.FailBackNever)}
	}
	back := httpapi.PolicyChange{Order: p.Order, Members: p.Members, FailBack: p.FailBack, HoldDown: p.HoldDown}
	if p.FailBack == string(domain.FailBackAuto) {
		return []httpapi.PolicyChange{back}
	}
	return []httpapi.PolicyChange{{FailBack: string(domain.FailBackAuto), HoldDown: usualHoldDown.String()}, back}
}
