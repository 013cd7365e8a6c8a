package audit

import "github.com/understudy-io/understudy/domain"

// maxWords is how many words of servers about revisions are kept.
const maxWords = 100_000

// word is what a server has said in control of the active revision.
type word struct {
	domain.RevisionAcknowledged
	server   string
	offset   int64
	appended domain.Instant
}

// acknowledged keeps what a server says of the active revision, until the log is read.
func (a *Auditor) acknowledged(r *domain.Record) {
	v, ok := r.Payload.(domain.RevisionAcknowledged)
	if !ok || !r.Signed || r.Defect != domain.DefectNone || r.Position.Offset <= a.heard {
		return
	}
	a.heard = r.Position.Offset
	if len(a.words) >= maxWords {
		a.undecided(RuleRevisions, r.Appended, []Place{controlAt(r.Position.Offset)}, "there are more than %d acknowledgements: verify a shorter log", maxWords)
		return
	}
	a.words = append(a.words, word{v, r.Subject, r.Position.Offset, r.Appended})
}

// revisions compares what servers have said with what the log says.
func (a *Auditor) revisions() {
	for _, l := range a.logs {
		if l.blind && len(a.words) > 0 {
			a.undecided(RuleRevisions, 0, nil, "log partition %d begins at offset %d: what stood before says which revisions there were", l.number, l.topic.Offset)
			return
		}
	}
	for i := range a.words {
		a.looked(RuleRevisions, 1)
		a.compareWord(&a.words[i])
	}
}

func (a *Auditor) compareWord(w *word) {
	home := a.logs[domain.PartitionOfRevisions]
	here := []Place{controlAt(w.offset)}
	revision, ok := home.state.Revision(w.Revision)
	switch {
	case !ok && w.Revision <= home.state.LatestRevision():
		a.undecided(RuleRevisions, w.appended, here, "%s has acknowledged revision %d, which is so old that the fold has forgotten it", w.server, w.Revision)
		return
	case !ok || revision.Activated == 0:
		a.violated(RuleRevisions, w.appended, here, "%s has acknowledged revision %d, which was never active", w.server, w.Revision)
		return
	case revision.Hash != w.Hash || revision.ActivatedAt != w.At:
		here = append(here, logAt(domain.Position{Partition: domain.PartitionOfRevisions, Offset: revision.ActivatedAt}))
		a.violated(RuleRevisions, w.appended, here, "%s has gone over to revision %d with hash %.12s at offset %d, and the log has %.12s at %d",
			w.server, w.Revision, w.Hash, w.At, revision.Hash, revision.ActivatedAt)
		return
	case w.Failure != "":
		a.noted(RuleRevisions, w.appended, here, "%s could not go over to revision %d: %s", w.server, w.Revision, w.Failure)
		return
	}
	for _, l := range a.logs {
		if applied := l.state.AppliedRevision(); applied < w.Revision {
			a.violated(RuleRevisions, w.appended, here, "%s has gone over to revision %d, and the devices of partition %d have revision %d", w.server, w.Revision, l.number, applied)
		}
	}
}
