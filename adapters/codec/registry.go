package codec

import (
	"errors"

	"github.com/understudy-io/understudy/domain"
)

// decoder reads the value of one version of one type.
type decoder func(*reader) domain.Payload

// registry has a decoder for every version of every type that was ever
// written. Nothing is taken out of it: a log is kept for ever.
//
// To add crosspoint.take.v2:
//
//  1. In domain, TypeTake becomes "crosspoint.take.v2", Take gets its new shape,
//     and ClassOf goes on knowing "crosspoint.take.v1".
//  2. Here, readTake reads the new shape. The old struct and its reader become
//     takeV1 and readTakeV1 in a file of their own, and the entry
//     "crosspoint.take.v1": upcast(readTakeV1, func(old takeV1) domain.Take {…})
//     lifts what was written before. The function is pure: the same old bytes
//     give the same new payload on every server.
//  3. The golden files of v1 stay as they are; v2 gets its own.
//
// Decode hands on the type of today, so the fold knows one version only. The
// MAC is checked over the bytes as they were written.
var registry = map[domain.Type]decoder{
	domain.TypeTake:   payload(readTake),
	domain.TypeSalvo:  payload(readSalvo),
	domain.TypeLabel:  payload(readSetLabel),
	domain.TypeLock:   payload(readSetLock),
	domain.TypeInvoke: payload(readInvoke),

	domain.TypeResolve: payload(readResolve),

	domain.TypeEpochOpened: payload(readEpochOpened),
	domain.TypeTick:        payload(readTick),
	domain.TypeConfigured:  payload(readConfigured),
	domain.TypeConnection:  payload(readConnection),
	domain.TypeReported:    payload(readReported),
	domain.TypeStarted:     payload(readStarted),
	domain.TypeOutcome:     payload(readEnded),
	domain.TypeAnswer:      payload(readAnswer),
	domain.TypeHandled:     payload(readHandled),

	domain.TypeJoined:      payload(readJoined),
	domain.TypeHeartbeat:   payload(readHeartbeat),
	domain.TypeClaim:       payload(readClaim),
	domain.TypeRelease:     payload(readRelease),
	domain.TypeDied:        payload(readDied),
	domain.TypeContest:     payload(readContest),
	domain.TypeLeft:        payload(readLeft),
	domain.TypeRemoved:     payload(readRemoved),
	domain.TypeQuarantined: payload(readQuarantined),
	domain.TypeCleared:     payload(readCleared),
	domain.TypeCheckpoint:  payload(readCheckpoint),
	domain.TypeView:        payload(readView),
	domain.TypeFloor:       payload(readFloor),

	domain.TypeDeadLetter: payload(readDeadLetter),
	domain.TypeElection:   payload(readCopied),
}

// names gives the constant for a type's name as it stands in a header.
var names = func() map[string]domain.Type {
	m := make(map[string]domain.Type, len(registry))
	for t := range registry {
		m[string(t)] = t
	}
	return m
}()

// payload makes a decoder of a function that reads the shape of today.
func payload[P domain.Payload](read func(*reader) P) decoder {
	return func(r *reader) domain.Payload { return read(r) }
}

// upcast makes a decoder of a function that reads an old shape and one that
// lifts it to the payload of today.
func upcast[Old any, New domain.Payload](read func(*reader) Old, lift func(Old) New) decoder {
	return func(r *reader) domain.Payload { return lift(read(r)) }
}

var errTrailing = errors.New("something follows behind the value")

// value decodes a whole value.
func (d decoder) value(isJSON bool, value []byte) (domain.Payload, error) {
	if isJSON {
		packed, err := transcode(value)
		if err != nil {
			return nil, err
		}
		value = packed
	}
	r := reader{b: value, fromJSON: isJSON}
	p := d(&r)
	if r.err == nil && r.i != len(r.b) {
		r.err = errTrailing
	}
	return p, r.err
}
