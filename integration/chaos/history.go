package main

import (
	"time"

	"github.com/understudy-io/understudy/domain"
)

// History is all the evidence of one round. Times are of CLOCK_BOOTTIME.
type History struct {
	Seed     uint64            `json:"seed"`
	Began    domain.Mono       `json:"began"`
	Ended    domain.Mono       `json:"ended"`
	Wall     time.Duration     `json:"wall"`  // what to take from an append time to get the time since boot
	Slack    time.Duration     `json:"slack"` // how wrong that may be
	Owner    map[string]int32  `json:"owner"` // partition of each device
	Calls    []Call            `json:"calls"`
	Faults   []Fault           `json:"faults"`
	Received []Received        `json:"received"` // in the order of each device
	Reads    []Read            `json:"reads"`
	Samples  []Sample          `json:"samples"`
	Final    map[string]string `json:"final"` // what a server that was not whole in the end says
	// The log is kept by the broker's folder, and in readable lines beside it.
	Log     [][]domain.Record `json:"-"`
	Control []domain.Record   `json:"-"`
}

// Call is one try of a producer to give one command.
type Call struct {
	Via         string          `json:"via"` // kafka, or the server whose API was used
	Device      string          `json:"device"`
	UID         string          `json:"uid"`
	Kind        string          `json:"kind"`
	Malformed   bool            `json:"malformed,omitempty"` // nothing that the fold could take for a command
	Called      domain.Mono     `json:"called"`
	Returned    domain.Mono     `json:"returned"`
	Acked       bool            `json:"acked"`             // the append was acknowledged …
	Position    domain.Position `json:"position"`          // … and stands here
	Outcome     domain.Outcome  `json:"outcome,omitempty"` // that the API answered
	Reason      domain.Reason   `json:"reason,omitempty"`
	Error       string          `json:"error,omitempty"`
	Destination int             `json:"destination,omitempty"`
	Source      int             `json:"source,omitempty"`
}

// Fault is one that was made.
type Fault struct {
	Kind   string      `json:"kind"`
	Target string      `json:"target"` // a server, or what else it fell upon
	Detail string      `json:"detail,omitempty"`
	Asked  domain.Mono `json:"asked"`  // before it was made
	Held   domain.Mono `json:"held"`   // when it had been made
	Lifted domain.Mono `json:"lifted"` // before it was ended; zero: it ends by itself
	Error  string      `json:"error,omitempty"`
}

// Received is one action as a device received it: a crosspoint of a router, or a
// request of the HTTP device.
type Received struct {
	Device      string      `json:"device"`
	At          domain.Mono `json:"at"`
	Client      string      `json:"client"`
	Server      string      `json:"server"` // by the client's address; empty for none of them
	UID         string      `json:"uid,omitempty"`
	OneShot     bool        `json:"one_shot,omitempty"`
	Destination int         `json:"destination,omitempty"`
	Source      int         `json:"source,omitempty"`
}

// Read is a look at the router itself: the source of each destination from 1, in
// order.
type Read struct {
	Called   domain.Mono `json:"called"`
	Returned domain.Mono `json:"returned"`
	Sources  []int       `json:"sources"`
}

// Sample is what a server said of itself: its state hash at a position.
type Sample struct {
	At        domain.Mono `json:"at"`
	Server    string      `json:"server"`
	Role      string      `json:"role"`
	Partition int32       `json:"partition"`
	Next      int64       `json:"next"`
	Hash      domain.Hash `json:"hash"`
}

// mono is the time since boot of an append.
func (h *History) mono(i domain.Instant) domain.Mono { return domain.Mono(i) - h.Wall }
