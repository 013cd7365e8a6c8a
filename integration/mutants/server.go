package main

var (
	cores       = test("domain/server/core", "")
	devices     = test("domain/server/device", "")
	journals    = test("domain/server/journal", "")
	clerks      = test("domain/server/clerk", "")
	controls    = test("domain/server/control", "")
	readers     = test("domain/server/reader", "")
	copiers     = test("domain/server/copier", "")
	together    = test("domain/server", "")
	guards      = test("infra/guard", "TestMachine|TestRestarts|TestTheOldest")
	leases      = test("infra/server", "TestALeaseIs")
	held        = test("domain/server/lease", "")
	freezes     = test("integration/sim", "TestAServerThatIsFrozen")
	gated       = test("adapters/httpdevice", "")
	routerGated = test("adapters/videohub", "")
	routerPeers = test("adapters/videohub", "TestAMissingAnswer")
)

// ofTheServer are faults of the loops: lease, journal, opening, takeover, reading.
var ofTheServer = []mutant{
	{"the lease is not checked", "domain/server/lease/lease.go",
		"return l.epoch.Load() == epoch && clock() < until", "return l.epoch.Load() == epoch && clock() > 0 && until > 0", in(held, leases)},
	{"the lease of one epoch is taken for another's", "domain/server/lease/lease.go",
		"return l.epoch.Load() == epoch && clock", "return epoch > 0 && clock", in(held, leases)},
	{"the gate does not ask the lease", "infra/server/lease.go",
		"if !l.Held(epoch, clock.Boot) {", "if !l.Held(epoch, clock.Boot) && epoch == 0 {", in(leases)},
	{"the valve is not told of a shorter lease", "domain/server/lease/lease.go",
		"	if l.valve != nil {\n		l.valve.Extend(until)\n", "	if l.valve != nil && until > l.End() {\n		l.valve.Extend(until)\n", in(freezes, held)},
	{"the valve is not told that the lease is gone", "domain/server/lease/lease.go",
		"		l.valve.Extend(0)\n", "", in(freezes, held)},
	{"a connection outlives its term in the valve", "domain/server/lease/lease.go",
		"		l.valve.Shut()\n", "", in(held)},
	{"HTTP devices: the lease is not heeded", "adapters/httpdevice/socket_linux.go",
		"if err := gate(); err != nil {", "if err := gate(); false && err != nil {", in(gated)},
	{"routers: the lease is not heeded", "adapters/videohub/socket_linux.go",
		"if err := gate(); err != nil {", "if err := gate(); false && err != nil {", in(routerGated)},
	{"HTTP devices: the lease is checked after the write", "adapters/httpdevice/socket_linux.go",
		"		if err := gate(); err != nil {\n			return 0, true, err\n		}\n		n, err := unix.Write(int(fd), p)\n", "		n, err := unix.Write(int(fd), p)\n		if err := gate(); err != nil {\n			return 0, true, err\n		}\n", in(gated)},
	{"routers: the lease is checked after the write", "adapters/videohub/socket_linux.go",
		"		if err := gate(); err != nil {\n			return 0, true, err\n		}\n		n, err := unix.Write(int(fd), p)\n", "		n, err := unix.Write(int(fd), p)\n		if err := gate(); err != nil {\n			return 0, true, err\n		}\n", in(routerGated)},
	{"routers: a missing answer is waited for longer than a command waits", "adapters/videohub/options.go",
		"		o.AnswerTimeout = min(o.AnswerTimeout, def.ConfirmWithin)\n", "", in(routerPeers)},
	{"a death is written on suspicion", "infra/guard/machine.go",
		"		out = append(out, Forward{Signal: os.Kill})\n", "		out = append(append(out, Forward{Signal: os.Kill}), m.mourn(Exit{Status: -1, Text: \"killed\"})...)\n", in(guards)},
	{"a death is not written", "infra/guard/machine.go",
		"	return []Effect{Write{d.incarnation, d.exit}}\n}\n\nfunc (m *Machine) planRestart", "	return nil\n}\n\nfunc (m *Machine) planRestart", in(guards)},
	{"a sequence begins at 0", "domain/server/journal/machine.go",
		"m.epoch, m.sequence[p]\n", "m.epoch, m.sequence[p]-1\n", in(journals)},
	{"a failed append is given up", "domain/server/journal/machine.go",
		"		m.failed(now, in)\n", "		m.underWay = nil\n", in(journals)},
	{"an append is sent while another one is under way", "domain/server/journal/machine.go",
		"	case m.underWay == nil:\n", "	case true:\n", in(journals)},
	{"an append of unknown fate is sent with new sequences", "domain/server/journal/machine.go",
		"	m.retryAt = now.Mono + retry\n", "	m.retryAt = now.Mono + retry\n	for b := range m.underWay {\n		for i := range m.underWay[b].Records {\n			m.underWay[b].Records[i].Sequence++\n		}\n	}\n", in(journals)},
	{"a flush does not wait for the log", "domain/server/journal/machine.go",
		"			if m.landed[p] < last {\n", "			if m.landed[p] < last && false {\n", in(journals)},
	{"a flush waits for what is added after it", "domain/server/journal/machine.go",
		"			if m.landed[p] < last {\n", "			if last = m.sequence[p] + uint64(len(m.waiting[p])); m.landed[p] < last {\n", in(journals)},
	{"a takeover forgets the pending actions", "domain/server/core/term.go",
		"for _, w := range dev.Pending() {", "for _, w := range dev.Pending()[:0] {", in(cores, doubtDone)},
	{"a takeover forgets that a one-shot was started", "domain/server/core/term.go",
		"			Started:  w.Started,\n", "", in(cores, doubtDone)},
	{"devices are driven before their partition's mark", "domain/server/core/term.go",
		"!known || !m.term.opened[in.Partition] {", "!known {", in(cores)},
	{"the mark of any epoch opens a partition", "domain/server/core/term.go",
		"r.Type == domain.TypeEpochOpened && own {", "r.Type == domain.TypeEpochOpened && applied {", in(cores)},
	{"the age of what waits begins with the term", "domain/server/core/term.go",
		" - max(0, appended.Sub(w.Appended))", "", in(cores)},
	{"what is opened after a planned end begins new work", "domain/server/core/term.go",
		"Finishing: t.finishing,", "Finishing: false,", in(cores)},
	{"a planned end does not wait for the outcomes", "domain/server/core/settle.go",
		"		m.do(Flush{ID: s.id})\n", "		m.settleAll()\n", in(cores)},
	{"a chore is done twice", "domain/server/core/chores.go",
		"		m.term.working[k] = true\n", "", in(cores)},
	{"different state hashes are taken for equal", "domain/server/core/agreement.go",
		"	case have == want.Hash:\n", "	case true:\n", in(cores)},
	{"whoever differs believes itself", "domain/server/core/refold.go",
		"	case errors.Is(err, ErrWrong):\n", "	case errors.Is(err, ErrWrong) && false:\n", in(cores)},
	{"a dispute that begins during a refold is never decided", "domain/server/core/refold.go",
		"	m.refold.statements = nil\n	m.decideNext()\n", "	m.refold.statements = nil\n", in(cores)},
	{"a dispute that begins during a refold that fails is never decided", "domain/server/core/refold.go",
		"		f.statements = nil\n		m.decideNext()\n", "		f.statements = nil\n", in(cores)},
	{"a primary that is wrong releases before it stops", "domain/server/core/refold.go",
		"	m.suspend(false)\n", "", in(cores)},
	{"a standby sends", "domain/server/device/machine.go",
		"	return &Machine{settings: s}\n", "	return &Machine{settings: s, queue: emission.NewQueue(emission.Settings{}, nil)}\n", in(devices)},
	{"a link that was closed is heard", "domain/server/device/machine.go",
		"	return opening != m.opening\n", "	return opening != m.opening && false\n", in(devices)},
	{"a demoted device goes on", "domain/server/device/term.go",
		"	m.epoch, m.queue = 0, nil\n", "	m.epoch = 0\n", in(devices)},
	{"a lapse leaves bytes with the kernel", "domain/server/device/term.go",
		"		m.do(ResetUnacknowledged{})\n", "", in(devices)},
	{"primacy is released while a device that takes one connection has it", "domain/server/device/machine.go",
		"		m.shut(now, \"this server gives primacy up\") // before the next one connects\n", "", in(devices)},
	{"an errand is given up", "domain/server/clerk/machine.go",
		"	m.current, m.lanes = nil, append(m.lanes, l)\n", "	m.done()\n", in(clerks)},
	{"a forwarded command is another one", "domain/server/clerk/machine.go",
		"	r.Origin = &origin\n", "	r.Origin, r.UID = &origin, m.scribe.UID()\n", in(clerks)},
	{"an epoch that is over is not ended", "domain/server/control/machine.go",
		"	m.core(core.Over{Cause: fmt.Sprintf(\"epoch %d is over\", epoch)})\n", "	_ = fmt.Sprint(epoch)\n", in(controls)},
	{"the older of two processes of one name stays", "domain/server/control/twin.go",
		"	case m.twin.replacedAt > 0:\n", "	case false:\n", in(controls)},
	{"a server believes its own checkpoint of before its restart", "domain/server/control/machine.go",
		"		case r.Subject == m.server:\n", "		case false:\n", in(controls)},
	{"a reader does not see that the log is another one", "domain/server/reader/machine.go",
		"m.verify[p] = !m.last[p].Empty()", "m.verify[p] = false", in(readers)},
	{"a reader reads from behind its snapshot", "domain/server/reader/machine.go",
		"m.next[p], m.verify[p] = f.Offset+1, true", "m.next[p], m.verify[p] = f.Offset+2, false", in(readers)},
	{"the age of a command begins with its receipt", "domain/server/reader/machine.go",
		"m.since[p] = asked\n", "m.since[p] = now\n", in(readers)},
	{"the last heartbeat before a claim is not copied", "domain/server/copier/machine.go",
		"		m.keep(*m.heard)\n", "", in(together)},
	{"a heartbeat is copied only if something waits before it", "domain/server/copier/machine.go",
		"	if m.heard != nil {\n", "	if m.heard != nil && len(m.waiting) > 0 {\n", in(copiers)},
	{"a view is published before what it covers is copied", "domain/server/copier/machine.go",
		" || len(m.waiting) > 0 && m.waiting[0].stored.Offset <= m.view.At {", " {", in(copiers)},
}
