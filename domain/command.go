package domain

import (
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"
)

// Take connects a source to a destination. Ports count from 1, as on labels.
type Take struct {
	Level       string `msgpack:"level,omitempty" json:"level,omitempty"` // empty means "video"
	Destination int    `msgpack:"destination" json:"destination"`
	Source      int    `msgpack:"source" json:"source"`
}

// Salvo is 1 to MaxSalvo takes of one device: one block, one UID.
type Salvo struct {
	Takes []Take `msgpack:"takes" json:"takes"`
}

// PortKind tells inputs from outputs.
type PortKind string

// The kinds of ports.
const (
	PortInput  PortKind = "input"
	PortOutput PortKind = "output"
)

// SetLabel names a port.
type SetLabel struct {
	Port   PortKind `msgpack:"port" json:"port"`
	Number int      `msgpack:"number" json:"number"`
	Text   string   `msgpack:"text" json:"text"`
}

// LockState is what a lock of a destination can be set to.
type LockState string

// The wishes about a lock.
const (
	LockOn    LockState = "lock"
	LockOff   LockState = "unlock"
	LockForce LockState = "force-unlock"
	LockTake  LockState = "take" // force-unlock and lock in one: it is ours, whoever had it
)

// SetLock locks or unlocks a destination.
type SetLock struct {
	Level       string    `msgpack:"level,omitempty" json:"level,omitempty"` // empty means "video"
	Destination int       `msgpack:"destination" json:"destination"`
	State       LockState `msgpack:"state" json:"state"`
}

// Invoke calls a verb that the device's definition declares. Arguments are
// text; numbers and booleans of a JSON producer become their JSON text.
type Invoke struct {
	Verb string            `msgpack:"verb" json:"verb"`
	Args map[string]string `msgpack:"args,omitempty" json:"args,omitempty"`
}

// Resolution is an operator's verdict on an action in doubt.
type Resolution string

// The verdicts. Again sends it once more, as a new command with a derived UID.
const (
	ResolvedDone    Resolution = "done"
	ResolvedNotDone Resolution = "not-done"
	ResolvedAgain   Resolution = "again"
)

// Resolve ends an in-doubt action of the record's device.
type Resolve struct {
	UID    string     `msgpack:"uid" json:"uid"`
	As     Resolution `msgpack:"as" json:"as"`
	Reason string     `msgpack:"reason" json:"reason"`
}

func (Take) Type() Type     { return TypeTake }
func (Salvo) Type() Type    { return TypeSalvo }
func (SetLabel) Type() Type { return TypeLabel }
func (SetLock) Type() Type  { return TypeLock }
func (Invoke) Type() Type   { return TypeInvoke }
func (Resolve) Type() Type  { return TypeResolve }

// DefaultLevel is the level of a crosspoint that names none.
const DefaultLevel = "video"

// Digest identifies what a command asks for, independent of its encoding: the
// same wish in JSON and in msgpack has the same digest. A repeat of a UID with
// another digest is a conflict.
type Digest [16]byte

// DigestOf hashes the canonical form of a command's payload.
func DigestOf(p Payload) Digest {
	b := canonical(make([]byte, 0, 128), p)
	sum := sha256.Sum256(b)
	return Digest(sum[:16])
}

// DerivedUID is the UID of a command that exists because of another one: the
// same cause and purpose always give the same UID, so doing it twice is once.
func DerivedUID(cause, purpose string) string {
	h := sha256.New()
	h.Write(text(text(nil, cause), purpose))
	const digits = "0123456789abcdefghijklmnopqrstuv"
	sum := h.Sum(nil)
	id := make([]byte, 0, 24)
	for _, c := range sum[:20] {
		id = append(id, digits[c&31])
	}
	return purpose + "-" + string(id)
}

func canonical(b []byte, p Payload) []byte {
	b = text(b, string(p.Type()))
	switch c := p.(type) {
	case Take:
		b = appendTake(b, c)
	case Salvo:
		b = number(b, int64(len(c.Takes)))
		for _, t := range c.Takes {
			b = appendTake(b, t)
		}
	case SetLabel:
		b = text(number(text(b, string(c.Port)), int64(c.Number)), c.Text)
	case SetLock:
		b = text(number(text(b, level(c.Level)), int64(c.Destination)), string(c.State))
	case Invoke:
		b = text(b, c.Verb)
		b = appendArgs(b, c.Args)
	case Resolve:
		b = text(text(text(b, c.UID), string(c.As)), c.Reason)
	}
	return b
}

func appendTake(b []byte, t Take) []byte {
	return number(number(text(b, level(t.Level)), int64(t.Destination)), int64(t.Source))
}

func appendArgs(b []byte, args map[string]string) []byte {
	if len(args) < 2 { // nothing to sort
		for k, v := range args {
			b = text(text(b, k), v)
		}
		return b
	}
	for _, k := range slices.Sorted(maps.Keys(args)) {
		b = text(text(b, k), args[k])
	}
	return b
}

func level(l string) string {
	if l == "" {
		return DefaultLevel
	}
	return l
}

// text and number append values so that no two different lists of values give
// the same bytes.
func text(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func number(b []byte, n int64) []byte { return binary.AppendVarint(b, n) }
