package up

import "fmt"

// Hints are what to try next, each line to be pasted into a second terminal.
func (u *Up) Hints(program string) []string {
	dir := ""
	if u.opts.Dir != DefaultDir {
		dir = fmt.Sprintf(" --dir %q", u.folder.path)
	}
	line := func(args, comment string) string {
		return fmt.Sprintf("%-78s # %s", program+" "+args+dir, comment)
	}
	return []string{
		line("route set "+VideohubID+" --dest 5 --source 12", "a crosspoint, confirmed by the router"),
		line("command send "+GateID+" pulse --uid show7-cue12", "a one-shot; again: the same answer, no second pulse"),
		line("cluster status --watch", "who is primary, and how the others are"),
		line("switchover", "a planned move of primacy"),
		line("drill failover --kind kill --runs 20", "end the primary 20 times, and measure"),
	}
}

// DefaultDir is the folder of a landscape that was given none.
const DefaultDir = "./.understudy"
