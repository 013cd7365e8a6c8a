package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/understudy-io/understudy/domain"
)

// Continues says whether a folder holds an earlier part of this very log: one of another
// landscape of the same name must not be gone on with.
func Continues(ctx context.Context, folder, log Source, landscape string) error {
	for _, kind := range Kinds {
		topic := domain.Topic(landscape, kind)
		before, err := folder.Bounds(ctx, topic)
		if errors.Is(err, domain.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		after, err := log.Bounds(ctx, topic)
		if err != nil {
			return err
		}
		for p, b := range before {
			if p >= len(after) || b.End > max(after[p].End, b.Start) {
				return fmt.Errorf("%s/%d ends before offset %d, which the folder holds: the folder is of another log, or this one was cut or is behind: %w", topic, p, b.End-1, domain.ErrConflict)
			}
			if err := sameEnds(ctx, folder, log, topic, int32(p), b, after[p]); err != nil {
				return err
			}
		}
	}
	return nil
}

// sameEnds compares the first and the last record of a partition in a folder with those of
// a log, as far as that has them still.
func sameEnds(ctx context.Context, folder, log Source, topic string, p int32, before, after domain.Bounds) error {
	for _, at := range []int64{max(before.Start, after.Start), before.End - 1} {
		if at < max(before.Start, after.Start) || at >= min(before.End, after.End) {
			continue
		}
		a, err := At(ctx, folder, topic, p, at, before.End)
		if err != nil {
			return err
		}
		b, err := At(ctx, log, topic, p, at, before.End)
		if err != nil {
			return err
		}
		if a != nil && (b == nil || !bytes.Equal(domain.FingerprintOf(*a).Digest, domain.FingerprintOf(*b).Digest)) {
			return fmt.Errorf("%s/%d offset %d is another record in the folder than at the brokers; one of them is of another log: %w", topic, p, at, domain.ErrConflict)
		}
	}
	return nil
}
