package domain

import (
	"strconv"
	"strings"
	"time"
)

// Effect is what doing a verb twice would mean.
type Effect string

// The effects. Absolute may be re-sent; Queryable is decided by reading the
// device; OneShot (a pulse, a trigger, an increment) is never sent twice.
const (
	Absolute  Effect = "absolute"
	Queryable Effect = "queryable"
	OneShot   Effect = "one-shot"
)

// ReconnectRule says what happens to wishes that a device lost while away.
type ReconnectRule string

// Adopt takes over what the device reports; Restore sends the last wish again.
const (
	Adopt   ReconnectRule = "adopt"
	Restore ReconnectRule = "restore"
)

// DriverName names a protocol.
type DriverName string

// The drivers.
const (
	DriverVideohub DriverName = "videohub"
	DriverHTTP     DriverName = "http"
)

// Definition is the configuration of one device. It reaches the fold as a
// record in the device's own partition, so every server decides by the same one.
type Definition struct {
	Device   string     `msgpack:"device" json:"device" koanf:"id"`
	Driver   DriverName `msgpack:"driver" json:"driver" koanf:"driver"`
	Address  string     `msgpack:"address" json:"address" koanf:"address"` // host:port or base URL
	Revision uint64     `msgpack:"revision" json:"revision" koanf:"-"`
	// Inputs and Outputs are the size of a router; 1 to 288 each.
	Inputs  int `msgpack:"inputs,omitempty" json:"inputs,omitempty" koanf:"inputs"`
	Outputs int `msgpack:"outputs,omitempty" json:"outputs,omitempty" koanf:"outputs"`
	// Verbs are what an HTTP device can do.
	Verbs []Verb `msgpack:"verbs,omitempty" json:"verbs,omitempty" koanf:"verbs"`
	// ConfirmWithin bounds the wait for the device's own report after a send.
	ConfirmWithin time.Duration `msgpack:"confirm_within" json:"confirm_within" koanf:"confirm_within"`
	// ValidAbsolute and ValidOneShot are how long a command that names no
	// valid_for may wait before it expires instead of being sent.
	ValidAbsolute time.Duration `msgpack:"valid_absolute" json:"valid_absolute" koanf:"valid_absolute"`
	ValidOneShot  time.Duration `msgpack:"valid_one_shot" json:"valid_one_shot" koanf:"valid_one_shot"`
	// StandbyPolling lets standbys hold a read-only connection (hot); without
	// it only the primary connects (warm).
	StandbyPolling bool `msgpack:"standby_polling" json:"standby_polling" koanf:"standby_polling"`
	// PollEvery is how often a device that does not report by itself is read; zero means never.
	PollEvery   time.Duration `msgpack:"poll_every,omitempty" json:"poll_every,omitempty" koanf:"poll_every"`
	OnReconnect ReconnectRule `msgpack:"on_reconnect" json:"on_reconnect" koanf:"on_reconnect"`
}

// Verb is one declared ability of a device.
type Verb struct {
	Name    string        `msgpack:"name" json:"name" koanf:"name"`
	Effect  Effect        `msgpack:"effect" json:"effect" koanf:"effect"`
	Method  string        `msgpack:"method" json:"method" koanf:"method"`
	URL     string        `msgpack:"url" json:"url" koanf:"url"`                                    // template, relative to the address
	Body    string        `msgpack:"body,omitempty" json:"body,omitempty" koanf:"body"`             // template
	Args    []string      `msgpack:"args,omitempty" json:"args,omitempty" koanf:"args"`             // names that a command must give
	Target  string        `msgpack:"target,omitempty" json:"target,omitempty" koanf:"target"`       // the parameter that it sets
	Value   string        `msgpack:"value,omitempty" json:"value,omitempty" koanf:"value"`          // the argument that becomes the target's value
	ReadURL string        `msgpack:"read_url,omitempty" json:"read_url,omitempty" koanf:"read_url"` // template; where the reported value is read
	ReadAt  string        `msgpack:"read_at,omitempty" json:"read_at,omitempty" koanf:"read_at"`    // JSON pointer into the answer
	Timeout time.Duration `msgpack:"timeout,omitempty" json:"timeout,omitempty" koanf:"timeout"`
}

// Verb finds a declared verb.
func (d *Definition) Verb(name string) (Verb, bool) {
	if n := d.VerbNumber(name); n >= 0 {
		return d.Verbs[n], true
	}
	return Verb{}, false
}

// VerbNumber is the place of a declared verb in the list, or -1.
func (d *Definition) VerbNumber(name string) int {
	for n := range d.Verbs {
		if d.Verbs[n].Name == name {
			return n
		}
	}
	return -1
}

// Target is a thing of a device that has a value: "crosspoint/video/5",
// "label/input/3", "lock/video/5", "parameter/level". Ports count from 1.
type Target string

// CrosspointTarget is the target of a destination's source; its value is the
// source's number.
func CrosspointTarget(lvl string, destination int) Target {
	return Target("crosspoint/" + level(lvl) + "/" + strconv.Itoa(destination))
}

// LabelTarget is the target of a port's label.
func LabelTarget(kind PortKind, n int) Target {
	return Target("label/" + string(kind) + "/" + strconv.Itoa(n))
}

// LockTarget is the target of a destination's lock; its value is one of the Lock values.
func LockTarget(lvl string, destination int) Target {
	return Target("lock/" + level(lvl) + "/" + strconv.Itoa(destination))
}

// LockOf reads the target of a lock.
func LockOf(t Target) (level string, destination int, ok bool) {
	rest, isLock := strings.CutPrefix(string(t), "lock/")
	level, port, _ := strings.Cut(rest, "/")
	n, err := strconv.Atoi(port)
	return level, n, isLock && err == nil
}

// ParameterTarget is the target of a parameter.
func ParameterTarget(name string) Target { return Target("parameter/" + name) }

// The values of a lock target. An owned lock is ours; a foreign one is held by
// another client of the device.
const (
	LockOpen    = "unlocked"
	LockOwned   = "owned"
	LockForeign = "locked"
)

// Value is a target with what it is, or is wished to be.
type Value struct {
	Target Target `msgpack:"t" json:"target"`
	Value  string `msgpack:"v" json:"value"`
}
