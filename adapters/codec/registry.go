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

	domain.TypeRevisionPart:    payload(readRevisionPart),
	domain.TypePublished:       payload(readPublished),
	domain.TypeActivated:       payload(readActivated),
	domain.TypeRevisionApplied: payload(readRevisionApplied),

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
	domain.TypeSigned:      payload(readSigned),
	domain.TypePolicy:      payload(readSuccession),
	domain.TypePaused:      payload(readPaused),
	domain.TypeDrained:     payload(readDrained),
	domain.TypeInvited:     payload(readInvited),
	domain.TypeAdmitted:    payload(readAdmitted),
	domain.TypeDissolved:   payload(readDissolved),

	domain.TypeAcknowledged: payload(readAcknowledged),

	domain.TypeDeadLetter: payload(readDeadLetter),
	domain.TypeElection:   payload(readCopied),

	domain.TypeLetterDecided: payload(readLetterDecided),
}

// recordType is what a type's name says, looked up once for each record.
type recordType struct {
	name   domain.Type
	class  domain.Class
	topic  domain.TopicKind // in which it belongs, if there is a decoder
	decode decoder          // nil: this build does not know it
}

func recordTypes(decoders map[domain.Type]decoder) map[string]*recordType {
	types := make(map[string]*recordType, len(decoders))
	for name, decode := range decoders {
		t := &recordType{name: name, class: domain.ClassOf(name), decode: decode}
		for t.topic = domain.TopicLog; !home(name, t.topic) && t.topic < domain.TopicDeadLetter; {
			t.topic++
		}
		types[string(name)] = t
	}
	return types
}

// typeOf finds a type by its name as it stands in a header.
func (c *Codec) typeOf(b []byte, a *arena) *recordType {
	if a == nil || len(b) == 0 {
		return c.lookUp(b)
	}
	slot := &a.types[(len(b)+int(b[0]))%typeSlots] // a run has a handful of types
	if t := *slot; t != nil && string(t.name) == string(b) {
		return t
	}
	t := c.lookUp(b)
	if t.decode != nil {
		*slot = t
	}
	return t
}

func (c *Codec) lookUp(b []byte) *recordType {
	if t, ok := c.types[string(b)]; ok {
		return t
	}
	if !validText(b, maxType) {
		return new(recordType)
	}
	return &recordType{name: domain.Type(b), class: domain.ClassOf(domain.Type(b))}
}

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
func (d decoder) value(isJSON bool, value []byte, a *arena) (domain.Payload, error) {
	if isJSON {
		packed, err := transcode(value)
		if err != nil {
			return nil, err
		}
		value = packed
	}
	r := a.reader()
	*r = reader{b: value, fromJSON: isJSON, arena: a}
	p := d(r)
	if r.err == nil && r.i != len(r.b) {
		r.err = errTrailing
	}
	return p, r.err
}
