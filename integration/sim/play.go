package sim

import (
	"fmt"
	"io"
	"time"
)

// Tell shortens a plan that is wrong, and tells it as a play.
func Tell(out io.Writer, plan *Plan, tries int) {
	small, wrong := Shrink(plan, tries)
	if wrong == nil {
		fmt.Fprintf(out, "seed %d is not wrong\n", plan.Seed)
		return
	}
	fmt.Fprintf(out, "seed %d: %v\n", plan.Seed, wrong)
	Trace(out, small)
}

// Trace plays a plan aloud.
func Trace(out io.Writer, p *Plan) {
	fmt.Fprintf(out, "the landscape: %d servers, %d partitions, %d hubs, %d gates; a way to the log takes %s to %s\n",
		p.Servers, p.Partitions, p.Hubs, p.Gates, p.Latency.Low, p.Latency.High)
	for _, h := range p.Hosts {
		fmt.Fprintf(out, "  %s: clock at %.3f of true time, ttl %s, min %s\n", h.Name, float64(h.Rate)/millionth, h.Election.TTL, h.Election.MinTTL)
	}
	for _, f := range p.Faults {
		fmt.Fprintf(out, "  fault at %s: %s (%d)\n", f.At, f, f.Arg)
	}
	err := Run(p, NewStats(), func(at time.Duration, line string) {
		fmt.Fprintf(out, "%12.6f  %s\n", at.Seconds(), line)
	})
	fmt.Fprintf(out, "in the end: %v\n", err)
}
