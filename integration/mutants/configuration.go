package main

// The checks of the landscape's configuration.
var (
	revising     = test("infra/server", "TestAConfiguration")
	acknowledges = test("domain/server/core", "TestARevisionIsAcknowledged")
	saidOnce     = test("domain/election", "TestAMembersWord|TestAnAcknowledgement")
	wholeHistory = test("domain/partition", "TestRandomHistories")
	heldAgainst  = test("projections/audit", "TestAnAcknowledgementIsHeld")
)

// ofTheConfiguration are faults of the rules by which the landscape's configuration
// changes, and of what servers say of it.
var ofTheConfiguration = []mutant{
	{"a writer need not have seen the newest revision", "domain/partition/revisions.go",
		"v.Parent != have.latest || v.Revision != have.latest+1", "false", in(wholeHistory)},
	{"the lock of the configuration is ignored", "domain/partition/revisions.go",
		`keeper != "" && keeper != primary && !override`, `keeper != "" && false`, in(revising, wholeHistory)},
	{"a change counts though primacy has moved since", "domain/partition/revisions.go",
		"case epoch != s.epoch:", "case false:", in(wholeHistory)},
	{"an older revision is activated again", "domain/partition/revisions.go",
		"case v.Revision <= s.revisions.active:", "case false:", in(wholeHistory, revising)},
	{"a server goes over at another position", "domain/server/core/acknowledge.go",
		"At: r.ActivatedAt}", "At: r.At}", in(acknowledges)},
	{"a revision is acknowledged before it is applied", "domain/server/core/acknowledge.go",
		"m.plan.revision == active && m.AppliedRevision() == active && m.keeping.kept == active:", "m.plan.revision == active && m.plan.failed != active:", in(acknowledges)},
	{"a revision is acknowledged unread", "domain/server/core/acknowledge.go",
		"m.plan.revision == active && m.AppliedRevision() == active && m.keeping.kept == active:", "m.AppliedRevision() == active:", in(acknowledges)},
	{"a revision is acknowledged though it is not in the file", "domain/server/core/acknowledge.go",
		" && m.keeping.kept == active:", ":", in(acknowledges)},
	{"a revision is kept before the devices have it", "domain/server/core/keep.go",
		" || m.AppliedRevision() != active", "", in(acknowledges)},
	{"a lost acknowledgement is not repeated", "domain/election/acknowledged.go",
		"	s.acknowledgeAt = s.now + joinRetry\n", "	s.acknowledgeAt = Never\n", in(saidOnce)},
	{"an older acknowledgement counts", "domain/election/acknowledged.go",
		"case a.Revision < m.Acknowledged.Revision:", "case false:", in(saidOnce)},
	{"a new process has acknowledged what the old one had", "domain/election/apply_members.go",
		"	m := s.current(id)\n	if m == nil {\n		return nil, void(", "	m := s.members[id.Name]\n	if m == nil {\n		return nil, void(", in(saidOnce)},
	{"a partial application is no alarm", "projections/checkup/revision.go",
		"case waited < ApplyWithin:", "case true:", in(test("projections/checkup", "TestAPartialApplication"))},
	{"the audit takes every acknowledgement for true", "projections/audit/revisions.go",
		"case revision.Hash != w.Hash || revision.ActivatedAt != w.At:", "case false:", in(heldAgainst)},
	{"a server without a log takes changes", "adapters/httpapi/doors.go",
		`why != nil && r.Method`, `why == http.ErrAbortHandler && r.Method`, in(test("adapters/httpapi", "TestAServerThatIsClosed"))},
	{"a device that takes one connection is opened without a lease", "infra/server/sink.go",
		"clock.Boot() >= d.lease.End()", "false", in(test("infra/server", "TestAWarmDeviceIsNot"))},
	{"a router is connected to without asking", "adapters/videohub/link.go",
		"err := door.MayConnect(); err != nil", "err := door.MayConnect(); false && err != nil", in(test("adapters/videohub", "TestALinkConnects"))},
	{"an HTTP device is connected to without asking", "adapters/httpdevice/single.go",
		"		return door.MayConnect()\n", "		_ = door.MayConnect()\n", in(test("adapters/httpdevice", "TestNoConnectionIsMade"))},
	{"a device that takes one connection is read while another one stands", "adapters/httpdevice/single.go",
		"	if c != nil {\n		c.makeRoom()\n	}\n", "	_ = c\n", in(test("adapters/httpdevice", "TestADeviceThatTakesOneConnection"))},
	{"a transfer contests nobody", "infra/server/configuration.go",
		"	if holder == s.options.Election.Member {\n		return &httpapi.Move{", "	if true {\n		return &httpapi.Move{", in(revising)},
}
