package election

// rule names one of the rules that keep two servers from acting at once, or an
// outage of the log from becoming a takeover. A state
// or a machine keeps them all. The tests of the tests break them one by one.
type rule uint32

const (
	// Rules of the fold.
	ruleSeen        rule = 1 << iota // a claim that has not seen the last record that counts is void
	ruleNextEpoch                    // a claim is for the next epoch, and no other
	ruleOrder                        // a heartbeat counts only if its n is above the last one's
	ruleIncarnation                  // only the holder's own incarnation is cleared by died
	ruleJoin                         // a new join never clears the holder
	ruleRemoval                      // removing the holder is a contest, not a vacancy
	// Rules of the machine.
	ruleMargin    // both sides allow for clocks of different rates
	ruleReadBack  // only what was read back renews the lease
	ruleSendTime  // the lease counts from before the send
	ruleShrink    // a shorter TTL binds from the moment that it is sent
	ruleRecordTTL // who waits uses the TTL of the record that counts
	ruleFullWait  // the wait begins anew with each record that counts
	ruleStop      // who gives up stops before it sends the release
	ruleSilence   // who has sent a release never goes on in that epoch
	ruleJump      // time that no own clock has counted ends the lease

	lastRule = ruleJump

	// Rules that keep a healthy primary in office.
	ruleProof    = lastRule << 1 // a standby waits only while the log gives it back what it writes
	ruleLongWait = lastRule << 2 // who had lost the log waits the longest TTL

	// Rules that keep an operator's word.
	rulePause     = lastRule << 3 // while failover is paused, only who is named takes over
	ruleDrained   = lastRule << 4 // a drained member does not, unless it is named
	ruleDissolved = lastRule << 5 // nobody does in a landscape that was dissolved
	ruleTombstone = lastRule << 6 // a member that was removed for good does not join
)

// breaks is the set of rules that a test has taken away; empty otherwise.
type breaks rule

func (b breaks) keeps(r rule) bool { return rule(b)&r == 0 }
