// Package corpus keeps logs of released versions, so that every later version
// can be held to them:
//
//	go test ./integration/corpus                              # folds every stored log, and compares
//	go test ./integration/corpus -record 0.1.0 -timeout 10m   # plays a mixed drill and stores its log
//
// A stored log is the topics of one landscape, byte for byte as they stood, the
// keys with which their MACs can be checked, and what a fold of them gives: the
// state hash of every partition, and of the election. A build that folds them to
// anything else is not the same product: old logs would be read otherwise, and
// servers of two versions would not agree. README.md describes the files for
// those who want to read them in another language.
//
// A stored log is never changed or recorded anew. Where a hash has to change, its
// version says so in its expected.json, by hand, with an entry in the CHANGELOG.
package corpus
