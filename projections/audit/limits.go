package audit

import "time"

const (
	maxFindings  = 50        // that are told for each rule; the others are counted
	maxEnded     = 50_000    // commands of a partition whose outcome is remembered
	maxOpen      = 200_000   // commands and repeats of a partition that wait
	maxWanted    = 500_000   // state hashes of a partition that wait to be compared
	maxListed    = 1_000     // lines of a list in the report
	maxReordered = 20_000    // copies of control that are put in order
	maxCompared  = 1_000_000 // copies that are compared with control
	maxBuffered  = 500_000   // control records that wait for a view
	maxLetters   = 200_000   // dead letters that are remembered
	maxForwards  = 200_000   // forwarded commands whose other half was not seen yet

	// overdue is how long behind its time a command may be without an outcome, while a
	// primary writes to its partition.
	overdue = time.Minute
	// margin is that of the lease: a holder stops so much earlier, others claim later.
	margin = 0.15
)
