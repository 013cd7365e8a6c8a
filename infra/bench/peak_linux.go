package bench

import (
	"os"
	"syscall"
)

// peakMemory is the most that a process that has ended had in memory, in MB.
func peakMemory(state *os.ProcessState) float64 {
	usage, ok := state.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	return float64(usage.Maxrss) / 1024 // kB
}
