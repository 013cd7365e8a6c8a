// Package snapshot keeps the state of a whole landscape so that a server that
// starts need not fold its log from the first record:
//
//	reach, err := snapshot.Write(file, snapshot.Source{Landscape: "studio", ...})
//	...
//	from, err := snapshot.Open(b, "studio", 8)
//	// from.States go on folding at their Next
//
// A snapshot is a short cut and never a source: whatever is wrong with one, the
// log has it all. So Open refuses in doubt. It checks the checksum, the
// landscape, the version of the fold's rules and the number of partitions, and
// computes each partition's hash anew.
//
// Each partition carries the fingerprint of the last record folded into it. Who
// goes on from a snapshot reads that record again first: if another one or none
// stands there, the log was cut or replaced.
//
// On a crash nothing is lost but the short cut.
package snapshot
