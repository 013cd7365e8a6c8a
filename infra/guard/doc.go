// Package guard keeps one server process alive and bears witness to its end:
//
//	code, err := guard.Run(ctx, guard.Options{
//		Command: serverCommand,   // how to start the server proper
//		Died:    appendDied,      // writes died{member, incarnation} to the log
//		Warm:    log.Warm,        // keeps the producing connection fast
//		Signals: signals, Logger: logger,
//	})
//
// A dead process is not a silent one. When the kernel reports that every thread
// of the server has ended, nothing of it can act any more, so the guard says so in
// the log and the next server takes over within milliseconds instead of after the
// lease. It does not wait until the memory of the dead process has been given back
// (docs/adr/0008-a-process-is-dead-when-its-threads-are.md).
// What the kernel cannot witness (the host, the network, a pause) is left to the
// lease.
//
// Guarantees:
//
//   - Died is called only for a process whose end, or that of all its threads, the
//     kernel has reported: never on suspicion, never for a pause. It is called
//     again until it succeeds, or says with domain.ErrFenced that the landscape has
//     moved on.
//   - Each start has a new random incarnation; a restarted server is never taken
//     for the one that ended.
//   - A server that ended cleanly (status 0) has said goodbye itself: nothing is
//     written and it is not started again.
//   - A server that found what a new start cannot mend (ExitUnusable) is not
//     started again; the guard ends with the same status, for its supervisor.
//   - The end of the guard does not end the server. The server notices (Watch)
//     and says that it is unguarded; a new guard with the same RunFile takes it
//     on again, which the server notices too.
//   - As PID 1 it also reaps the orphans that end up with it.
//
// On a crash of the guard only the duty to write is lost: the lease is then all
// there is, until a new guard takes the server on.
//
// The lifeline (Lifeline) is the other way round: a pipe whose writing end is
// held by `understudy up`, so that all it started ends with it, kill -9 included.
package guard
