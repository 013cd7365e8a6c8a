//go:build !unix

package broker

import "os"

// lockFile does nothing: here only the port keeps two brokers apart.
func lockFile(*os.File) error { return nil }
