// Package cluster runs a whole landscape as somebody would run it, for tests:
// the built program, real processes, real sockets.
//
//	program, err := cluster.Build(ctx, dir)
//	l, err := cluster.Start(ctx, program, dir)
//	defer l.Stop()
//	said := l.CLI(ctx, "route", "set", "videohub-1", "--dest", "5", "--source", "12")
//
// A landscape is reached as by anybody: by the command line (CLI), by a bare
// Kafka client that knows nothing of this module (Producer), by the control of
// the simulated devices (Hub, Gate). An Audit reads the whole log and folds it
// once more, apart from every server: what it finds is the measure for them.
//
// The tests of this package are those of the main job. They need Go alone; kcat
// is used where it is installed, and the test that uses it says which it was.
// What takes more than some seconds is left out with -short. Where
// UNDERSTUDY_KAFKA names brokers, the same tests run on those; integration/kafka
// does that.
package cluster
