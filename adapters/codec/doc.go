// Package codec turns records into Kafka messages and back. A producer's
// command in JSON, and a server's record with its MAC:
//
//	keys, err := codec.ParseKeyFile(text)
//	c := codec.New("main", keys)
//	m, err := c.EncodeJSON(domain.Record{UID: "panel-7/1234", Source: "/panel/7", Subject: "videohub-1",
//		Payload: domain.Take{Destination: 5, Source: 12}})
//	r := c.Decode(domain.TopicLog, partition, stored)
//
// The form is CloudEvents 1.0 in the Kafka binary binding: attributes are
// headers, the value is msgpack or, for commands, JSON. docs/log-format.md
// describes every byte for those who write a producer or a verifier.
//
// What holds:
//
//   - [Codec.Decode] is total. What cannot be understood has a Defect and no
//     Payload; it is the same defect on every server with the same keys.
//   - A record is Signed only if its MAC fits the topic and partition in which
//     it stands. A server's type without one is never handed on as sound.
//   - Decoding the largest value allowed (1 MiB) takes less than 24 MiB, whatever
//     lengths it claims, and a record keeps nothing of its message. Those of one
//     [Codec.DecodeAll] share memory of their own.
//   - The same wish in JSON and in msgpack is the same payload.
//   - [Codec.Encode] writes nothing that Decode would refuse.
//
// A version of a type, once written, is read for ever: see registry.go for how
// a second version is added. The package keeps no state; a crash loses nothing.
package codec
