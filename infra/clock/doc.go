// Package clock reads the monotonic clock that leases are counted on:
//
//	now := clock.Boot()
//
// On Linux it is CLOCK_BOOTTIME, which also runs while the machine is
// suspended: a server that wakes up finds its lease over. On other systems it is
// the monotonic clock of the Go runtime, which may stand still during suspend;
// Suspend says which of the two it is, so that status pages can name it.
//
// Readings never go back, are only compared with readings of the same boot of
// the same machine, and mean nothing to another one. Nothing is kept, so nothing
// is lost on a crash.
package clock
