// Understudy is a control-server cluster for devices: one program for the
// servers, the embedded broker, the simulators and the command line.
//
//	understudy up            # a whole landscape on this machine
//	understudy --help        # everything else
//
// Exit codes: 0 ok, 1 error, 2 usage, 3 refused, 4 no primary, 5 not confirmed
// in time or in doubt (docs/operators.md).
package main

import (
	"context"
	"os"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
