package audit

import (
	"time"

	"github.com/understudy-io/understudy/domain"
)

// Rule names a promise.
type Rule string

// The rules, in the order of a report.
const (
	RuleElections  Rule = "elections"
	RuleOneActor   Rule = "one-actor"
	RuleEpochs     Rule = "epochs"
	RuleFence      Rule = "fence"
	RuleOneEffect  Rule = "one-effect"
	RuleOneShot    Rule = "one-shot"
	RuleOrder      Rule = "order"
	RuleOutcomes   Rule = "outcomes"
	RuleState      Rule = "state"
	RuleComplete   Rule = "complete"
	RuleForwards   Rule = "forwards"
	RuleRevisions  Rule = "revisions"
	RuleLetters    Rule = "letters"
	RuleForeign    Rule = "foreign"
	RuleSignatures Rule = "signatures"
	RuleTree       Rule = "tree"
	RuleRetention  Rule = "retention"
)

// rules are all there are, with what each says and what is counted for it.
var rules = []struct {
	id        Rule
	says, per string
}{
	{RuleElections, "every election follows from the records: each valid claim was valid, and each epoch was opened by the incarnation that had claimed it", "claims and marks"},
	{RuleOneActor, "at most one server acts at any position: all that counts in an epoch was written by its holder", "records of primaries"},
	{RuleEpochs, "epochs only grow", "marks"},
	{RuleFence, "what an epoch wrote after its end counts for nobody", "records of primaries"},
	{RuleOneEffect, "one UID has one effect, one outcome, and the same answer for every repeat", "outcomes and answers"},
	{RuleOneShot, "a one-shot is started at most once, written ahead, and in doubt if its primary left no outcome", "one-shots"},
	{RuleOrder, "a device's one-shots start in the order of the log", "starts"},
	{RuleOutcomes, "every command that was accepted or refused has exactly one outcome", "commands"},
	{RuleState, "the state hash is that of every checkpoint", "hashes"},
	{RuleComplete, "nothing is missing: no gap, no cut end, no sequence that skips, no record of a primary that does not fit", "records"},
	{RuleForwards, "a command in the wrong partition was forwarded to the right one, as it was", "forwarded commands"},
	{RuleRevisions, "who says that it has gone over to a revision of the configuration did so where the log activates it, with what was published, and all devices have come to it", "acknowledgements"},
	{RuleLetters, "what was decided about dead letters was decided by a user, about a letter that is there; the first decision counts", "dead letters and decisions"},
	{RuleForeign, "what changed without a command is told", "reports"},
	{RuleSignatures, "every record of a server carries a valid MAC; all others count for nobody", "records"},
	{RuleTree, "the records are those that checkpoints have signed: none was changed, moved, added or removed", "checkpoints and roots"},
	{RuleRetention, "what retention has removed is told", "partitions"},
}

// Status is what became of a rule.
type Status string

// The statuses.
const (
	Held      Status = "held"
	Violated  Status = "violated"
	Undecided Status = "not decidable"
)

// Place is a record in the log.
type Place struct {
	Topic     string `json:"topic"` // log, control, elections or deadletter
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
}

func at(kind domain.TopicKind, p domain.Position) Place {
	return Place{kind.String(), p.Partition, p.Offset}
}

func logAt(p domain.Position) Place { return at(domain.TopicLog, p) }

func controlAt(offset int64) Place {
	return at(domain.TopicControl, domain.Position{Offset: offset})
}

// Finding is one thing that was found, with the records that show it.
type Finding struct {
	Says    string  `json:"says"`
	At      Moment  `json:"at,omitempty"` // append time of the last of its records
	Records []Place `json:"records,omitempty"`
}

// Verdict is what was found of one rule. Of many findings the first ones are told.
type Verdict struct {
	Rule       Rule      `json:"rule"`
	Says       string    `json:"says"`
	Status     Status    `json:"status"`
	Looked     int64     `json:"looked"` // at so many things
	Of         string    `json:"of"`
	Violations int64     `json:"violations"`
	Violated   []Finding `json:"violated,omitempty"`
	Doubts     int64     `json:"doubts"`
	Undecided  []Finding `json:"undecided,omitempty"`
	Notes      int64     `json:"notes"` // what is right, and still worth knowing
	Noted      []Finding `json:"noted,omitempty"`
}

