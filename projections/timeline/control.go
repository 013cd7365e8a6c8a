package timeline

import (
	"fmt"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// control tells of servers that come and go, and of primacy that ends. Claims
// are only noted: whether one counts is shown by the epoch that it opens.
func (t *Timeline) control(rec domain.Record) (string, bool) {
	who := rec.Subject
	switch p := rec.Payload.(type) {
	case domain.Joined:
		return t.at(rec, "%s joined: %s", who, p.Address)
	case domain.Left:
		t.losePrimary(rec, who, who+" left")
		return t.at(rec, "%s left", who)
	case domain.Died:
		t.losePrimary(rec, who, who+" ended")
		return t.at(rec, "%s ended (%s), as its guard saw", who, p.Exit)
	case domain.Claim:
		t.causes[p.Epoch] = p.Cause
	case domain.Release:
		t.lost = loss{who + " gave it up", rec.Appended}
		return t.at(rec, "%s gives epoch %d up%s%s", who, p.Epoch, prefixed(" to ", p.To), prefixed(": ", p.Reason))
	case domain.Contest:
		t.lost = loss{"it was contested", rec.Appended}
		return t.at(rec, "epoch %d is contested by %s: %s", p.Epoch, p.By, p.Reason)
	case domain.Removed:
		t.losePrimary(rec, who, who+" was removed")
		return t.at(rec, "%s is removed by %s%s", who, p.By, prefixed(": ", p.Reason))
	case domain.Quarantined:
		return t.at(rec, "%s is quarantined: %s", who, p.Reason)
	case domain.Cleared:
		return t.at(rec, "%s is out of quarantine%s", who, prefixed(": ", p.Reason))
	}
	return "", false
}

func (t *Timeline) losePrimary(rec domain.Record, who, text string) {
	if who == t.primary {
		t.lost = loss{text, rec.Appended}
	}
}

// epochOpened tells of a new primary, once for all its partitions.
func (t *Timeline) epochOpened(rec domain.Record, p domain.EpochOpened) (string, bool) {
	t.opened[rec.Position.Partition] = max(t.opened[rec.Position.Partition], rec.Epoch)
	if rec.Epoch <= t.epoch {
		return "", false
	}
	text := fmt.Sprintf("%s is primary, epoch %d%s", p.Server, rec.Epoch, prefixed(", ", t.causes[rec.Epoch]))
	if t.lost.text != "" {
		text += fmt.Sprintf(", %v after %s", rec.Appended.Sub(t.lost.at).Round(time.Millisecond), t.lost.text)
	}
	t.epoch, t.primary, t.lost = rec.Epoch, p.Server, loss{}
	for e := range t.causes {
		if e <= rec.Epoch {
			delete(t.causes, e)
		}
	}
	return t.at(rec, "%s", text)
}

// prefixed is s behind a prefix, or nothing if there is no s.
func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}
