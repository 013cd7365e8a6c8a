package up

import (
	"fmt"
	"os"
)

// outgoing is the range from which the system gives ports to outgoing connections; 0, 0
// if it does not tell.
func outgoing() (first, last int) {
	b, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return 0, 0
	}
	if _, err := fmt.Sscan(string(b), &first, &last); err != nil {
		return 0, 0
	}
	return first, last
}
