// Package archive keeps a landscape's log in a folder of plain files, and reads
// it back as a log: without a broker, byte for byte.
//
//	w, err := archive.Create(dir, head)  // or goes on where an earlier one ended
//	err = w.Append(topic, partition, messages, next)
//	err = w.Close()
//
//	log, err := archive.Open(dir)
//	fetched, err := log.Fetch(ctx, from, 0, 4<<20)
//
// A folder holds manifest.json and JSON lines: one file for each run of records
// of one partition. Each line is a CloudEvent with what Kafka knows of the record
// as extension attributes; see [AppendLine].
//
// What it guarantees:
//
//   - A record is read back as it was written: key, headers in their order,
//     value, append time, offset; null is not empty.
//   - A file that the manifest names was synced before, and is checked against
//     its length and its SHA-256 when it is read from end to end.
//
// After a crash, what the manifest does not name yet is written again.
package archive
