package election

import "time"

// Limits of the fold. They are part of the rules: every server has the same.
const (
	MaxMembers = 64              // members with tombstones
	MaxRetired = 256             // incarnations that are remembered to be over
	LimitTTL   = time.Minute     // a record with a longer TTL is void
	limitEpoch = uint64(1) << 62 // no floor lifts epochs above it
	noOffset   = int64(-1)       // "none" where an offset is meant
)

// Times of the machine that nobody needs to set.
const (
	// drainLimit is how long a contested holder waits for answers to bytes
	// that it has sent already.
	drainLimit = 50 * time.Millisecond
	// releaseRetry is how long a release may take to be read back before it is
	// sent again.
	releaseRetry = 100 * time.Millisecond
	// joinRetry is the same for a join.
	joinRetry = time.Second
	// lateStep is how late a step may be before the samples of the log's speed
	// that were under way are thrown away: the lateness is ours, not the log's.
	lateStep = 10 * time.Millisecond
	// pauseStep is how late a step may be, at least, before a standby takes it
	// for a pause of its own and begins its wait anew.
	pauseStep = 50 * time.Millisecond
	// unfitAfter is how long a holder may say that it cannot read some of the log until a standby
	// contests it. It is longer than a reader needs to find back to a log that was
	// away for all: they do not do so at the same moment.
	unfitAfter = 2500 * time.Millisecond
	// deafAfter is how long, at least, a holder's heartbeats may come without what it read
	// back having moved. Its lease ends without that; what a contest saves is the wait
	// for a holder that will not hear again, and a busy machine may hold up one that will.
	deafAfter = 250 * time.Millisecond
	// patienceStep and lossStep are how long a record of a standby's must have been under way,
	// at least, to be noticed, and to count as a loss of the log. maxDelays bounds how
	// often they double.
	patienceStep = 15 * time.Millisecond
	lossStep     = 100 * time.Millisecond
	maxDelays    = 5
	// maxGiven bounds how long losses of the log may put a claim off: while it gave so
	// many of a standby's records back, a healthy holder would have been heard.
	maxGiven = 16
	// The log is asked pollsPerTTL times in a lease, within bounds.
	pollsPerTTL = 4
	pollFast    = 5 * time.Millisecond
	pollSlow    = 100 * time.Millisecond
	// maxReckoned bounds the sends that the lease depends on, maxFlight those
	// that are under way.
	maxReckoned = 64
	maxFlight   = 64
)
