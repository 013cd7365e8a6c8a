// Package moment is what a landscape was at one moment, for people and programs,
// and what is different between two:
//
//	before := moment.Of(states, "")
//	... // fold on, with a moment.Causes watching
//	changes := moment.Compare(before, moment.Of(states, ""), causes)
//
// A [State] is plain values and shares nothing that the fold writes to. The same
// states give the same values, in the same order.
package moment
