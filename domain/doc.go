// Package domain is the pure core of Understudy: the words of the system as Go
// types. A command is a wish that may be refused, an event is a fact, an action
// is what the primary must do to a device because of a command, an outcome is
// what became of it.
//
// Nothing here knows a clock, a file, a socket or a goroutine. Time is a value:
// [Instant] for the time that a record carries, [Mono] for the reading of a
// monotonic clock that a caller passes in. The rules that decide live in the
// packages below it:
//
//   - domain/partition folds one partition of the log into device state,
//   - domain/election folds the control topic and drives the lease,
//   - domain/emission decides what is sent to a device, and when.
//
// Everything in these packages is deterministic: the same records give the same
// state and the same hash on every server, for ever.
package domain
