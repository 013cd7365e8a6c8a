package domain

import "time"

// What an operator decides for the whole landscape, or for one of its members. By
// is the authenticated user.

// Policy says who comes next, and whether primacy comes back by itself. A later
// one takes the place of an earlier one, as a whole.
type Policy struct {
	By         string        `msgpack:"by" json:"by"`
	Order      PolicyOrder   `msgpack:"order" json:"order"`
	Members    []string      `msgpack:"members,omitempty" json:"members,omitempty"` // designated: who goes first
	FailBack   FailBack      `msgpack:"fail_back" json:"fail_back"`
	HoldDown   time.Duration `msgpack:"hold_down,omitempty" json:"hold_down,omitempty"`     // auto: how long a server must have been ready
	MaxMembers int           `msgpack:"max_members,omitempty" json:"max_members,omitempty"` // 0: as each server has it by default
}

// PolicyOrder is how servers are ranked.
type PolicyOrder string

// The orders.
const (
	OrderLongestRunning PolicyOrder = "longest-running"
	OrderPrecedence     PolicyOrder = "precedence"
	OrderDesignated     PolicyOrder = "designated"
)

// FailBack is when primacy goes back to a server that the policy prefers.
type FailBack string

// The ways of failing back.
const (
	FailBackNever  FailBack = "never"
	FailBackAuto   FailBack = "auto"
	FailBackManual FailBack = "manual" // an operator moves it
)

// Paused suspends automatic failover, or ends that.
type Paused struct {
	On     bool   `msgpack:"on" json:"on"`
	By     string `msgpack:"by" json:"by"`
	Reason string `msgpack:"reason,omitempty" json:"reason,omitempty"`
}

// Drained takes a member out of the succession for maintenance, or back into it.
type Drained struct {
	On     bool   `msgpack:"on" json:"on"`
	By     string `msgpack:"by" json:"by"`
	Reason string `msgpack:"reason,omitempty" json:"reason,omitempty"`
}

// Dissolved ends a landscape's cluster for good: no server of it acts any more.
type Dissolved struct {
	By     string `msgpack:"by" json:"by"`
	Reason string `msgpack:"reason,omitempty" json:"reason,omitempty"`
}

// Invited lets one server join: whoever shows the secret that this is the hash of, once.
type Invited struct {
	ID    string  `msgpack:"id" json:"id"`       // names the token; no secret
	Hash  string  `msgpack:"hash" json:"hash"`   // SHA-256 of the secret, in hexadecimal digits
	Until Instant `msgpack:"until" json:"until"` // by the log's time; not after that
	By    string  `msgpack:"by" json:"by"`
	// Signing says that the key that signs the landscape's checkpoints is given as well.
	Signing bool `msgpack:"signing,omitempty" json:"signing,omitempty"`
}

// Admitted says that a token was used, for the member of the record and its identity.
type Admitted struct {
	ID       string `msgpack:"id" json:"id"`
	Identity string `msgpack:"identity" json:"identity"`
}

func (Invited) Type() Type   { return TypeInvited }
func (Admitted) Type() Type  { return TypeAdmitted }
func (Policy) Type() Type    { return TypePolicy }
func (Paused) Type() Type    { return TypePaused }
func (Drained) Type() Type   { return TypeDrained }
func (Dissolved) Type() Type { return TypeDissolved }
