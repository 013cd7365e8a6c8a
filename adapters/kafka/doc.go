// Package kafka is the log on Apache Kafka, or on anything that speaks its
// protocol. Open a Log, Append batches, Fetch what stands behind an offset:
//
//	log, err := kafka.Open(kafka.Config{Brokers: []string{"127.0.0.1:9092"}}, logger)
//	appended, err := log.Append(ctx, batches)
//	fetched, err := log.Fetch(ctx, from, 500*time.Millisecond, 1<<20)
//
// What it guarantees:
//
//   - A batch whose Appended.Err is nil is on all in-sync replicas (acks=all).
//   - A batch that failed says whether it can still land: domain.ErrNotSent,
//     domain.ErrInvalid and domain.ErrNotFound mean that it cannot,
//     domain.ErrUnknownFate that it may, also later.
//   - One call is one request for each broker that it concerns, however many
//     partitions it names. Batches of one partition land in the order given.
//   - Appended times are the broker's wherever the topic says LogAppendTime.
//   - Bytes whose checksum is right but which hold no records (a broken or
//     hostile producer) come out as one empty message, the same on every
//     server. They never stop a reader.
//
// Connections, routing, TLS and SASL are kafka-go's Transport; the produce and
// fetch messages are written here, because kafka-go's own decoder loses the
// broker's append time. Reading is read_uncommitted: every record counts, and
// transactions have no meaning in this log.
//
// Nothing is kept in memory that a crash could lose: what was not acknowledged
// was not promised.
package kafka
