package partition

import (
	"time"

	"github.com/understudy-io/understudy/domain"
)

// Export is a whole state as plain values, in one order for equal states, to be
// stored and restored. Times are instants, offsets are of the partition.
type Export struct {
	Partition  int32          `msgpack:"partition" json:"partition"`
	Partitions int32          `msgpack:"partitions" json:"partitions"`
	Limits     Limits         `msgpack:"limits" json:"limits"`
	Next       int64          `msgpack:"next" json:"next"`
	Begun      bool           `msgpack:"begun" json:"begun"`
	LogTime    domain.Instant `msgpack:"log_time" json:"log_time"`
	Suspect    bool           `msgpack:"suspect" json:"suspect"`
	Epoch      uint64         `msgpack:"epoch" json:"epoch"`
	Sequence   uint64         `msgpack:"sequence" json:"sequence"`
	Opener     string         `msgpack:"opener" json:"opener"`
	Forgot     bool           `msgpack:"forgot" json:"forgot"`
	Forgotten  domain.Instant `msgpack:"forgotten" json:"forgotten"`

	Counts  []uint64         `msgpack:"counts" json:"counts"`
	Reasons Tallies          `msgpack:"reasons" json:"reasons"`
	Defects Tallies          `msgpack:"defects" json:"defects"`
	Devices []ExportedDevice `msgpack:"devices" json:"devices"`
	Entries []ExportedEntry  `msgpack:"entries" json:"entries"`
	Chores  []ExportedChore  `msgpack:"chores" json:"chores"`

	Hash domain.Hash `msgpack:"hash" json:"hash"` // of the state; Restore checks it

	Revisions *ExportedRevisions `msgpack:"revisions" json:"revisions,omitempty"`
}

// ExportedDevice is a device with everything that belongs to it.
type ExportedDevice struct {
	Definition       domain.Definition `msgpack:"definition" json:"definition"`
	Removed          bool              `msgpack:"removed" json:"removed"`
	Connected        bool              `msgpack:"connected" json:"connected"`
	ConnectionDetail string            `msgpack:"connection_detail" json:"connection_detail"`
	ConnectionSince  domain.Instant    `msgpack:"connection_since" json:"connection_since"`
	Cells            []ExportedCell    `msgpack:"cells" json:"cells"`
	Pending          []ExportedPending `msgpack:"pending" json:"pending"`
	Doubts           []ExportedDoubt   `msgpack:"doubts" json:"doubts"`
}

// ExportedWish is a desired value.
type ExportedWish struct {
	Value string `msgpack:"value" json:"value"`
	UID   string `msgpack:"uid" json:"uid"`
	At    int64  `msgpack:"at" json:"at"`
}

// ExportedCell is one target of a device.
type ExportedCell struct {
	Target       domain.Target  `msgpack:"target" json:"target"`
	Desired      *ExportedWish  `msgpack:"desired" json:"desired"`
	Settled      bool           `msgpack:"settled" json:"settled"`
	HasReported  bool           `msgpack:"has_reported" json:"has_reported"`
	Reported     string         `msgpack:"reported" json:"reported"`
	ReportedAt   int64          `msgpack:"reported_at" json:"reported_at"`
	ReportedTime domain.Instant `msgpack:"reported_time" json:"reported_time"`
	Foreign      bool           `msgpack:"foreign" json:"foreign"`
	Kept         *ExportedWish  `msgpack:"kept" json:"kept"`
	Recent       []string       `msgpack:"recent" json:"recent"`
	Passed       bool           `msgpack:"passed,omitempty" json:"passed,omitempty"`
}

// ExportedPending is a command that has no outcome yet.
type ExportedPending struct {
	UID          string          `msgpack:"uid" json:"uid"`
	Command      int64           `msgpack:"command" json:"command"`
	Effect       domain.Effect   `msgpack:"effect" json:"effect"`
	Payload      ExportedPayload `msgpack:"payload" json:"payload"`
	Wishes       []domain.Value  `msgpack:"wishes" json:"wishes"`
	Appended     domain.Instant  `msgpack:"appended" json:"appended"`
	ValidFor     time.Duration   `msgpack:"valid_for" json:"valid_for"`
	Source       string          `msgpack:"source" json:"source"`
	User         string          `msgpack:"user" json:"user"`
	Started      bool            `msgpack:"started" json:"started"`
	StartedEpoch uint64          `msgpack:"started_epoch" json:"started_epoch"`
	StartedAt    int64           `msgpack:"started_at" json:"started_at"`
	Kept         []ExportedKept  `msgpack:"kept,omitempty" json:"kept,omitempty"`
	Gone         bool            `msgpack:"gone,omitempty" json:"gone,omitempty"`
}

