package domain

// Outcome is what became of a command: exactly one for each (device, UID).
type Outcome string

// The outcomes.
const (
	Confirmed  Outcome = "confirmed"  // the device itself reports the wished value, or answered a verb that has none
	Failed     Outcome = "failed"     // the device refused, or did not do it in time
	Expired    Outcome = "expired"    // too old to be sent
	Superseded Outcome = "superseded" // a newer wish took its place before it was done
	InDoubt    Outcome = "in_doubt"   // a one-shot that may or may not have been done
	Refused    Outcome = "refused"    // the fold did not accept it
)

// Reason says why a command was refused, or why an outcome is as it is. The
// values are fixed: programs branch on them.
type Reason string

// Why the fold refuses a command.
const (
	ReasonUnknownDevice Reason = "unknown_device"
	ReasonUnknownVerb   Reason = "unknown_verb"
	ReasonOutOfRange    Reason = "out_of_range"
	ReasonBadArguments  Reason = "bad_arguments"
	ReasonTooOld        Reason = "too_old"     // ce_time is not after the newest forgotten one
	ReasonFromFuture    Reason = "from_future" // ce_time is more than 60 s ahead of log time
	ReasonNoTime        Reason = "no_time"     // a one-shot without ce_time
	ReasonOverloaded    Reason = "overloaded"  // too many commands of this device are waiting
	ReasonNotInDoubt    Reason = "not_in_doubt"
)

// Why an accepted command did not end as confirmed.
const (
	ReasonNak          Reason = "nak"            // the device said no
	ReasonNoEffect     Reason = "no_effect"      // acknowledged or sent, but the device reports another value
	ReasonNoAnswer     Reason = "no_answer"      // no answer within the time for it
	ReasonLocked       Reason = "locked"         // another client of the device holds the lock
	ReasonDisconnected Reason = "disconnected"   // the device was not there
	ReasonUnknownFate  Reason = "unknown_fate"   // sent or about to be sent, and nobody can tell
	ReasonHTTPStatus   Reason = "http_status"    // the device answered with an error status
	ReasonRemoved      Reason = "device_removed" // the device is no longer configured
)
