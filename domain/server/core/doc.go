// Package core folds the log on every server, and on the primary decides what
// follows from it: which device is driven with what, what the log is still owed,
// which state is proven, and when an epoch's work is at its end.
//
// A [Machine] is one server's: feed it inputs with the time, and carry out its
// effects in order. It has no clock, goroutine or I/O. Journal, clerk, control and
// devices are machines of their own; what they tell each other are inputs and
// effects, so that a slow one holds up no other.
//
// What it guarantees:
//
//   - A partition's devices are driven from the moment at which the epoch's own
//     mark has been folded there, because then its pending actions are exact.
//   - Whatever the primary owes stays in the fold until its own record is folded,
//     so what is lost on the way is done by the next one.
//   - A server whose state another one disputes folds again, and is out if its
//     running state is not what the log gives.
//
// On a crash nothing is lost: all of it is folded again from the log.
package core
