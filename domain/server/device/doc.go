// Package device is a server's side of one device. On a standby it holds the
// link, which only reads, and remembers what it saw, so that a takeover opens no
// socket; on the primary it drives the device's [emission.Queue].
//
// A [Machine] has no clock, goroutine, socket or log: feed it inputs with the
// time, and carry out its effects in order. It guarantees what the queue
// guarantees, and that
//
//   - a server that is not the primary gives no [Emit];
//   - what a link has said before it was closed is not taken for the word of the
//     next one;
//   - a device that takes one connection only is left when this server may not
//     act any more: before primacy is released, when the lease has lapsed, and at
//     the end of the term.
//
// On a crash nothing is lost: the fold has the commands, the device its values.
package device
