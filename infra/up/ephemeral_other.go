//go:build !linux

package up

// outgoing is the range that most systems but Linux give to outgoing connections.
func outgoing() (first, last int) { return 49152, 65535 }
