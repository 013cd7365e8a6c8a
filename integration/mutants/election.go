package main

// The checks of the election. The scenes of the explorer are named by a part of
// their names; the last ones need more faults in one history than every test run
// tries.
var (
	explore      = test("integration/explore", "TestNoHistory")
	exploreMoves = test("integration/explore", "TestNoHistory/two_servers_moves", "-long", "-states=200000")
	exploreTwins = test("integration/explore", "TestNoHistory/two_servers_restarts", "-long", "-states=200000")
	exploreLate  = test("integration/explore", "TestNoHistory/two_servers_a_long_lease")
	exploreYoung = test("integration/explore", "TestNoHistory/two_servers_measured_and_young")
	walk         = test("domain/election", "TestNoWalk")
	flaps        = test("domain/election", "TestALogThatComesAndGoes")
	plays        = test("domain/election", "TestPlays")
	outages      = test("domain/election", "TestAnOutage")
	electionFold = test("domain/election", "TestTheFoldRules|TestABrokenView")
	views        = test("domain/election", "TestAView")
	reaches      = test("domain/election", "TestAContestBecauseOfDevices")
	reached      = test("domain/server/core", "TestAServerCountsTheDevices|TestADeviceThatComes")
	ownEnd       = test("domain/election", "TestAHolderThatReads")
)

// ofTheElection are faults of the fold of the control topic.
var ofTheElection = []mutant{
	{"a claim counts that has not seen the last heartbeat", "domain/election/apply_epoch.go",
		"case s.held && s.broken.keeps(ruleSeen) && c.Seen < s.heard:", "case false:", in(exploreLate, walk)},
	{"a claim counts for any epoch", "domain/election/apply_epoch.go",
		"case s.broken.keeps(ruleNextEpoch) && c.Epoch != s.epoch+1:", "case false:", in(walk, exploreMoves)},
	{"a heartbeat's number is ignored", "domain/election/apply_epoch.go",
		"case s.broken.keeps(ruleOrder) && h.N <= s.heardN:", "case false:", in(walk, electionFold)},
	{"heartbeats count though the epoch is contested", "domain/election/apply_epoch.go",
		"	case s.contested:\n		return void(\"epoch %d is contested\", h.Epoch)\n", "", in(plays)},
	{"a contest is ignored", "domain/election/apply_epoch.go",
		"s.contested, s.cause = true, s.causeOf(c)", "s.cause = s.causeOf(c)", in(plays)},
	{"a quarantined member may claim", "domain/election/apply_epoch.go",
		"	case s.barred(m) != \"\":\n		return void(\"%s\", s.barred(m))\n", "", in(electionFold)},
	{"the holder is known by its name only", "domain/election/state.go",
		"return s.held && s.holder == id", "return s.held && s.holder.Name == id.Name", in(exploreTwins, walk)},
	{"a removed member takes part", "domain/election/state.go",
		"return !e.Left && !e.Removed && !e.Died", "return !e.Left && !e.Died", in(electionFold)},
	{"a dead incarnation's claim counts", "domain/election/state.go",
		"return !e.Left && !e.Removed && !e.Died", "return !e.Left && !e.Removed", in(electionFold)},
	{"a removal leaves no tombstone", "domain/election/apply_members.go",
		"	s.retire(identity{m.Name, m.Incarnation})\n", "", in(electionFold)},
	{"removing the holder is a vacancy", "domain/election/apply_members.go",
		"if !s.broken.keeps(ruleRemoval) {", "if true {", in(explore, walk)},
	{"died clears a holder of the same name", "domain/election/apply_members.go",
		"if !s.broken.keeps(ruleIncarnation) && s.held", "if s.held", in(exploreTwins, walk)},
	{"a new join clears the holder", "domain/election/apply_members.go",
		"if !s.broken.keeps(ruleJoin) && s.holder.Name", "if s.holder.Name", in(explore, walk)},
	{"a view forgets that the epoch is contested", "domain/election/export.go",
		"ttl: v.TTL, contested: v.Contested,", "ttl: v.TTL,", in(walk)},
	{"a view forgets who is over", "domain/election/export.go",
		"len(v.Members)), retired: v.Retired,", "len(v.Members)),", in(exploreTwins, walk)},
	{"a view is read from behind itself", "domain/election/export.go",
		"	return state, true\n", "	state.next = r.Position.Offset + 1\n	return state, true\n", in(views)},
	{"a view is taken though what follows on it is cut", "domain/election/export.go",
		" || v.At+1 < start {", " {", in(views)},
	{"a view is cut at another position than its state", "domain/server/control/machine.go",
		"At: state.Next() - 1,", "At: state.Next(),", in(controls)},
	{"a view has another n of the last heartbeat", "domain/election/export.go",
		"heard: v.Heard, heardN: v.HeardN,", "heard: v.Heard,", in(exploreTwins, walk)},
}

