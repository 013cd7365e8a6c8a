package httpapi

import (
	"time"

	"github.com/understudy-io/understudy/domain"
)

// Device is the folded state of one device.
type Device struct {
	ID               string            `json:"id"`
	Driver           domain.DriverName `json:"driver"`
	Address          string            `json:"address"`
	Connected        bool              `json:"connected" doc:"The primary reaches it"`
	ConnectionDetail string            `json:"connection_detail,omitempty"`
	ConnectionSince  time.Time         `json:"connection_since,omitzero" doc:"Log time at which the connection came or went last"`
	Removed          bool              `json:"removed,omitempty" doc:"No longer configured, but commands or doubts are left"`
	Inputs           int               `json:"inputs,omitempty"`
	Outputs          int               `json:"outputs,omitempty"`
	Cells            []Cell            `json:"cells" nullable:"false" doc:"Its targets that have a desired or a reported value, by name"`
	Pending          []Pending         `json:"pending" nullable:"false" doc:"Accepted commands that have no outcome yet, in log order"`
	Doubts           int               `json:"doubts" doc:"Number of actions in doubt"`
	Position         domain.Position   `json:"position" doc:"The state is that after all records below this one"`
	LogTime          time.Time         `json:"log_time,omitzero"`
	LogAway          time.Time         `json:"log_away_since,omitzero" doc:"Since when the answering server has not seen the log: values and ages are of then; left out while it sees the log"`
	Epoch            uint64            `json:"epoch" doc:"Highest epoch opened in its partition"`
	Server           string            `json:"server" doc:"The server that answers"`
}

// Cell is one target: what it is wished to be and what the device says it is.
type Cell struct {
	Target     domain.Target    `json:"target" doc:"For example crosspoint/video/5, label/input/3, lock/video/5, parameter/level"`
	Desired    *string          `json:"desired,omitempty" doc:"Missing if nothing is wished"`
	Reported   *string          `json:"reported,omitempty" doc:"Missing if the device never reported it"`
	Pending    bool             `json:"pending" doc:"The desired value is on its way"`
	Age        Milliseconds     `json:"age_ms" doc:"Age of the report, in log time"`
	ReportedAt *domain.Position `json:"reported_at,omitempty" doc:"Where the last report of it stands"`
	Foreign    bool             `json:"foreign" doc:"The reported value came about without a command of ours"`
	DesiredUID string           `json:"desired_uid,omitempty" doc:"The command that wished it; missing if adopted from the device"`
	Holder     string           `json:"holder,omitempty" doc:"Of a lock: who took it, as far as the log tells"`
}

// Pending is a command that was accepted and has no outcome yet.
type Pending struct {
	UID string `json:"uid"`
	Wish
	Position domain.Position `json:"position" doc:"Where the command stands"`
	Effect   domain.Effect   `json:"effect" enum:"absolute,queryable,one-shot"`
	Age      Milliseconds    `json:"age_ms" doc:"Since its append, in log time"`
	ValidFor Milliseconds    `json:"valid_for_ms"`
	Started  bool            `json:"started" doc:"A one-shot that may have been sent"`
	User     string          `json:"user,omitempty" doc:"The authenticated user"`
	Source   string          `json:"source,omitempty" doc:"What the producer says of itself: a claim"`
}

// Doubt is an action that may or may not have been done.
type Doubt struct {
	UID    string `json:"uid"`
	Device string `json:"device"`
	Wish
	Position domain.Position `json:"position" doc:"Where the command stands"`
	At       domain.Position `json:"at" doc:"Where its outcome stands"`
	Since    time.Time       `json:"since,omitzero" doc:"Log time of its outcome"`
	Epoch    uint64          `json:"epoch" doc:"In which it was started"`
	Detail   string          `json:"detail,omitempty"`
}