// Report is the whole judgement.
type Report struct {
	Verdicts []Verdict `json:"verdicts"`
	Range    Range     `json:"range"`
	Resumed  int64     `json:"resumed,omitempty"` // records of the log that an interrupted run had judged, taken from its bookmark
	Topics   []Topic   `json:"topics"`
	Terms    []Term    `json:"terms"`
	Commands Commands  `json:"commands"`
	Latency  Histogram `json:"latency"`
	Doubts   []Doubt   `json:"in_doubt"`
	Refused  []Refusal `json:"refused"`
}

// Range is what is judged; all that came before is folded too.
type Range struct {
	Since Moment `json:"since,omitempty"`
	Until Moment `json:"until,omitempty"`
}

func (r Range) holds(t domain.Instant) bool {
	return t == 0 || Moment(t) >= r.Since && (r.Until == 0 || Moment(t) <= r.Until)
}

// Topic is what was read of one partition.
type Topic struct {
	Place
	Next    int64        `json:"next"`
	Records int64        `json:"records"`
	First   Moment       `json:"first,omitempty"`
	Last    Moment       `json:"last,omitempty"`
	Hash    *domain.Hash `json:"hash,omitempty"` // of the log's state at Next
}

// Term is one epoch.
type Term struct {
	Epoch       uint64        `json:"epoch"`
	Server      string        `json:"server"`
	Incarnation string        `json:"incarnation"`
	Cause       string        `json:"cause"`
	Claim       *Place        `json:"claim,omitempty"` // missing where only the log tells of it
	Claimed     Moment        `json:"claimed,omitempty"`
	Opened      Moment        `json:"opened,omitempty"` // the first of its marks; 0 if there is none
	Marks       int           `json:"marks"`
	Ended       Moment        `json:"ended,omitempty"` // what ended it, where the log says so
	End         string        `json:"end,omitempty"`
	Unheard     time.Duration `json:"unheard,omitempty"` // from its end to the next mark
}

// Commands are counted by what became of them.
type Commands struct {
	Accepted   int64                    `json:"accepted"`
	Refused    int64                    `json:"refused"`
	Repeats    int64                    `json:"repeats"`
	Conflicts  int64                    `json:"conflicts"`
	Waiting    int64                    `json:"waiting"` // without an outcome at the end
	Outcomes   map[domain.Outcome]int64 `json:"outcomes"`
	RefusedFor map[domain.Reason]int64  `json:"refused_for"`
}

// Doubt is an action that may or may not have been done.
type Doubt struct {
	Device     string            `json:"device"`
	UID        string            `json:"uid"`
	Command    Place             `json:"command"`
	Outcome    Place             `json:"outcome"`
	Since      Moment            `json:"since"`
	Resolved   domain.Resolution `json:"resolved,omitempty"`
	By         string            `json:"by,omitempty"`
	Reason     string            `json:"reason,omitempty"`
	Resolution *Place            `json:"resolution,omitempty"`
}

// Refusal is a command that was not accepted.
type Refusal struct {
	Device string        `json:"device"`
	UID    string        `json:"uid"`
	Record Place         `json:"record"`
	At     Moment        `json:"at"`
	Source string        `json:"source"`
	Reason domain.Reason `json:"reason"`
}

// Violated says whether any rule is.
func (r *Report) Violated() bool { return r.count(Violated) > 0 }

// Undecided says whether any rule could not be decided.
func (r *Report) Undecided() bool { return r.count(Undecided) > 0 }

func (r *Report) count(s Status) (n int) {
	for _, v := range r.Verdicts {
		if v.Status == s {
			n++
		}
	}
	return n
}

// Verdict finds the one of a rule.
func (r *Report) Verdict(rule Rule) *Verdict {
	for i := range r.Verdicts {
		if r.Verdicts[i].Rule == rule {
			return &r.Verdicts[i]
		}
	}
	return &Verdict{}
}
