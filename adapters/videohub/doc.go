// Package videohub drives Blackmagic Videohub routers over their Ethernet
// protocol, and has a router to try it on.
//
//	driver := videohub.New(videohub.Options{Logger: log, Dial: dial})
//	link, err := driver.Open(domain.Definition{Device: "hub", Address: "10.0.0.5:9990"}, sink)
//
// A link connects, reads the router's whole state, keeps it up to date, and
// connects again whenever that ends. Standbys hold the same link as the primary:
// only Emit changes anything, and every other byte sent is a read (PING or a
// request for a block).
//
// What it guarantees:
//
//   - A block leaves in one write, directly after the gate was asked. Whatever the
//     kernel does not take at once is never sent later: the connection is reset.
//   - Every Emit ends in exactly one of these: an error that says whether bytes may
//     have left, or one Answered.
//   - Answers belong to requests by order alone. So a request that is not answered
//     in time ends the connection, and no late answer meets a newer request.
//   - An acknowledgement is passed on as such. What the router has done is only
//     what it reports.
//   - Nothing that a peer sends, or does not send, makes it crash, hang or grow
//     without bound.
//
// Nothing is kept over a restart: the router is read again.
//
// [Simulator] is a router with several clients, locks and faults, which records
// every request with the time of its arrival.
package videohub
