// Package explain tells how one thing came about, from records alone:
//
//	story := explain.NewCommand("videohub-1", uid)
//	traveller.Advance(ctx, states, cut, func(int32) history.Watch { return story.Watch })
//
//	election := explain.NewElection(7)
//	for each control record { election.Apply(r) }
//
// Each step names its record, with position and time, so that nobody has to
// believe what is told.
package explain
