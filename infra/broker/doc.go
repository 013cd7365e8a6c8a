// Package broker is the log on one machine: a Kafka broker inside our own
// process, for a demo, a test, or a site that needs no second machine for its
// log. Start one, then point any Kafka client at Address():
//
//	b, err := broker.Start(ctx, broker.Config{Folder: "/var/lib/understudy/log", Landscape: "studio", Listen: "127.0.0.1:9092"}, logger)
//	defer b.Close()
//
// What it guarantees:
//
//   - No answer speaks of a record that is not on disk (fsync). So what was
//     acknowledged, and what anybody read, survives kill -9 of the process and
//     a loss of power, as far as the disk keeps its own promises. When the disk
//     fails, nothing is answered any more. When it is full, appends are
//     refused until there is room again.
//   - Records carry the time at which the broker appended them, whatever the
//     client wrote. Clients see it as a timestamp of the kind CreateTime.
//   - A folder belongs to one landscape and to one process at a time; anybody
//     else is refused.
//   - Bytes that are no Kafka request end their connection and nothing else.
//
// It holds some 60 bytes in memory for each batch in the log, and reads the
// whole log when it starts; it is made for some millions of records. Its
// control topic keeps 256 MiB instead of 7 days.
//
// It is one process: when its machine is gone, so is the log, and no server
// may act (G8). Use Apache Kafka where that is too little. It encrypts nothing
// and asks for no password; let it listen on the loopback, or on a network
// where everybody may write.
package broker
