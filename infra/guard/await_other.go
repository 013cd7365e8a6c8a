//go:build !linux

package guard

import "context"

func awaitEnd(ctx context.Context, _ int, still func() bool) bool { return pollEnd(ctx, still) }
