// Package outside notices that this machine was stopped together with its clocks:
//
//	clock, err := outside.Find()      // of the hypervisor; ErrNone where there is none
//	w := outside.NewWatch(clock, boot)
//	lost, err := w.Look()             // again and again: how much time has passed unseen
//
// A hypervisor that pauses, migrates or restores a guest may stop all the clocks
// that the guest can read, so that a lease seems to live which is long over. What
// shows it is a clock that runs outside: the host's, by PTP.
//
// A pause is seen at the next look after it, and if it is longer than [Tolerance].
// A step of the host's time is taken for one: that costs a moment without a primary,
// and no safety. Nothing is kept, so nothing is lost on a crash.
package outside
