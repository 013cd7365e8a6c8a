package up

import "fmt"

// DefaultDir is the folder of a landscape that was given none.
const DefaultDir = "./.understudy"

// Hint is something to try: what it does, and the line to paste.
type Hint struct{ What, Line string }

// Hints are what to try next, in a second terminal, with a program called as
// program. The lines hold nothing but the command: not every shell takes a
// comment that is pasted.
func (u *Up) Hints(program string) []Hint {
	dir := ""
	if u.opts.Dir != DefaultDir {
		dir = fmt.Sprintf(" --dir %q", u.folder.path)
	}
	hint := func(what, args string) Hint { return Hint{what, program + " " + args + dir} }
	drill := "drill failover --kind kill --runs 20"
	if len(u.opts.Kafka) > 0 {
		drill += " --yes"
	}
	return []Hint{
		hint("a crosspoint, confirmed by the router itself", "route set "+VideohubID+" --dest 5 --source 12"),
		hint("a one-shot; the same line again gets the same answer, and no second pulse", "command send "+GateID+" pulse --uid show7-cue12"),
		hint("who is primary, and how the others are", "cluster status --watch"),
		hint("a planned move of primacy", "switchover"),
		hint("end the primary 20 times, and measure", drill),
	}
}
