// Package audit derives again from the log alone what the product promises, and
// says of each promise whether it was held, was violated, or cannot be decided:
//
//	a := audit.New(audit.Options{Partitions: 8, Original: codec.Original})
//	a.Election(record) // of elections, in order; then
//	a.Control(record)  // of control, in order
//	a.Log(record)      // of the log, each partition in order
//	report := a.Finish()
//
// Log may be called from one goroutine for each partition; everything else, and
// Meet, from one while none of them runs. Feed the log up to [Auditor.Known] as
// elections and control go on, so that no more state hashes wait than must.
//
// Two judges look at each record: the fold, as the servers have it, and plain rules
// that are written down here once more (the fence, the fates of commands, the
// ballot). They share no code, so that a fold that is wrong is no help to itself;
// where they disagree, that is a violation too.
//
// It is a pure fold. Memory is bounded by the state of the landscape and the limits
// in limits.go; what did not fit is counted and said. Nothing in it can reach a
// device: it can name no driver.
package audit
