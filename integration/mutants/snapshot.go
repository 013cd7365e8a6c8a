package main

var (
	snapshots = test("projections/snapshot", "")
	files     = test("adapters/snapshotfile", "")
	frozen    = test("domain/partition", "Frozen")
	restoring = test("domain/partition", "TestAStateRestored|TestTheRunningHash|TestRandomHistories")
)

// ofTheSnapshot are faults of the short cut that a restart takes.
var ofTheSnapshot = []mutant{
	{"a snapshot without the UIDs", "domain/partition/frozen.go",
		"range f.order {", "range f.order[:0] {", in(restoring)},
	{"a device changes in a snapshot that is being taken", "domain/partition/apply.go",
		"		s.preserve(r.Subject)\n", "		_ = r\n", in(frozen)},
	{"a snapshot forgets what was forgotten", "domain/partition/restore.go",
		"	s.index.forgot, s.index.forgotten = x.Forgot, x.Forgotten\n", "", in(restoring)},
	{"a state is restored without its hash", "domain/partition/restore.go",
		"if h := s.Hash(); h != hash {", "if h := s.Hash(); false {", in(restoring, snapshots)},
	{"a snapshot is ahead of its position", "projections/snapshot/snapshot.go",
		" || !p.Last.Empty() && p.Last.Offset != p.State.Next-1 {", " {", in(snapshots)},
	{"a snapshot's checksum is not looked at", "projections/snapshot/snapshot.go",
		"if sum := sha256.Sum256(body); string(sum[:]) != string(b[len(magic):headBytes]) {", "if sum := sha256.Sum256(body); len(sum) == 0 {", in(snapshots)},
	{"a snapshot of other rules is taken", "projections/snapshot/snapshot.go",
		"	case s.LogicVersion != partition.LogicVersion:\n", "	case false:\n", in(snapshots)},
	{"a snapshot of another landscape is taken", "projections/snapshot/snapshot.go",
		"	case s.Landscape != landscape:\n", "	case false:\n", in(snapshots)},
	{"a fingerprint leaves out the value", "domain/fingerprint.go",
		"	bytes(m.Value)\n", "", in(snapshots)},
	{"only one snapshot is kept", "adapters/snapshotfile/store.go",
		"if i < len(numbers)-kept && i != base && i != next {", "if i < len(numbers)-1 && i != base && i != next {", in(files)},
	{"the oldest snapshot is taken first", "adapters/snapshotfile/store.go",
		"	for _, n := range slices.Backward(numbers) {\n		r, err := s.open(", "	for _, n := range slices.All(numbers) {\n		r, err := s.open(", in(files)},
	{"a broken snapshot ends the start", "adapters/snapshotfile/store.go",
		"		refused = append(refused, fmt.Errorf(\"%s: %w\", s.path(n), err))\n", "		return snapshot.Restored{}, err\n", in(files)},
}
