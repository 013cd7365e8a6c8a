// Package partition folds one partition of a landscape's log into the state of
// its devices:
//
//	s := partition.New(3, 8, partition.DefaultLimits())
//	for _, r := range records { // in offset order, from the first
//		change := s.Apply(r)
//		...
//	}
//	d, ok := s.Device("router-1")
//	next := d.Pending() // what the primary still has to do to it, in log order
//
// What it guarantees:
//
//   - The same records give the same state, and the same [State.Hash], on every
//     server and for ever. Nothing here reads a clock, a random number, a map in
//     its own order or a float.
//   - It is total: whatever stands in the log, Apply neither fails nor panics. A
//     record that cannot be understood, or that cannot be true, changes nothing
//     but a counter, and is owed a dead letter.
//   - One UID has one effect, and every repeat of it is owed the outcome of the
//     original. See [State.Lookup] and [Limits].
//   - What an older epoch still writes does not count, and no record of a
//     primary counts twice.
//   - It cannot reach a device: no type in here can.
//
// Memory is bounded by [Limits] and by the constants beside them. The state
// lives in memory alone; after a crash it is folded again, from the log or from
// a snapshot ([State.Freeze], [State.Export], [Restore]).
//
// Records may share memory with others. What the state keeps for longer than a
// command is pending, it clones.
//
// A State belongs to one goroutine.
package partition
