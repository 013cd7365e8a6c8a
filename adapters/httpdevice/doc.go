// Package httpdevice drives any device that is controlled by HTTP requests. A
// device's definition declares its verbs: a method, templates for the URL and
// the body, what doing it twice would mean, and where its value is read back.
//
//	driver := httpdevice.New(httpdevice.Options{Dial: dial})
//	link, err := driver.Open(definition, sink)
//
// What it guarantees:
//
//   - One action is one request, on one connection of the device, in order. The
//     gate is asked immediately before each write to that connection's socket.
//   - A request is never sent again by itself, whatever becomes of the
//     connection: the bytes of an action are handed to a socket once, and no
//     code here holds them afterwards.
//   - Emit says what is known: nothing left (ErrFenced, ErrNotSent) or nobody
//     can tell (ErrUnknownFate). A late answer is never taken for the answer to
//     a newer action: a connection that has not answered in time is reset.
//   - Whatever a command's arguments contain, they stay inside the place that
//     the template gives them. An argument without an escape is a fault of the
//     definition, found by [Validate].
//   - Reading uses a connection of its own and GET only.
//
// On a crash nothing is lost but the answer to the request under way; whether
// that was done is then for the next primary to read, or in doubt.
//
// A [Simulator] is such a device, with a memory of all that it was asked and a
// choice of faults.
package httpdevice