// ExportedKept is a wish that is to be sent if a one-shot is that comes before the
// newer one, which stands at Until.
type ExportedKept struct {
	Target domain.Target `msgpack:"target" json:"target"`
	Until  int64         `msgpack:"until" json:"until"`
}

// ExportedDoubt is an action in doubt.
type ExportedDoubt struct {
	UID     string          `msgpack:"uid" json:"uid"`
	Command int64           `msgpack:"command" json:"command"`
	Payload ExportedPayload `msgpack:"payload" json:"payload"`
	Since   domain.Instant  `msgpack:"since" json:"since"`
	At      int64           `msgpack:"at" json:"at"`
	Epoch   uint64          `msgpack:"epoch" json:"epoch"`
	Detail  string          `msgpack:"detail" json:"detail"`
}

// ExportedEntry is what is remembered of a UID.
type ExportedEntry struct {
	Device    string           `msgpack:"device" json:"device"`
	UID       string           `msgpack:"uid" json:"uid"`
	Command   int64            `msgpack:"command" json:"command"`
	Indexed   domain.Instant   `msgpack:"indexed" json:"indexed"`
	Digest    domain.Digest    `msgpack:"digest" json:"digest"`
	Done      bool             `msgpack:"done" json:"done"`
	Outcome   domain.Outcome   `msgpack:"outcome" json:"outcome"`
	Reason    domain.Reason    `msgpack:"reason" json:"reason"`
	Detail    string           `msgpack:"detail" json:"detail"`
	OutcomeAt int64            `msgpack:"outcome_at" json:"outcome_at"`
	Conflicts uint32           `msgpack:"conflicts" json:"conflicts"`
	Waiting   []ExportedRepeat `msgpack:"waiting" json:"waiting"`
	Resolved  *Resolved        `msgpack:"resolved" json:"resolved"`
}

// ExportedRepeat is a repeat that waits for an outcome.
type ExportedRepeat struct {
	At       int64 `msgpack:"at" json:"at"`
	Conflict bool  `msgpack:"conflict" json:"conflict"`
}

// ExportedChore is something that the primary owes.
type ExportedChore struct {
	Kind     ChoreKind       `msgpack:"kind" json:"kind"`
	At       int64           `msgpack:"at" json:"at"`
	Due      int64           `msgpack:"due" json:"due"`
	Device   string          `msgpack:"device" json:"device"`
	UID      string          `msgpack:"uid" json:"uid"`
	Reason   domain.Reason   `msgpack:"reason" json:"reason"`
	Defect   domain.Defect   `msgpack:"defect" json:"defect"`
	Detail   string          `msgpack:"detail" json:"detail"`
	Original int64           `msgpack:"original" json:"original"` // of an answer
	Outcome  domain.Outcome  `msgpack:"outcome" json:"outcome"`   // of an answer
	Conflict bool            `msgpack:"conflict" json:"conflict"` // of an answer
	Owner    int32           `msgpack:"owner" json:"owner"`
	Payload  ExportedPayload `msgpack:"payload" json:"payload"`
	By       string          `msgpack:"by" json:"by"`
	Cause    string          `msgpack:"cause" json:"cause"`
}

// ExportedPayload is a command's payload: at most one field is set.
type ExportedPayload struct {
	Take   *domain.Take     `msgpack:"take,omitempty" json:"take,omitempty"`
	Salvo  *domain.Salvo    `msgpack:"salvo,omitempty" json:"salvo,omitempty"`
	Label  *domain.SetLabel `msgpack:"label,omitempty" json:"label,omitempty"`
	Lock   *domain.SetLock  `msgpack:"lock,omitempty" json:"lock,omitempty"`
	Invoke *domain.Invoke   `msgpack:"invoke,omitempty" json:"invoke,omitempty"`
}
