// Package emission decides what the primary sends to a device, and what became
// of it. A [Queue] is one device's: it takes the accepted commands in log order,
// what the device says, and the time; it gives effects, which the caller carries
// out. It has no clock, goroutine or socket, so a simulator drives the very code
// that runs.
//
// What it guarantees:
//
//   - Actions leave in log order. An absolute wish that a newer one has overtaken
//     before it was sent is not sent at all (superseded).
//   - A one-shot is sent only after its [Start] was read back as counting, and
//     only once. If nobody can tell whether it was done, it ends in doubt.
//   - A queryable action is sent only if a reading that was begun for it shows
//     that the device is not in the wished state already.
//   - A command older than its validity is not sent (expired).
//   - An absolute action ends as confirmed only when the device itself reports
//     the wished value: an acknowledgement is not a new state. If it reports that
//     and acknowledges nothing, the action is sent once more.
//
// On a crash the queue is lost, and nothing with it: the next primary builds its
// own from the fold, in which every action without an outcome is still pending.
package emission
