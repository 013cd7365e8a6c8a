// Package drill rehearses failovers on a running landscape and measures them at
// the device: while a steady stream of commands runs, it ends the primary, again
// and again, and judges what the simulated devices received.
//
// It believes nobody: the commands' fate is read from the log, the actions from
// the devices' own records, the times from one clock of this machine.
package drill
