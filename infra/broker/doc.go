// Package broker is the log on one machine: a Kafka broker inside our own
// process, for a demo, a test, or a site that needs no second machine for its
// log. Start one, then point any Kafka client at Address():
//
//	b, err := broker.Start(ctx, broker.Config{Folder: "/var/lib/understudy/log", Landscape: "studio", Listen: "127.0.0.1:9092"}, logger)
//	defer b.Close()
//
// What it guarantees:
//
//   - What it acknowledged is on disk (fsync for each batch) and survives
//     kill -9 of the process and a loss of power, as far as the disk keeps its
//     own promises.
//   - Records carry the time at which the broker appended them, whatever the
//     client wrote. Clients see it as a timestamp of the kind CreateTime.
//   - A folder belongs to one landscape and to one process at a time; anybody
//     else is refused.
//   - Bytes that are no Kafka request end their connection and nothing else.
//
// It is one process: when its machine is gone, so is the log, and no server
// may act (G8). Use Apache Kafka where that is too little. It encrypts nothing
// and asks for no password; let it listen on the loopback, or on a network
// where everybody may write.
package broker
