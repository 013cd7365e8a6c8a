package httpapi

import (
	"time"

	"github.com/understudy-io/understudy/domain"
)

// The roles of a server.
const (
	RolePrimary   = "primary"
	RoleSecondary = "secondary"
)

// StateSilent is the state of a server from which nothing is heard.
const StateSilent = "silent"

// StateLeft is the state of a server that was stopped in good order.
const StateLeft = "left"

// HashUnknown is the state hash of a server that was not compared yet;
// domain.HashOK and domain.HashDiffers are the other verdicts.
const HashUnknown = "unknown"

// Status is the landscape as one server sees it.
type Status struct {
	Landscape string `json:"landscape" doc:"Name of the landscape"`
	Server    Self   `json:"server" doc:"The server that answers"`

	Primary        string       `json:"primary" doc:"Name of the server that holds the epoch; empty if none does"`
	PrimaryAddress string       `json:"primary_address,omitempty" doc:"Base URL of its API"`
	Next           string       `json:"next,omitempty" doc:"The server that would take over now; empty if none could"`
	Epoch          uint64       `json:"epoch" doc:"Number of the present term of primacy"`
	LeaseTTL       Milliseconds `json:"lease_ttl_ms" doc:"TTL of the last record of the holder that counts"`

	Valve        string `json:"valve" enum:"process,kernel" doc:"Where the lease is checked before bytes leave"`
	ValveWhy     string `json:"valve_why,omitempty" doc:"Why it is not in the kernel"`
	Guarded      bool   `json:"guarded" doc:"A guard waits for the end of the server's process"`
	ClockSuspect bool   `json:"clock_suspect" doc:"A record's time was too far ahead of log time to be believed"`

	Policy   *Policy   `json:"policy,omitempty" doc:"Who comes next; left out where nobody has set one: longest-running, never back"`
	Paused   *Paused   `json:"paused,omitempty" doc:"Automatic failover is paused"`
	FailBack *FailBack `json:"fail_back,omitempty" doc:"A ready server is preferred to the primary"`

	Revision uint64 `json:"revision,omitempty" doc:"The active revision of the configuration; 0: the servers' own files count"`

	Servers    []ServerStatus `json:"servers" nullable:"false" doc:"All members, by seniority"`
	Former     []FormerServer `json:"former,omitempty" nullable:"false" doc:"Servers that were stopped in good order, and are no members until they start again"`
	Partitions []Partition    `json:"partitions" nullable:"false" doc:"The partitions of the log as folded here"`
	Counters   Counters       `json:"counters" doc:"What the fold has decided since the first record"`
}

// Self is the server that answers.
type Self struct {
	Name        string    `json:"name"`
	Incarnation string    `json:"incarnation" doc:"Random, new at each start of the process"`
	Role        string    `json:"role" enum:"primary,secondary"`
	State       string    `json:"state" doc:"What it is doing, for example primary, hot, catching up, quarantined"`
	Ready       bool      `json:"ready" doc:"Could act now if it had to"`
	Reasons     []string  `json:"reasons" nullable:"false" doc:"Why it is not ready"`
	Build       string    `json:"build"`
	Time        time.Time `json:"time" doc:"Its wall clock at this answer"`
	LogAway     time.Time `json:"log_away_since,omitzero" doc:"Since when it has not seen the log: what it tells of other servers and of devices is of then; left out while it sees the log"`
	Signs       []string  `json:"signs,omitempty" nullable:"false" doc:"Verifier keys of the checkpoints that it signs while it is primary; left out where it signs none"`

	Checks []SelfCheck `json:"checks,omitempty" nullable:"false" doc:"What it stands on, as it looked last; left out before the first look"`
}

// SelfCheck is one thing that a server stands on.
type SelfCheck struct {
	Check   string `json:"check" enum:"disk,resolver,port,brokers"`
	Failure string `json:"failure,omitempty" doc:"What is wrong; left out if nothing is"`
}

