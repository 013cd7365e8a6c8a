package audit

import "github.com/understudy-io/understudy/domain"

// Letter judges the next record of the dead-letter topic.
func (a *Auditor) Letter(r *domain.Record) {
	a.saw(domain.TopicDeadLetter, r)
	here := []Place{at(domain.TopicDeadLetter, r.Position)}
	if !r.Signed {
		a.noted(RuleSignatures, r.Appended, here, "%s of %q in the dead letters has no valid MAC: it counts for nobody", r.Type, r.Source)
		return
	}
	a.looked(RuleLetters, 1)
	switch p := r.Payload.(type) {
	case domain.DeadLetter:
		if len(a.letters) < maxLetters {
			a.letters[r.Position.Offset] = -1
		}
	case domain.LetterDecided:
		a.decided(r, &p)
	default:
		a.violated(RuleLetters, r.Appended, here, "a server has written %s into the dead letters", r.Type)
	}
}

// decided judges a decision: by a user, about a letter before it, and the first one.
func (a *Auditor) decided(r *domain.Record, p *domain.LetterDecided) {
	places := []Place{at(domain.TopicDeadLetter, domain.Position{Offset: p.Letter}), at(domain.TopicDeadLetter, r.Position)}
	first, known := a.letters[p.Letter]
	switch {
	case r.User == "" || p.As != domain.Requeued && p.As != domain.Discarded:
		a.violated(RuleLetters, r.Appended, places, "dead letter %d was decided about by nobody, or as nobody can: %q", p.Letter, p.As)
	case !known && len(a.letters) == maxLetters:
		a.undecided(RuleLetters, r.Appended, places, "whether %d is a dead letter is not known: there are too many", p.Letter)
	case !known && p.Letter < a.topics[domain.TopicDeadLetter].Offset:
		a.noted(RuleLetters, r.Appended, places, "%s has %s dead letter %d, which is not retained: %s", r.User, p.As, p.Letter, p.Reason)
	case !known:
		a.violated(RuleLetters, r.Appended, places, "a server has taken a decision about dead letter %d, and there is none", p.Letter)
	case first >= 0:
		a.noted(RuleLetters, r.Appended, places, "dead letter %d was decided about at %d before: this one counts for nobody", p.Letter, first)
	default:
		a.letters[p.Letter] = r.Position.Offset
		a.noted(RuleLetters, r.Appended, places, "%s has %s dead letter %d: %s", r.User, p.As, p.Letter, p.Reason)
	}
}

// LettersUnread says that the dead letters could not be read.
func (a *Auditor) LettersUnread(why error) {
	a.undecided(RuleLetters, 0, nil, "the dead letters cannot be read: %v", why)
}
