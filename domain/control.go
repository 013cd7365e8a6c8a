package domain

import "time"

// Every control record names its member in ce_subject and its incarnation, and
// an incarnation is random and new at each start of a process: the holder of an
// epoch is an incarnation, never just a name.

// Joined makes a member; its position is the member's seniority.
type Joined struct {
	Incarnation string `msgpack:"incarnation" json:"incarnation"`
	Precedence  int    `msgpack:"precedence,omitempty" json:"precedence,omitempty"`
	Address     string `msgpack:"address" json:"address"` // of its HTTP API
	Build       string `msgpack:"build" json:"build"`
	Identity    string `msgpack:"identity,omitempty" json:"identity,omitempty"` // public key of the data folder, in hex; servers of 0.1.0 have none
	Proof       string `msgpack:"proof,omitempty" json:"proof,omitempty"`       // signature by that key over the member's name and this incarnation
}

// LagUnknown is the lag of a server that cannot read some of the log.
const LagUnknown int64 = -1

// Heartbeat keeps the holder's lease alive and tells how a server is.
type Heartbeat struct {
	Incarnation string        `msgpack:"incarnation" json:"incarnation"`
	Epoch       uint64        `msgpack:"epoch" json:"epoch"` // the epoch that it holds; 0 on a standby
	N           uint64        `msgpack:"n" json:"n"`         // counts this incarnation's claims and heartbeats, from 1
	Acked       uint64        `msgpack:"acked" json:"acked"` // the highest n of its own that it has read back
	TTL         time.Duration `msgpack:"ttl" json:"ttl"`
	Ready       bool          `msgpack:"ready" json:"ready"`
	Lag         int64         `msgpack:"lag" json:"lag"`                           // records of the log not yet folded, or LagUnknown
	Position    int64         `msgpack:"position" json:"position"`                 // records of the log folded, over all partitions
	Hash        string        `msgpack:"hash,omitempty" json:"hash,omitempty"`     // HashOK, HashDiffers or "" if not yet compared
	Agreed      int64         `msgpack:"agreed,omitempty" json:"agreed,omitempty"` // offset of the last checkpoint that all of its state was equal to
	Guarded     bool          `msgpack:"guarded" json:"guarded"`
	Valve       string        `msgpack:"valve,omitempty" json:"valve,omitempty"`   // "process" or "kernel"
	Oldest      time.Duration `msgpack:"oldest,omitempty" json:"oldest,omitempty"` // how long an action has waited for nothing but this server
	Uptime      time.Duration `msgpack:"uptime" json:"uptime"`
	Sync        SyncMode      `msgpack:"sync,omitempty" json:"sync,omitempty"`
	Missing     int64         `msgpack:"missing,omitempty" json:"missing,omitempty"` // devices that standbys read too, and that it has not been connected to for a while
	Counted     bool          `msgpack:"counted,omitempty" json:"counted,omitempty"` // Missing holds; not yet, soon after a start, and never by a build that does not count
}

// SyncMode is how far a server is from holding the same state as all others.
type SyncMode int32

// The modes. Only a server in sync takes over.
const (
	InSync     SyncMode = 0 // at the end of the log, and equal where it was compared
	CatchingUp SyncMode = 1 // has been at the end once, and is not equal, not near it or cannot see it
	Replaying  SyncMode = 2 // has not been at the end since its start
)

// The verdicts on a server's state hash: compared with the primary's at the same
// position.
const (
	HashOK      = "ok"
	HashDiffers = "differs"
	HashRight   = "right" // a primary that another server differs from, and that has folded again
)

// Claim asks for an epoch. The fold of the control topic decides whether it counts.
type Claim struct {
	Incarnation string        `msgpack:"incarnation" json:"incarnation"`
	Epoch       uint64        `msgpack:"epoch" json:"epoch"`
	Seen        int64         `msgpack:"seen" json:"seen"` // offset of the record from whose receipt the full wait was measured; -1 for none
	N           uint64        `msgpack:"n" json:"n"`
	TTL         time.Duration `msgpack:"ttl" json:"ttl"`
	Cause       string        `msgpack:"cause" json:"cause"` // failover, switchover, fail-back, forced, start
}

// Release gives an epoch up. To names the successor of a planned move.
type Release struct {
	Incarnation string `msgpack:"incarnation" json:"incarnation"`
	Epoch       uint64 `msgpack:"epoch" json:"epoch"`
	To          string `msgpack:"to,omitempty" json:"to,omitempty"`
	Reason      string `msgpack:"reason,omitempty" json:"reason,omitempty"`
}

// AskedFor begins the reason of a release that an operator has asked for; behind it stands
// who that was.
const AskedFor = "switchover asked for by "

// Died is written by the guard that saw the process end, and by nobody else.
type Died struct {
	Incarnation string `msgpack:"incarnation" json:"incarnation"`
	Exit        string `msgpack:"exit" json:"exit"` // "signal: killed", "exit status 2"
}

