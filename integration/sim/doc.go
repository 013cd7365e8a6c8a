// Package sim plays whole landscapes in simulated time: one seed is one history,
// in one process, with one queue of events and no goroutine. The servers are the
// product's own machines (guard, control, core, journal, clerk, copier, devices,
// readers, folds, snapshots); the log, the devices, the network, the clocks, the
// producers and the operator around them are simulated, and so is everything that
// can go wrong with them.
//
// [NewPlan] makes a history's plan from a seed: the landscape, the wishes, the
// faults. [Run] plays a plan and judges it at every step and, when all faults have
// been healed, at its end (check.go, final.go). [Shrink] looks for a smaller plan
// that is still judged wrong; its play, told aloud, says why.
//
// The judges know nothing that the product says of itself: true time, the devices'
// own record of who wrote to them, and a fold of their own.
package sim
