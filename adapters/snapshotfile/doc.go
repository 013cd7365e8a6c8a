// Package snapshotfile keeps snapshots as files in one folder:
//
//	store, err := snapshotfile.Open(filepath.Join(dir, "snapshots"), logger)
//	from, err := store.Load("studio", 8) // domain.ErrNotFound: fold the log from its first record
//	...
//	err = store.Save(source, agreed)
//
// A file is written as its partitions come from the source, aside, flushed, renamed and its folder flushed, so that a
// crash at any moment leaves the files before it whole. The newest two are
// kept: should the newest be refused, Load goes on from the one before. So is the
// newest one that another server has agreed with, however old, and the one that
// will be agreed with next: Bases gives their states to fold again from when
// servers differ.
//
// On a crash the snapshot that was being written is lost, and nothing else. A
// disk that is full or not writable costs the short cut at the next start; the
// server goes on.
package snapshotfile
