package drill

import (
	"context"
	"fmt"

	"github.com/understudy-io/understudy/infra/clock"
)

// depute moves primacy away from the favourite as planned, and names who acts then.
// A planned move leaves nothing in doubt, so what is in doubt afterwards is the way
// back's; and it counts as no fall, which would lengthen the hold-down from run to
// run. Such a favourite gets primacy back only once it has been started again, which
// the drill has it do.
func depute(ctx context.Context, land Landscape, w *watch, favourite string) (string, error) {
	at := clock.Boot()
	if err := land.Switchover(ctx, favourite); err != nil {
		return "", fmt.Errorf("move primacy away: %w", err)
	}
	if err := awaitFirst(ctx, w, favourite, at, takeoverLimit); err != nil {
		return "", err
	}
	first, _ := w.first(favourite, at)
	return first.Server, sleep(ctx, steady)
}
