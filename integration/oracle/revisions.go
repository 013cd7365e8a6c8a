package oracle

import (
	"fmt"
	"slices"
	"strings"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

// isRevision says that a type changes the configuration of the landscape.
func isRevision(t domain.Type) bool {
	return strings.HasPrefix(string(t), "configuration.") && t != "configuration.applied.v1"
}

// counted are the changes of the configuration that counted, in log order.
func (o *Oracle) counted() (out []*line) {
	for _, l := range o.log {
		if l.verdict == partition.Applied && strings.HasPrefix(string(l.Type), "configuration.") {
			out = append(out, l)
		}
	}
	return out
}

// revisions are the published ones, and which of them is active; applied is how far
// the partition is.
func (o *Oracle) revisions() (published []domain.Published, active, applied uint64) {
	for _, l := range o.counted() {
		switch v := l.Payload.(type) {
		case domain.Published:
			published = append(published, v)
			if v.Activate {
				active = v.Revision
			}
		case domain.Activated:
			active = v.Revision
		case domain.RevisionApplied:
			applied = v.Revision
		}
	}
	return published, active, applied
}

// revise decides about one.
func (o *Oracle) revise(l *line) {
	published, active, _ := o.revisions()
	epoch, _, _ := o.epoch()
	keeper := ""
	for _, p := range published {
		if p.Revision == active {
			keeper = p.Keeper
		}
	}
	circumstance := func(in uint64, primary string, override bool) {
		switch {
		case l.reason != "":
		case in != epoch:
			l.reason = domain.ReasonEpochMoved
		case keeper != "" && primary != keeper && !override:
			l.reason = domain.ReasonConfigLocked
		}
	}
	switch v := l.Payload.(type) {
	case domain.Published:
		late := slices.ContainsFunc(v.Parts, func(at int64) bool { return at < 0 || at >= l.Position.Offset })
		if o.number != 0 || len(v.Hash) != 64 || len(v.Parts) == 0 || late || v.Size < 0 || v.TakeOver != "" && !v.Activate {
			o.dead(l, domain.DefectPayload)
			return
		}
		if n := uint64(len(published)); v.Parent != n || v.Revision != n+1 {
			l.reason = domain.ReasonStaleRevision
		}
		circumstance(v.Epoch, v.Primary, v.Override)
	case domain.Activated:
		switch n := uint64(len(published)); {
		case o.number != 0:
			o.dead(l, domain.DefectPayload)
			return
		case v.Revision == 0 || v.Revision > n:
			l.reason = domain.ReasonUnknownRevision
		case v.Revision <= active:
			l.reason = domain.ReasonStaleRevision
		}
		circumstance(v.Epoch, v.Primary, v.Override)
	}
	l.verdict = partition.Applied
	if l.reason != "" {
		l.verdict = partition.Refused
	}
}

// compareRevisions names the first difference.
func compareRevisions(s *partition.State, o *Oracle) string {
	published, active, applied := o.revisions()
	got := fmt.Sprint(s.LatestRevision(), s.ActiveRevision(), s.AppliedRevision(), len(s.Revisions()))
	want := fmt.Sprint(len(published), active, applied, len(published))
	if got != want {
		return fmt.Sprintf("revisions (latest, active, applied, remembered) %s, want %s", got, want)
	}
	for _, p := range published {
		r, _ := s.Revision(p.Revision)
		if r.Hash != p.Hash || r.Parent != p.Parent || r.Comment != p.Comment || r.Keeper != p.Keeper || !slices.Equal(r.Parts, p.Parts) {
			return fmt.Sprintf("revision %d is %+v, want %+v", p.Revision, r, p)
		}
	}
	return ""
}
