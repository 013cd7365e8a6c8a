package main

var (
	queue     = test("domain/emission", "")
	doubtDone = test("integration/cluster", "TestAOneShotOfAPrimaryThatEndsBeforeTheAnswerIsInDoubt")
)

// ofTheEmission are faults of what is sent to a device.
var ofTheEmission = []mutant{
	{"a one-shot is sent without a write-ahead", "domain/emission/pump.go",
		"if j.Effect == domain.OneShot && j.stage == waiting {", "if false {", in(queue)},
	{"a one-shot in doubt is sent again", "domain/emission/pump.go",
		"if w.Started && w.Effect == domain.OneShot {", "if false {", in(queue)},
	{"a one-shot of unknown fate is sent again", "domain/emission/pump.go",
		"		if j.Effect == domain.OneShot {\n			q.end(j, domain.InDoubt, domain.ReasonUnknownFate, in.Detail)\n			return\n		}\n", "", in(queue)},
	{"a one-shot is sent again after a reconnection", "domain/emission/pump.go",
		"		if j.Effect == domain.OneShot {\n			q.end(j, domain.InDoubt, domain.ReasonUnknownFate, \"the connection ended before an answer\")\n			continue\n		}\n", "", in(queue)},
	{"a superseded wish is sent", "domain/emission/pump.go",
		"	q.overtake(j)\n", "", in(queue)},
	{"wishes are coalesced across a one-shot", "domain/emission/pump.go",
		"		if j.Effect == domain.OneShot {\n			return\n", "		if j.Effect == domain.OneShot {\n			continue\n", in(queue)},
	{"what was sent is coalesced across a one-shot", "domain/emission/pump.go",
		"if other.Effect == domain.OneShot && other.unsent() {", "if false {", in(queue)},
	{"a superseded wish is sent again after a reconnection", "domain/emission/pump.go",
		"	j.ref, j.acked = 0, false\n	q.overtakenSince(j)\n", "	j.ref, j.acked = 0, false\n", in(queue)},
	{"an action passes one that is just leaving", "domain/emission/pump.go",
		"return // order: nothing passes", "continue // order: nothing passes", in(queue)},
	{"a queue on hold sends", "domain/emission/pump.go",
		"if !q.up || q.held || q.retryAt > 0", "if !q.up || q.retryAt > 0", in(queue)},
	{"the device's window is ignored", "domain/emission/pump.go",
		" || outstanding >= q.settings.Window {", " {", in(queue)},
	{"what is too old is sent", "domain/emission/pump.go",
		"case j.unsent() && now >= j.Deadline:\n			q.endUnsent(", "case false:\n			q.endUnsent(", in(queue)},
	{"what comes behind a command that ended unsent does not wait", "domain/emission/pump.go",
		"	if len(q.unsaid) > 0 {\n		return\n	}\n", "", in(queue)},
	{"nobody says that the end of an unsent command counts", "domain/server/core/term.go",
		"			m.tell(r.Subject, device.EndCounts{UID: ended.UID})\n", "", in(cores)},
	{"a planned move begins new work", "domain/emission/pump.go",
		"if q.ending && (j.stage == waiting || j.Effect == domain.Queryable) {", "if false {", in(queue)},
	{"what a device said before an action confirms it", "domain/emission/confirm.go",
		"if j.acked && value == it.Value.Value {", "if value == it.Value.Value {", in(queue)},
	{"an acknowledgement of a polled device lets an old value count", "domain/emission/confirm.go",
		"if j.acked && !q.settings.Polled {", "if j.acked {", in(queue)},
	{"an acknowledgement is taken for the new state", "domain/emission/confirm.go",
		"		j.acked = true\n", "		j.acked = true\n		q.meet(j)\n", in(queue)},
	{"a one-shot without an answer has failed", "domain/emission/confirm.go",
		"	if j.Effect == domain.OneShot {\n		q.end(j, domain.InDoubt, domain.ReasonUnknownFate, a.Detail)\n		return\n	}\n", "", in(queue)},
	{"an action whose acknowledgement is lost is not sent again", "domain/emission/confirm.go",
		"if j.stage == sent && !j.again && now < j.Deadline {", "if false {", in(queue)},
	{"an action whose acknowledgement is lost is sent for ever", "domain/emission/confirm.go",
		"			j.again = true\n", "", in(queue)},
	{"any later value confirms", "domain/emission/confirm.go",
		"if j.acked && value == it.Value.Value {", "if j.acked {", in(queue)},
}
