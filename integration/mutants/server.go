package main

var (
	serverPlay  = test("infra/server", "TestARouteGoes|TestAStandbyTakesOver")
	journals    = test("infra/server", "TestAnAppendOf")
	leases      = test("infra/server", "TestALeaseIs")
	divergence  = test("infra/server", "TestAStandbyWhose|TestServersHold|TestABuildThat")
	refolds     = test("infra/server", "TestARefold|TestACheckpoint|TestADifference|TestAPrimaryTrusts|TestADispute")
	reading     = test("infra/server", "TestAReader")
	derivation  = test("infra/server", "TestAClaimThat")
	gated       = test("adapters/httpdevice", "")
	routerGated = test("adapters/videohub", "")
)

// ofTheServer are faults of the loops: lease, journal, opening, takeover, reading.
var ofTheServer = []mutant{
	{"the lease is not checked", "infra/server/lease.go",
		"return l.epoch.Load() == epoch && clock.Boot() < until", "return l.epoch.Load() == epoch && clock.Boot() > 0 && until > 0", in(leases)},
	{"the lease of one epoch is taken for another's", "infra/server/lease.go",
		"return l.epoch.Load() == epoch && clock", "return epoch > 0 && clock", in(leases)},
	{"HTTP devices: the lease is not heeded", "adapters/httpdevice/socket_linux.go",
		"if err := gate(); err != nil {", "if err := gate(); false && err != nil {", in(gated)},
	{"routers: the lease is not heeded", "adapters/videohub/socket_linux.go",
		"if err := gate(); err != nil {", "if err := gate(); false && err != nil {", in(routerGated)},
	{"a sequence begins at 0", "infra/server/journal.go",
		"r.Epoch, r.Sequence = j.epoch, j.sequence[p]+1", "r.Epoch, r.Sequence = j.epoch, j.sequence[p]", in(journals)},
	{"a failed append is given up", "infra/server/journal.go",
		"		if attempt == 1 || attempt%50 == 0 {", "		if attempt > 0 {\n			return nil\n		}\n		if attempt == 1 || attempt%50 == 0 {", in(journals)},
	{"a takeover forgets the pending actions", "infra/server/reign.go",
		"for _, w := range dev.Pending() {", "for _, w := range dev.Pending()[:0] {", in(doubtDone)},
	{"a takeover forgets that a one-shot was started", "infra/server/reign.go",
		"			Started:  w.Started,\n", "", in(doubtDone)},
	{"different state hashes are taken for equal", "infra/server/agreement.go",
		"			case have == want.Hash:\n", "			case true:\n", in(refolds, divergence)},
	{"whoever differs believes itself", "infra/server/refold.go",
		"			case errors.Is(err, errWrong):\n", "			case errors.Is(err, errWrong) && false:\n", in(divergence)},
	{"a reader does not see that the log is another one", "infra/server/reader.go",
		"r.next[p], r.verify[p] = f.Offset+1, true", "r.next[p] = f.Offset+1", in(reading)},
	{"a reader reads from behind its snapshot", "infra/server/reader.go",
		"r.next[p], r.verify[p] = f.Offset+1, true", "r.next[p], r.verify[p] = f.Offset+2, false", in(reading, serverPlay)},
	{"the last heartbeat before a claim is not copied", "infra/server/copier.go",
		"			c.keep(*c.heard, c.heardRaw)\n", "", in(derivation)},
}
