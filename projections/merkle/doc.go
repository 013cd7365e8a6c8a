// Package merkle makes a log tamper-evident. Over the records of a partition, in the
// order of their offsets, stands a Merkle tree (RFC 6962, as golang.org/x/mod/sumdb/tlog
// has it); a [Head] names the roots of all partitions, and is signed as a note
// (golang.org/x/mod/sumdb/note), so that whoever holds an older head finds any change of
// what it covers:
//
//	var tree merkle.Tree
//	for _, m := range messages {
//		tree.Add(m)
//	}
//	root := tree.Root()
//
// docs/log-format.md gives the bytes of a leaf, and the text of a head, for verifiers in
// other languages.
//
// A tree holds one hash for each level; it is a cache, and can be made again from the log.
package merkle