// Contest stops the holder of an epoch: its later heartbeats do not count.
type Contest struct {
	Epoch  uint64 `msgpack:"epoch" json:"epoch"`
	By     string `msgpack:"by" json:"by"` // member, or the authenticated user's name
	Reason string `msgpack:"reason" json:"reason"`
	To     string `msgpack:"to,omitempty" json:"to,omitempty"` // the wished successor, rank 0
	// Devices are some of those that By reaches and the holder does not, where that is
	// the reason; Missing and HolderMissing are how many each of the two missed, by the
	// heartbeats that By had read.
	Devices       []string `msgpack:"devices,omitempty" json:"devices,omitempty"`
	Missing       int64    `msgpack:"missing,omitempty" json:"missing,omitempty"`
	HolderMissing int64    `msgpack:"holder_missing,omitempty" json:"holder_missing,omitempty"`
}

// MaxContestDevices bounds the devices that a contest names.
const MaxContestDevices = 8

// Left is a member's own farewell.
type Left struct {
	Incarnation string `msgpack:"incarnation" json:"incarnation"`
}

// Removed is a tombstone: the incarnation does not come back; with Out no other
// one under the member's name does either.
type Removed struct {
	By     string `msgpack:"by" json:"by"`
	Reason string `msgpack:"reason,omitempty" json:"reason,omitempty"`
	Out    bool   `msgpack:"out,omitempty" json:"out,omitempty"`
}

// Quarantined bars a member from primacy until it is cleared.
type Quarantined struct {
	Incarnation string `msgpack:"incarnation" json:"incarnation"`
	Reason      string `msgpack:"reason" json:"reason"`
}

// Cleared ends a quarantine.
type Cleared struct {
	Incarnation string `msgpack:"incarnation" json:"incarnation"`
	Reason      string `msgpack:"reason,omitempty" json:"reason,omitempty"`
}

// Checkpoint is the primary's state hash at a position of each partition.
type Checkpoint struct {
	Epoch  uint64      `msgpack:"epoch" json:"epoch"`
	Hashes []StateHash `msgpack:"hashes" json:"hashes"`
	Copied int64       `msgpack:"copied,omitempty" json:"copied,omitempty"` // control records up to here are in the elections topic
}

// StateHash is the hash of one partition's state when all records below
// Position.Offset are folded.
type StateHash struct {
	Position Position `msgpack:"position" json:"position"`
	Hash     Hash     `msgpack:"hash" json:"hash"`
}

// View is the whole folded state of control as of offset At. Who starts from
// it goes on folding at At+1, not behind the view.
type View struct {
	At    int64  `msgpack:"at" json:"at"`
	State []byte `msgpack:"state" json:"state"`
}

// Floor lifts the first epoch above every epoch that the log has ever seen,
// after a control topic was lost.
type Floor struct {
	Epoch uint64 `msgpack:"epoch" json:"epoch"`
}

// Signed is what the records of the log and of elections hash to, up to a size of
// each partition, under signatures that anybody can check: a signed note, whose form
// docs/log-format.md gives.
type Signed struct {
	Epoch uint64 `msgpack:"epoch" json:"epoch"`
	Note  []byte `msgpack:"note" json:"note"`
}

func (Joined) Type() Type      { return TypeJoined }
func (Heartbeat) Type() Type   { return TypeHeartbeat }
func (Claim) Type() Type       { return TypeClaim }
func (Release) Type() Type     { return TypeRelease }
func (Died) Type() Type        { return TypeDied }
func (Contest) Type() Type     { return TypeContest }
func (Left) Type() Type        { return TypeLeft }
func (Removed) Type() Type     { return TypeRemoved }
func (Quarantined) Type() Type { return TypeQuarantined }
func (Cleared) Type() Type     { return TypeCleared }
func (Checkpoint) Type() Type  { return TypeCheckpoint }
func (View) Type() Type        { return TypeView }
func (Floor) Type() Type       { return TypeFloor }
func (Signed) Type() Type      { return TypeSigned }

// DeadLetter is a record that could not be understood, whole, with the reason
// and where it stood. Original values over MaxDeadLetter bytes are cut.
type DeadLetter struct {
	Topic     string            `msgpack:"topic" json:"topic"`
	Record    Position          `msgpack:"record" json:"record"`
	Appended  Instant           `msgpack:"appended" json:"appended"`
	Reason    Defect            `msgpack:"reason" json:"reason"`
	Detail    string            `msgpack:"detail,omitempty" json:"detail,omitempty"`
	Key       []byte            `msgpack:"key,omitempty" json:"key,omitempty"`
	Headers   map[string]string `msgpack:"headers,omitempty" json:"headers,omitempty"`
	Value     []byte            `msgpack:"value,omitempty" json:"value,omitempty"`
	Truncated bool              `msgpack:"truncated,omitempty" json:"truncated,omitempty"`
}

// MaxDeadLetter bounds the part of an original value that a dead letter keeps.
const MaxDeadLetter = 64 << 10

// Copied is a control record in the elections topic, where it is kept for ever.
type Copied struct {
	Control int64             `msgpack:"control" json:"control"` // its offset in the control topic
	Headers map[string]string `msgpack:"headers" json:"headers"`
	Value   []byte            `msgpack:"value" json:"value"`
	Time    Instant           `msgpack:"time" json:"time"`
}

func (DeadLetter) Type() Type { return TypeDeadLetter }
func (Copied) Type() Type     { return TypeElection }
