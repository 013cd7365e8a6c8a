package httpapi

import (
	"time"

	"github.com/understudy-io/understudy/domain"
)

// Command is a wish about one device.
type Command struct {
	Device   string
	Payload  domain.Payload // one of the types of class command; it carries the type
	UID      string         // on the way to the backend never empty
	Created  time.Time      // on the way to the backend never zero; a repeat keeps it
	ValidFor time.Duration  // zero: what the device's definition says
	User     string         // the authenticated user; set by the handler
	Source   string         // what the caller calls itself: a claim
}

// Result is what became of a command, or of a resolution.
type Result struct {
	UID       string           `json:"uid"`
	Device    string           `json:"device"`
	Position  domain.Position  `json:"position" doc:"Where the command stands that counts"`
	Outcome   domain.Outcome   `json:"outcome,omitempty" enum:"confirmed,failed,expired,superseded,in_doubt,refused" doc:"Missing while there is none"`
	Reason    domain.Reason    `json:"reason,omitempty" doc:"Why; a fixed word"`
	Detail    string           `json:"detail,omitempty" doc:"Why, for people"`
	By        string           `json:"by,omitempty" doc:"UID of the command that superseded it"`
	Duplicate bool             `json:"duplicate" doc:"The UID was there before; this is the answer that it got"`
	Conflict  bool             `json:"conflict" doc:"The UID was there before with another wish; this is the answer to that one"`
	Resolved  string           `json:"resolved,omitempty" doc:"How an operator ended the doubt: done, not-done or again"`
	Epoch     uint64           `json:"epoch,omitempty" doc:"In which the outcome was written"`
	Server    string           `json:"server,omitempty" doc:"The server that acted"`
	NoPrimary bool             `json:"no_primary,omitempty" doc:"No server acted when the wait ran out"`
	Items     []domain.Item    `json:"items,omitempty" nullable:"false" doc:"Of a salvo, one for each crosspoint"`
	Steps     *Steps           `json:"steps,omitempty"`
	Accepted  time.Time        `json:"accepted,omitzero" doc:"Append time of the command"`
	OutcomeAt *domain.Position `json:"outcome_at,omitempty" doc:"Where the outcome stands"`
	User      string           `json:"user,omitempty" doc:"The authenticated user who asked for it"`
	Source    string           `json:"source,omitempty" doc:"What the producer says of itself: a claim"`
}

// Steps are the durations of an action on the primary, from the moment at which
// it read the command. Zero: the step did not happen.
type Steps struct {
	Read      Milliseconds `json:"read_ms,omitempty" doc:"From the broker's append time to the reading, by two clocks and to the millisecond"`
	Started   Milliseconds `json:"started_ms,omitempty" doc:"Write-ahead read back"`
	Sent      Milliseconds `json:"sent_ms,omitempty" doc:"Bytes handed to the device's socket"`
	Answered  Milliseconds `json:"answered_ms,omitempty" doc:"Acknowledgement received"`
	Confirmed Milliseconds `json:"confirmed_ms,omitempty" doc:"The device's own report"`
}

// StepsOf converts what an outcome record carries.
func StepsOf(s domain.Steps) *Steps {
	if s == (domain.Steps{}) {
		return nil
	}
	return &Steps{
		Started: MillisecondsOf(s.Started), Sent: MillisecondsOf(s.Sent),
		Answered: MillisecondsOf(s.Answered), Confirmed: MillisecondsOf(s.Confirmed),
	}
}

// Resolution is an operator's verdict on the action UID of Device in doubt.
type Resolution struct {
	UID    string            `json:"uid" minLength:"1" maxLength:"128" doc:"UID of the action in doubt"`
	Device string            `json:"device,omitempty" maxLength:"128" doc:"Its device; may be left out if the UID is in doubt on one device only"`
	As     domain.Resolution `json:"as" enum:"done,not-done,again" doc:"again sends it once more, as a new command with a derived UID"`
	Reason string            `json:"reason" minLength:"1" maxLength:"1024" doc:"Kept in the log"`
	// ResolutionUID makes the resolution itself repeatable.
	ResolutionUID string `json:"resolution_uid,omitempty" maxLength:"128" doc:"UID of the resolution itself: a repeat under it gets the same answer; made if left out"`
}

// Move is a change of primacy that was asked for.
type Move struct {
	From  string       `json:"from" doc:"The primary before; empty if there was none"`
	To    string       `json:"to" doc:"The server that acts now"`
	Epoch uint64       `json:"epoch" doc:"Its epoch"`
	Took  Milliseconds `json:"took_ms" doc:"From the request to the first moment at which the new primary may act, as seen by the answering server"`
}
