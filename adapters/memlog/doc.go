// Package memlog is the log in memory, for tests and for the simulation. A
// Cluster holds the records; each server under test opens a Log of its own on
// it, and only that Log misbehaves when told to:
//
//	cluster := memlog.New(clock, map[string]int32{"understudy.studio.control": 1})
//	a, b := cluster.Open(), cluster.Open()
//	a.OnAppend(func(domain.Batch) memlog.Fate { return memlog.AnswerLost })
//
// It keeps the contract of the log port (integration/logtest runs against it),
// starts no goroutine and reads no clock: the time of an append comes from the
// function given to New, and with a wait of zero Fetch answers at once. So the
// same seed gives the same run.
//
// Nothing survives the process.
package memlog
