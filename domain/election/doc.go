// Package election decides who is the primary, from the control topic alone.
//
// A [State] folds the control topic: feed it every record with Apply, and ask it
// who holds which epoch. Kafka has no compare-and-set append, so anybody may
// append a claim; the fold rules which one counts. The same records give the
// same holder on every server, for ever, so an election can be derived again
// from the log years later.
//
// A [Server] is the machine of one incarnation of one server: feed it inputs with
// the time, and carry out its effects in order. It has no clock, goroutine or
// I/O, so a simulator drives the very code that runs. A loop around it reads the
// clock before it calls Step, steps it at NextWake with a [Timer], and may act on
// devices only while its clock is before LeaseEnd.
//
// What it guarantees, as long as clocks run at rates within the margin:
//
//   - At most one server has a lease at any true instant: the holder stops
//     TTL·(1−m) after it *sent* its last record that was read back, a claimant
//     waits TTL·(1+m) after it *received* the last one that counts, and a claim
//     that has not seen that one is void.
//   - Epochs only grow, and each has one holder.
//   - The holder is an incarnation: a restarted server is not the holder that it
//     was, and waits like everybody else.
//   - No log, no lease: what was not read back renews nothing.
//
// The [rule] constants name what each of these rests on; the random walk in the
// tests breaks them one at a time and must find the fault.
//
// On a crash nothing is lost that matters: a new start folds the control topic
// again, or a view of it, and joins as a new incarnation.
package election
