package partition

import "github.com/understudy-io/understudy/domain"

// Verdict is what the fold made of a record.
type Verdict uint8

// The verdicts.
const (
	Ignored   Verdict = iota // folded before, or not of this partition: nothing changed at all
	Accepted                 // a command that is now pending
	Duplicate                // a repeat of a command
	Conflict                 // a repeat of a UID that asks for something else
	Refused                  // a command that will not be done, see Change.Reason
	Misplaced                // a command for a device of another partition, to be forwarded
	Applied                  // a fact of the primary, or an operator's resolution, that counts
	Repeated                 // a record of the primary that was here before
	Fenced                   // a record of an epoch that is over
	Dead                     // a record that could not be understood or cannot be true, see Change.Defect
)

var verdicts = [...]string{"ignored", "accepted", "duplicate", "conflict", "refused", "misplaced", "applied", "repeated", "fenced", "dead"}

func (v Verdict) String() string {
	if int(v) < len(verdicts) {
		return verdicts[v]
	}
	return "unknown"
}

// Change is what one record did to the state: for loops that act on it and for
// read models. It says nothing that the state does not hold or the record did
// not say.
type Change struct {
	Verdict  Verdict
	Position domain.Position // of the record
	Type     domain.Type
	Device   string
	UID      string          // of the command that the record is or is about
	Command  domain.Position // where that command stands; of a repeat, the original
	Reason   domain.Reason   // why it is refused
	Defect   domain.Defect   // why it is dead

	Pending *Pending       // the command that was accepted, started or ended
	Counted domain.Payload // the outcome, the answer, the resolution or the change of the configuration that counted
	Foreign []domain.Value // reported values that nobody asked for through the log

	EpochOpened       bool // a new primary's mark
	DefinitionChanged bool // the device is configured, changed or removed
	ConnectionChanged bool
	PendingChanged    bool // the list, or what is known of an action in it
	ValuesChanged     bool // a desired or reported value
	DoubtsChanged     bool
	ChoresChanged     bool // what the primary owes
	RevisionsChanged  bool // one was published, activated or applied
}
