package domain

import "time"

// Type is a record type with its version: "crosspoint.take.v1".
type Type string

// Types that producers may write: wishes about one device.
const (
	TypeTake   Type = "crosspoint.take.v1"
	TypeSalvo  Type = "crosspoint.salvo.v1"
	TypeLabel  Type = "label.set.v1"
	TypeLock   Type = "lock.set.v1"
	TypeInvoke Type = "verb.invoke.v1"
)

// TypeResolve is an operator's verdict on an action in doubt. It is written
// through a server, which vouches for the user with its MAC.
const TypeResolve Type = "indoubt.resolve.v1"

// Types of the landscape's configuration. They are written through a server, for
// a user, to one partition of the log.
const (
	TypeRevisionPart Type = "configuration.part.v1"
	TypePublished    Type = "configuration.published.v1"
	TypeActivated    Type = "configuration.activated.v1"
)

// Types that only the primary writes to the log topic, each with (epoch, sequence).
const (
	TypeEpochOpened Type = "epoch.opened.v1"
	TypeTick        Type = "log.tick.v1"
	TypeConfigured  Type = "device.configured.v1"
	TypeConnection  Type = "device.connection.v1"
	TypeReported    Type = "device.reported.v1"
	TypeStarted     Type = "action.started.v1"
	TypeOutcome     Type = "action.outcome.v1"
	TypeAnswer      Type = "command.answer.v1"
	TypeHandled     Type = "record.handled.v1"

	TypeRevisionApplied Type = "configuration.applied.v1"
)

// Types that servers and guards write to the control topic.
const (
	TypeJoined      Type = "member.joined.v1"
	TypeHeartbeat   Type = "member.heartbeat.v1"
	TypeClaim       Type = "epoch.claim.v1"
	TypeRelease     Type = "epoch.release.v1"
	TypeDied        Type = "member.died.v1"
	TypeContest     Type = "epoch.contest.v1"
	TypeLeft        Type = "member.left.v1"
	TypeRemoved     Type = "member.removed.v1"
	TypeQuarantined Type = "member.quarantined.v1"
	TypeCleared     Type = "member.cleared.v1"
	TypeCheckpoint  Type = "state.checkpoint.v1"
	TypeView        Type = "control.view.v1"
	TypeFloor       Type = "epoch.floor.v1"
	TypeSigned      Type = "tree.signed.v1"
	TypePolicy      Type = "landscape.policy.v1"
	TypePaused      Type = "failover.paused.v1"
	TypeDrained     Type = "member.drained.v1"
	TypeInvited     Type = "member.invited.v1"
	TypeAdmitted    Type = "member.admitted.v1"
	TypeDissolved   Type = "landscape.dissolved.v1"

	TypeAcknowledged Type = "configuration.acknowledged.v1"
)

// TypeDeadLetter wraps what could not be understood, in the dead-letter topic.
const TypeDeadLetter Type = "deadletter.v1"

// TypeLetterDecided is what an operator decides about a dead letter, in the same topic.
const TypeLetterDecided Type = "deadletter.decided.v1"

// TypeElection wraps a control record copied to the elections topic.
const TypeElection Type = "control.copy.v1"

// Class says who may write a type.
type Class uint8

// The classes of types.
const (
	ClassUnknown  Class = iota
	ClassCommand        // anybody: a wish
	ClassOperator       // a server, for an authenticated user
	ClassRevision       // likewise, about the landscape's configuration
	ClassPrimary        // the primary, to the log, with (epoch, sequence)
	ClassControl        // servers and guards, to the control topic
	ClassCopy           // servers, to the elections and dead-letter topics
)

// ClassOf gives the class of a type; ClassUnknown for one never heard of.
func ClassOf(t Type) Class {
	switch t {
	case TypeTake, TypeSalvo, TypeLabel, TypeLock, TypeInvoke:
		return ClassCommand
	case TypeResolve:
		return ClassOperator
	case TypeEpochOpened, TypeTick, TypeConfigured, TypeConnection, TypeReported,
		TypeStarted, TypeOutcome, TypeAnswer, TypeHandled, TypeRevisionApplied:
		return ClassPrimary
	case TypeRevisionPart, TypePublished, TypeActivated:
		return ClassRevision
	case TypeJoined, TypeHeartbeat, TypeClaim, TypeRelease, TypeDied, TypeContest, TypeLeft,
		TypeRemoved, TypeQuarantined, TypeCleared, TypeCheckpoint, TypeView, TypeFloor, TypeSigned,
		TypePolicy, TypePaused, TypeDrained, TypeDissolved, TypeAcknowledged, TypeInvited, TypeAdmitted:
		return ClassControl
	case TypeDeadLetter, TypeLetterDecided, TypeElection:
		return ClassCopy
	}
	return ClassUnknown
}

// Record is one record of a topic after decoding. Decoding never fails: what
// could not be understood has a Defect and no Payload, and the fold counts it.
type Record struct {
	Position Position
	Appended Instant // broker append time
	Type     Type
	UID      string        // ce_id
	Source   string        // ce_source: a claim, unless Signed
	Subject  string        // ce_subject: the device (log) or the member (control)
	Created  Instant       // ce_time; zero if not given
	ValidFor time.Duration // ce_validfor; zero if not given
	Origin   *Position     // where a forwarded command stood first
	User     string        // the authenticated user; only believed if Signed
	Epoch    uint64        // term of primacy of the writer; 0 if none
	Sequence uint64        // counts the primary's records of one epoch in one partition, from 1
	Signed   bool          // carries a valid MAC of the landscape
	Payload  Payload
	Defect   Defect // empty if the record is sound
	Detail   string // what exactly is defective, for people; never part of the state
}

// Defect says why a record could not be understood. It is part of the state
// (as a counter), so its values are fixed.
type Defect string

// The defects that decoding finds.
const (
	DefectNone        Defect = ""
	DefectHeaders     Defect = "bad_headers"      // not CloudEvents 1.0 in the Kafka binary binding
	DefectUID         Defect = "bad_uid"          // missing, not UTF-8, or longer than 128 bytes
	DefectSubject     Defect = "bad_subject"      // no device named
	DefectType        Defect = "unknown_type"     // a type or version never heard of
	DefectContentType Defect = "bad_content_type" // neither msgpack nor JSON
	DefectPayload     Defect = "bad_payload"      // the value does not decode, or has impossible fields
	DefectTooLarge    Defect = "too_large"        // over the limit on a value
	DefectUnsigned    Defect = "unauthenticated"  // a server's type without a valid MAC
	DefectWrongTopic  Defect = "wrong_topic"      // a type that does not belong into this topic
	// The defects that the fold finds.
	DefectEpoch    Defect = "stale_epoch"  // an epoch below the highest opened here
	DefectSequence Defect = "bad_sequence" // a sequence that skips
	DefectState    Defect = "impossible"   // does not fit the state, e.g. an outcome of an unknown command
)

// Limits on what a record may carry. They are checked at the edge and again
// in decoding, so no producer can make a server hold more.
const (
	MaxUID      = 128     // bytes of ce_id
	MaxSubject  = 128     // bytes of ce_subject
	MaxSource   = 256     // bytes of ce_source
	MaxText     = 1024    // bytes of a label, a reason, an argument
	MaxSalvo    = 288     // crosspoints of one salvo
	MaxArgs     = 32      // arguments of one verb
	MaxValue    = 1 << 20 // bytes of a record's value
	MaxValidFor = time.Hour
)

// Payload is the typed body of a record.
type Payload interface{ Type() Type }
