package domain

import "time"

// EpochOpened is the mark of a new primary in each partition: nothing that an
// older epoch writes behind it counts.
type EpochOpened struct {
	Server      string  `msgpack:"server" json:"server"`
	Incarnation string  `msgpack:"incarnation" json:"incarnation"`
	Time        Instant `msgpack:"time" json:"time"` // the server's wall clock, to check log time
}

// Tick keeps the log time of an idle partition going.
type Tick struct {
	Time Instant `msgpack:"time" json:"time"`
}

// Configured sets the definition of a device, or removes the device.
type Configured struct {
	Definition Definition `msgpack:"definition" json:"definition"`
	Removed    bool       `msgpack:"removed,omitempty" json:"removed,omitempty"`
}

// Connection says that the primary reached a device, or lost it.
type Connection struct {
	Up     bool   `msgpack:"up" json:"up"`
	Detail string `msgpack:"detail,omitempty" json:"detail,omitempty"`
}

// Reported is what the device itself says of its targets.
type Reported struct {
	Values []Value `msgpack:"values" json:"values"`
	Full   bool    `msgpack:"full,omitempty" json:"full,omitempty"` // the whole state, as after a connect
}

// Started is written, and read back, before a one-shot is sent.
type Started struct {
	UID     string   `msgpack:"uid" json:"uid"`
	Command Position `msgpack:"command" json:"command"`
}

// Ended is the outcome of a command.
type Ended struct {
	UID     string   `msgpack:"uid" json:"uid"`
	Command Position `msgpack:"command" json:"command"`
	Outcome Outcome  `msgpack:"outcome" json:"outcome"`
	Reason  Reason   `msgpack:"reason,omitempty" json:"reason,omitempty"`
	Detail  string   `msgpack:"detail,omitempty" json:"detail,omitempty"`
	By      string   `msgpack:"by,omitempty" json:"by,omitempty"`         // the UID that superseded it
	Server  string   `msgpack:"server,omitempty" json:"server,omitempty"` // who did it
	Items   []Item   `msgpack:"items,omitempty" json:"items,omitempty"`   // of a salvo, one for each crosspoint
	Steps   Steps    `msgpack:"steps" json:"steps"`
}

// Item is the result of one crosspoint of a salvo.
type Item struct {
	Target  Target  `msgpack:"t" json:"target"`
	Outcome Outcome `msgpack:"o" json:"outcome"`
	Reason  Reason  `msgpack:"r,omitempty" json:"reason,omitempty"`
}

// Steps are the durations of an action on the primary, counted from the moment
// at which it read the command; zero means that the step did not happen.
type Steps struct {
	Started   time.Duration `msgpack:"started,omitempty" json:"started,omitempty"`     // write-ahead read back
	Sent      time.Duration `msgpack:"sent,omitempty" json:"sent,omitempty"`           // bytes handed to the device's socket
	Answered  time.Duration `msgpack:"answered,omitempty" json:"answered,omitempty"`   // acknowledgement received
	Confirmed time.Duration `msgpack:"confirmed,omitempty" json:"confirmed,omitempty"` // the device's own report
}

// Answer is what a repeat of a UID gets: the original's outcome. It is not
// itself an outcome.
type Answer struct {
	UID      string   `msgpack:"uid" json:"uid"`
	Repeat   Position `msgpack:"repeat" json:"repeat"`     // where the repeat stands
	Original Position `msgpack:"original" json:"original"` // where the command stands that counts
	Outcome  Outcome  `msgpack:"outcome" json:"outcome"`
	Reason   Reason   `msgpack:"reason,omitempty" json:"reason,omitempty"`
	Detail   string   `msgpack:"detail,omitempty" json:"detail,omitempty"`
	Conflict bool     `msgpack:"conflict,omitempty" json:"conflict,omitempty"` // the repeat asked for something else
}

// Handled says that the primary has copied a record to where it belongs: a
// dead letter, or a command that lay in a partition that does not own its device.
type Handled struct {
	Record Position `msgpack:"record" json:"record"`
}

func (EpochOpened) Type() Type { return TypeEpochOpened }
func (Tick) Type() Type        { return TypeTick }
func (Configured) Type() Type  { return TypeConfigured }
func (Connection) Type() Type  { return TypeConnection }
func (Reported) Type() Type    { return TypeReported }
func (Started) Type() Type     { return TypeStarted }
func (Ended) Type() Type       { return TypeOutcome }
func (Answer) Type() Type      { return TypeAnswer }
func (Handled) Type() Type     { return TypeHandled }
