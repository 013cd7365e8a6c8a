// Package up starts a whole landscape on one machine, and ends it again:
//
//	u, err := up.Start(ctx, up.Options{Dir: "./.understudy", PortBase: 17500, Command: command, Logger: logger})
//	defer u.Stop()
//
// It starts the embedded broker, simulated devices and the servers, each with
// its guard, as real processes of the same executable; each server reaches the
// broker through a relay in this process, so that drills can cut one off.
//
// The folder holds all that belongs to the landscape: up.json (what runs where,
// for the other commands: Load), the keys, the token, each server's
// configuration, logs and data. The next start continues from it.
//
// Guarantees:
//
//   - Start returns when a primary acts, every server is ready and the devices
//     are reached, or it ends what it had started and says which part failed.
//   - Everything ends with this process, however it ends: its children hold a
//     lifeline. What survives even that (a stopped process) is ended by the next
//     start, by process id and time of start, so never another process.
//   - One folder is run by one process at a time; another one is told who holds
//     it.
//
// On a crash of this process the landscape ends; nothing that was logged is
// lost.
package up
