package main

// The checks of what operators decide.
var (
	exploreDecisions = test("integration/explore", "TestNoHistory/two_servers_decisions")
	healths          = test("domain/server/core", "TestOnlyAServerInSyncIsReady")
)

// ofTheDecisions are faults of the rules that keep an operator's word, and of those by
// which primacy comes back.
var ofTheDecisions = []mutant{
	{"a pause of failover is ignored", "domain/election/apply_cluster.go",
		"case s.paused.On && s.holder.Name", "case false && s.paused.On && s.holder.Name", in(electionFold, exploreDecisions)},
	{"a drained member takes over", "domain/election/apply_cluster.go",
		"case m.Drained && s.broken", "case false && s.broken", in(electionFold, exploreDecisions)},
	{"a dissolved landscape goes on", "domain/election/apply_cluster.go",
		`case s.dissolved.By != "" && s.broken`, "case false && s.broken", in(electionFold, exploreDecisions)},
	{"the holder of a dissolved landscape goes on", "domain/election/apply_cluster.go",
		"	if s.held && !s.contested {\n		s.contested, s.cause = true, CauseForced\n	}\n", "", in(electionFold, plays)},
	{"a tombstone is forgotten", "domain/election/apply_members.go",
		`if why := s.Banned(name); why != "" && s.broken`, "if why := s.Banned(name); false && s.broken", in(electionFold)},
	{"a server that was removed for good asks to join", "domain/election/beat.go",
		`if why := s.state.Banned(s.cfg.Member); why != "" && s`, "if why := s.state.Banned(s.cfg.Member); false && s", in(plays)},
	{"a removal for good is one", "domain/election/apply_members.go",
		"	if v.Out {\n		m.Tombstone = v.By + because(v.Reason)\n	}\n", "", in(electionFold, plays)},
	{"two servers have one precedence", "domain/election/apply_members.go",
		"j.Precedence != 0 && e.Precedence == j.Precedence", "false", in(electionFold, plays)},
	{"a server too many joins", "domain/election/apply_members.go",
		"limit > 0 && others >= limit", "false", in(electionFold)},
	{"a seventh server joins", "domain/election/beat.go",
		"others < s.cfg.MaxMembers {", "true {", in(plays)},
	{"the hold-down is 0", "domain/election/failback.go",
		"return min(p.HoldDown<<", "return 0*min(p.HoldDown<<", in(plays)},
	{"flapping is not damped", "domain/election/failback.go",
		"min(max(falls-1, 0), maxDamping)", "0", in(plays)},
	{"a server that is not in sync gets primacy back", "domain/election/succession.go",
		"case !e.Ready:", "case false:", in(plays)},
	{"primacy is moved to a drained member", "domain/election/succession.go",
		"case e.Drained:", "case false:", in(plays, test("infra/server", "TestPrimacyIsNotMovedToWhoCannotHaveIt"))},
	{"a copied data folder takes part", "domain/election/identity.go",
		"case alive && same:", "case false:", in(plays)},
	{"another installation takes a name over", "domain/election/identity.go",
		"case alive:", "case false:", in(plays)},
	{"who may be a second process does not listen first", "domain/election/beat.go",
		"if s.now < known {", "if false {", in(plays)},
	{"an identity needs no proof", "domain/election/identity.go",
		"ed25519.Verify(public, text, signature)", "(true || ed25519.Verify(public, text, signature))", in(test("domain/election", "TestAnIdentityNeedsAProof"))},
	{"who names an identity is believed to have it", "infra/server/join.go",
		"if !election.AdmissionProven(", "if false && !election.AdmissionProven(", in(test("infra/server", "TestATokenAdmitsOneServer"))},
	{"a token is good twice", "domain/election/invitation.go",
		`case i.Used != "":`, "case false:", in(test("domain/election", "TestATokenIsGoodOnceAndForATime"))},
	{"a token never runs out", "domain/election/invitation.go",
		"case r.Appended >= i.Until:", "case false:", in(test("domain/election", "TestATokenIsGoodOnceAndForATime"))},
	{"an operator's move is undone", "domain/election/failback.go",
		"case m.Joined < s.state.moved:", "case false:", in(plays)},
	{"fail-back happens by itself though it is an operator's", "domain/election/failback.go",
		"case s.state.policy.FailBack != domain.FailBackAuto:", "case false:", in(plays)},
	{"the policy on record is ignored", "domain/election/standby.go",
		"	if s.state.policy.Order != \"\" {\n		policy = OrderOf(s.state.policy)\n	}\n", "", in(plays)},
	{"sync_mode is ignored", "domain/server/core/health.go",
		"h.Ready = h.Sync == domain.InSync &&", "h.Ready =", in(healths)},
	{"a view forgets what was decided", "domain/election/export.go",
		"	s.decide(&v)\n", "", in(walk, electionFold, test("domain/election", "TestAViewKeepsWhatWasDecided"))},
}
