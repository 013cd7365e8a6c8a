// Package server is one server of a landscape: it folds the log, takes part in
// the election, and, while it is the primary, drives the devices.
//
// Data flows one way: log → fold → effects → log. Four kinds of loops run, each
// the only owner of its state:
//
//   - the control loop owns the election machine and the lease,
//   - the core loop owns the folds of all partitions,
//   - a device loop owns one device's link and, on the primary, its queue,
//   - the journal appends what the primary has to say, in order.
//
// The control loop has its own connection to the log, so nothing that devices
// or bulk traffic do can delay a heartbeat.
//
// What is lost on a crash: nothing. Whatever a loop knows and the log does not
// is, at worst, an outcome not yet appended; the next primary finds the action
// pending and deals with it by its class.
package server