// ofTheLease are faults of the machine that holds, waits and claims.
var ofTheLease = []mutant{
	{"the lease is renewed without a read-back", "domain/election/holder.go",
		"case !s.cfg.broken.keeps(ruleReadBack):", "case true:", in(explore, walk)},
	{"the lease counts from the read-back", "domain/election/holder.go",
		"if !s.cfg.broken.keeps(ruleSendTime) {", "if true {", in(explore, walk)},
	{"a shrunk TTL binds only after the read-back", "domain/election/holder.go",
		"case s.sends.end() < s.tenure.until:", "case false:", in(exploreYoung, walk)},
	{"the reckoning keeps the later end", "domain/election/reckoning.go",
		"r.sends[len(r.sends)-1].end >= end {", "r.sends[len(r.sends)-1].end < end {", in(explore, walk)},
	{"the margin is 0", "domain/election/config.go",
		"if !c.broken.keeps(ruleMargin) {", "if true {", in(explore, walk)},
	{"only the holder allows for clocks", "domain/election/config.go",
		"math.Ceil(float64(ttl) * (1 + c.margin()))", "math.Ceil(float64(ttl))", in(walk)},
	{"who waits uses its own TTL", "domain/election/standby.go",
		"if !s.cfg.broken.keeps(ruleRecordTTL) {", "if true {", in(exploreLate, walk)},
	{"seen is taken when the timer fires, which no heartbeat puts off", "domain/election/receive.go",
		"(s.cfg.broken.keeps(ruleFullWait) || after.epoch != before.epoch)", "after.epoch != before.epoch", in(explore, walk)},
	{"a void claim is retried at once", "domain/election/standby.go",
		"	due = max(from+wait, w.recoverUntil)\n",
		"	due = max(from+wait, w.recoverUntil)\n	if w.voidAt >= from {\n		due = w.voidAt\n	}\n",
		in(exploreLate, walk)},
	{"a contest ends the wait", "domain/election/standby.go",
		"from = max(from, w.contestedAt)", "return s.now, 0", in(explore, walk)},
	{"the release is sent before the stop", "domain/election/holder.go",
		"	if s.cfg.broken.keeps(ruleStop) {\n		s.lose(\"released: \" + reason)\n	}\n", "", in(explore, walk)},
	{"a contested holder goes on", "domain/election/receive.go",
		"		if s.cfg.broken.keeps(ruleStop) {\n			s.lose(\"contested: \" + contestReason(r))\n		}\n", "", in(explore, walk)},
	{"who has released goes on in the epoch", "domain/election/holder.go",
		"s.tenure.gaveUp = s.cfg.broken.keeps(ruleSilence)", "s.tenure.gaveUp = false", in(explore, walk)},
	{"a holder that reads the end of its term is not told to stop", "domain/election/receive.go",
		"		s.lose(s.lossCause(r))\n", "", in(ownEnd)},
	{"a leaving holder goes on until it has left", "domain/election/server.go",
		"	s.lose(\"leaves\")\n", "", in(explore, walk)},
	{"an outage of the log is taken for silence of the holder", "domain/election/receive.go",
		"if !w.lost || !s.cfg.broken.keeps(ruleLongWait) {", "if true {", in(plays)},
	{"losses of the log put a claim off for ever", "domain/election/receive.go",
		"if w.given < maxGiven {", "if true {", in(flaps)},
	{"a log that comes and goes is taken for silence of the holder", "domain/election/limits.go",
		"maxGiven = 16\n", "maxGiven = 0\n", in(flaps)},
	{"a silent log is taken for a silent holder", "domain/election/standby.go",
		"if w.provedAt < half && s.cfg.broken.keeps(ruleProof) {", "if half < 0 {", in(plays, outages)},
	{"a standby takes no notice of its own pause", "domain/election/server.go",
		"if late > max(pauseStep, s.state.ttl/2) {", "if false {", in(plays)},
	{"an operator's word waits for a holder that ended without one", "domain/election/beat.go",
		"return !s.state.held || s.now >= max(s.watch.heardAt, s.watch.caughtAt)+s.longWait()", "return !s.state.held", in(plays)},
	{"an operator's word counts against a holder that lives", "domain/election/beat.go",
		"return !s.state.held || s.now >= max(s.watch.heardAt, s.watch.caughtAt)+s.longWait()", "return true", in(plays)},
	{"a deaf holder is never contested", "domain/election/standby.go",
		"case d.still >= deaf:", "case false:", in(plays)},
	{"a holder that is held up for a moment is contested", "domain/election/standby.go",
		"deaf := max(h.TTL, deafAfter)", "deaf := h.TTL", in(plays)},
	{"a primary that misses devices is never contested", "domain/election/standby.go",
		"case s.cfg.UnreachedAfter > 0 && d.outreached >= s.cfg.UnreachedAfter:", "case false:", in(plays)},
	{"a primary that misses devices for a moment is contested", "domain/election/standby.go",
		"&& d.outreached >= s.cfg.UnreachedAfter:", "&& d.outreached > 0:", in(plays)},
	{"a primary is contested because of devices that nobody reaches", "domain/election/reach.go",
		"case m.LastHeartbeat.Missing >= holder.LastHeartbeat.Missing:", "case false:", in(reaches, plays)},
	{"contests because of devices are not damped", "domain/election/reach.go",
		"case s.outreached.rests(at) > 0:", "case false:", in(reaches, plays)},
	{"primacy goes back to a server that misses devices", "domain/election/reach.go",
		"case missed(e) > missed(holder):", "case false:", in(plays)},
	{"a server that has not counted its devices is preferred", "domain/election/reach.go",
		"	if !e.LastHeartbeat.Counted {\n		return math.MaxInt64\n	}\n", "	_ = math.MaxInt64\n", in(plays)},
	{"a view may hold any count of contests", "domain/election/export.go",
		"case v.Outreached.Times < 0 || v.Outreached.Times > maxOutreached:", "case false:", in(views)},
	{"the epoch is not left to a named successor that is slow", "domain/election/standby.go",
		"return due + s.courtesy() + rank", "return due + rank", in(plays)},
	{"a named successor that has ended holds the others up", "domain/election/succession.go",
		"|| !s.fit(named) ", "", in(plays)},
	{"audit passes a contest by a server that misses no fewer devices", "projections/audit/contest.go",
		"case v.HolderMissing <= v.Missing:", "case false:", in(test("projections/audit", "TestAContestBecauseOfDevices"))},
	{"audit passes a contest that no heartbeat bears out", "projections/audit/contest.go",
		"case !d.misses.said(by, v.Missing, r.Appended) ||", "case false &&", in(test("projections/audit", "TestAContestBecauseOfDevices"))},
	{"what one primary had lost is held against the next", "domain/server/core/reach.go",
		"{ r.reaches, r.at = nil, now }", "{ r.at = now }", in(cores)},
	{"a device that was lost a moment ago counts as missed", "domain/server/core/reach.go",
		"case !l.up && now >= l.steady+awayAfter:", "case !l.up:", in(reached)},
	{"a device that comes and goes is never missed", "domain/server/core/reach.go",
		"case !l.up && now >= l.steady+awayAfter:", "case !l.up && now >= l.since+awayAfter:", in(reached)},
}