// ServerStatus is one member of the landscape.
type ServerStatus struct {
	Name        string       `json:"name"`
	Address     string       `json:"address" doc:"Base URL of its API"`
	Role        string       `json:"role" enum:"primary,secondary"`
	State       string       `json:"state"`
	Epoch       uint64       `json:"epoch" doc:"The epoch that it holds; 0 if it holds none"`
	Position    int64        `json:"position" doc:"Records of the log that it has folded, over all partitions"`
	Lag         int64        `json:"lag" doc:"Records of the log that it has not folded yet; -1 while it cannot read some of the log"`
	HashOK      string       `json:"hash_ok" enum:"ok,differs,unknown" doc:"Its state compared with the primary's at the same position"`
	Seniority   int64        `json:"seniority" doc:"Control offset of its join; the lowest is the longest running"`
	Uptime      Milliseconds `json:"uptime_ms"`
	Ready       bool         `json:"ready"`
	Guarded     bool         `json:"guarded"`
	LastHeard   Milliseconds `json:"last_heard_ms" doc:"Age of its last heartbeat as received here"`
	Incarnation string       `json:"incarnation"`
	Identity    string       `json:"identity,omitempty" doc:"Public key of its data folder, in hexadecimal digits"`
	Build       string       `json:"build"`
	SyncMode    int          `json:"sync_mode" enum:"0,1,2" doc:"0 in sync, may take over; 1 catching up; 2 has not been at the end of the log since its start"`
	Precedence  int          `json:"precedence,omitempty"`
	Drained     bool         `json:"drained,omitempty" doc:"In maintenance: it does not take over"`
	DrainedBy   string       `json:"drained_by,omitempty" doc:"Who has drained it, and why"`
	Falls       int          `json:"falls,omitempty" doc:"Epochs that it lost unasked, each within 10 minutes of the one before"`
	Missing     *int64       `json:"missing,omitempty" doc:"Devices with standby_polling that it is not connected to, or not without a break; left out until it has counted them"`
	Revision    uint64       `json:"revision,omitempty" doc:"The last revision of the configuration that it has gone over to, by its own word; 0 for none since it started"`
	Unapplied   string       `json:"unapplied,omitempty" doc:"Why it has not gone over to the active revision, though it should have by now"`
}

// FormerServer is a server that has left, as it said last.
type FormerServer struct {
	Name      string    `json:"name"`
	Address   string    `json:"address" doc:"Base URL of its API, while it ran"`
	Build     string    `json:"build"`
	Position  int64     `json:"position" doc:"Records of the log that it had folded by its last heartbeat"`
	LastHeard time.Time `json:"last_heard,omitzero" doc:"When that heartbeat was appended; left out if there was none"`
	Drained   bool      `json:"drained,omitempty" doc:"In maintenance, also once it is back"`
	DrainedBy string    `json:"drained_by,omitempty" doc:"Who has drained it, and why"`
}

// Partition is one partition of the log as folded by the answering server.
type Partition struct {
	Partition int32       `json:"partition"`
	Next      int64       `json:"next" doc:"Offset after the last folded record"`
	LogTime   time.Time   `json:"log_time,omitzero"`
	Epoch     uint64      `json:"epoch" doc:"Highest epoch opened in it"`
	Hash      domain.Hash `json:"hash" doc:"State hash at Next, in hexadecimal digits"`
}

// Counters are what the fold has decided, over all partitions.
type Counters struct {
	Records     uint64 `json:"records" doc:"All records"`
	Accepted    uint64 `json:"accepted" doc:"Commands that were accepted"`
	Refused     uint64 `json:"refused" doc:"Commands that were refused"`
	Duplicates  uint64 `json:"duplicates" doc:"Repeats of a UID, answered with the original outcome"`
	Conflicts   uint64 `json:"conflicts" doc:"Repeats of a UID that asked for something else"`
	Misplaced   uint64 `json:"misplaced" doc:"Commands in a partition that does not own their device"`
	Fenced      uint64 `json:"fenced" doc:"Records of an epoch that was over"`
	DeadLetters uint64 `json:"dead_letters" doc:"Records that could not be understood"`
	Foreign     uint64 `json:"foreign" doc:"Changes at a device that nobody asked for through the log"`
}
