package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
	"github.com/understudy-io/understudy/projections/snapshot"
)

// InterruptedError is how a verification ends that can be gone on with.
type InterruptedError struct {
	Done, Total int64 // records
	Cause       error
}

func (i *InterruptedError) Error() string {
	why := ""
	if !errors.Is(i.Cause, context.Canceled) { // that is who was asked for it
		why = fmt.Sprintf(" (%v)", i.Cause)
	}
	return fmt.Sprintf("the verification was interrupted after %d of %d records%s; what was judged is kept, and the same command with --resume goes on there", i.Done, i.Total, why)
}

func (i *InterruptedError) Unwrap() error { return i.Cause }

// interrupted keeps what was judged before the brokers failed, or somebody had enough.
func (r *run) interrupted(err error) error {
	passing := errors.Is(err, context.Canceled) || errors.Is(err, domain.ErrTransient)
	if !passing || r.Bookmark.Path == "" || !slices.ContainsFunc(r.last, func(f domain.Fingerprint) bool { return !f.Empty() }) {
		return err
	}
	if kept := r.keep(); kept != nil {
		return errors.Join(err, kept)
	}
	return &InterruptedError{r.done.Load(), r.total, err}
}

// resume goes on with a bookmark, if it is one of this very verification.
func (r *run) resume(ctx context.Context) error {
	b, err := readBookmark(r.Bookmark.Path)
	if err != nil {
		return err
	}
	own := r.heading()
	if why := own.foreign(&b.heading); why != "" {
		return fmt.Errorf("the interrupted verification in %s %s: begin anew without --resume: %w", r.Bookmark.Path, why, domain.ErrConflict)
	}
	for p, f := range b.Last {
		if err := r.holds(ctx, r.log[p], f); err != nil {
			return err
		}
	}
	restored, err := snapshot.Open(b.snapshot, r.Landscape, int32(len(r.log)))
	if err != nil {
		return fmt.Errorf("%s: remove it, and begin anew without --resume: %w", r.Bookmark.Path, err)
	}
	states := make([]*partition.State, len(r.log))
	for p, x := range r.log {
		if x.begins == 0 {
			states[p] = restored.States[p]
		}
	}
	if err := r.auditor.Resume(bytes.NewReader(b.kept), states); err != nil {
		return fmt.Errorf("%s: remove it, and begin anew without --resume: %w", r.Bookmark.Path, err)
	}
	r.last, r.resumed = b.Last, b.Records
	for p, x := range r.log {
		x.bounds.Start = r.auditor.Next(int32(p))
		r.skipped += x.bounds.Start - x.begins
	}
	r.done.Store(r.skipped)
	return nil
}

// foreign says why a bookmark is not one of this verification; empty if it is.
func (h *heading) foreign(of *heading) string {
	switch {
	case of.Landscape != h.Landscape:
		return fmt.Sprintf("is of landscape %q, not of %q", of.Landscape, h.Landscape)
	case of.Rules != h.Rules || of.Logic != h.Logic:
		return fmt.Sprintf("was judged by version %d of the rules and %d of the fold, and this build has %d and %d", of.Rules, of.Logic, h.Rules, h.Logic)
	case of.Build != h.Build:
		return fmt.Sprintf("was begun by another build, %s, and this one is %s", of.Build, h.Build)
	case of.Asked != h.Asked:
		return "was asked for otherwise: another --since, --until, --key or --checkpoint, or another folder"
	case !slices.Equal(of.Keys, h.Keys):
		return fmt.Sprintf("had the keys %v, not %v", of.Keys, h.Keys)
	case !slices.Equal(of.Starts, h.Starts):
		return fmt.Sprintf("began at the offsets %v of the log, which begins at %v now", of.Starts, h.Starts)
	case len(of.Last) != len(h.Starts):
		return "is of another number of partitions"
	}
	return ""
}

// holds says whether the last record that was judged is still in the log.
func (r *run) holds(ctx context.Context, x *reader, f domain.Fingerprint) error {
	if f.Empty() {
		return nil
	}
	other := fmt.Errorf("at %s, partition %d, offset %d there is another record than when this verification was interrupted, or none: the log was cut or replaced; begin anew without --resume to find out: %w",
		x.topic, x.partition, f.Offset, domain.ErrConflict)
	if f.Offset < x.bounds.Start || f.Offset >= x.bounds.End {
		return other
	}
	one := newReader(r.Landscape, x.kind, x.partition, domain.Bounds{Start: f.Offset, End: f.Offset + 1})
	go one.run(ctx, r.Source)
	messages, err := one.take(f.Offset + 1)
	if err != nil {
		return err
	}
	if len(messages) == 0 || !bytes.Equal(domain.FingerprintOf(messages[0]).Digest, f.Digest) {
		return other
	}
	return nil
}
