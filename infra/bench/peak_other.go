//go:build !linux

package bench

import "os"

// peakMemory is not known here: systems count it in different units.
func peakMemory(*os.ProcessState) float64 { return 0 }
