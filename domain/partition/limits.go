package partition

import "time"

// Limits bound what a partition's state holds. They decide about records, so
// they are part of the log's rules: every server of a landscape has the same.
type Limits struct {
	// Window is how long a UID is remembered after its ce_time.
	Window time.Duration `msgpack:"window" json:"window"`
	// UIDs is how many of them are remembered, if the window holds more.
	UIDs int `msgpack:"uids" json:"uids"`
	// Pending is how many commands of one device may wait for their outcome.
	Pending int `msgpack:"pending" json:"pending"`
	// Chores is how much the primary may owe, answers that wait included.
	Chores int `msgpack:"chores" json:"chores"`
	// Doubts is how many actions in doubt are kept for one device.
	Doubts int `msgpack:"doubts" json:"doubts"`
}

// DefaultLimits are the limits of a landscape that sets none.
func DefaultLimits() Limits {
	return Limits{Window: 24 * time.Hour, UIDs: 200_000, Pending: 10_000, Chores: 10_000, Doubts: 1_000}
}

// orDefault fills in what is not given.
func (l Limits) orDefault() Limits {
	d := DefaultLimits()
	if l.Window <= 0 {
		l.Window = d.Window
	}
	for _, f := range []struct {
		given *int
		or    int
	}{{&l.UIDs, d.UIDs}, {&l.Pending, d.Pending}, {&l.Chores, d.Chores}, {&l.Doubts, d.Doubts}} {
		if *f.given <= 0 {
			*f.given = f.or
		}
	}
	return l
}

const (
	// MaxAhead is how far ahead of log time a ce_time may lie.
	MaxAhead = time.Minute
	// MaxJump is how far one record may move log time without a server's word.
	MaxJump = 10 * time.Minute
	// DefaultValidAbsolute and DefaultValidOneShot are how long a command may
	// wait if neither it nor its device's definition says.
	DefaultValidAbsolute = 60 * time.Second
	DefaultValidOneShot  = 10 * time.Second

	maxPorts   = 288  // inputs or outputs of a router
	maxVerbs   = 1024 // verbs of one definition
	maxDevices = 4096 // devices of one partition
	maxCells   = 4096 // targets of one device that reports may add
	maxTarget  = 256  // bytes of a reported target's name
	maxDetail  = 200  // bytes that are kept of a text for people
	maxWaiting = 64   // repeats of one command that wait for its outcome
	maxRecent  = 8    // wishes of one target on their way to the device
	// overfull is how far the index may outgrow Limits.UIDs while its oldest
	// command has no outcome and so cannot be forgotten.
	overfull = 2
)

// clip keeps the first maxDetail bytes of a text, on the border of a character.
func clip(s string) string {
	if len(s) <= maxDetail {
		return s
	}
	end := maxDetail
	for end > 0 && s[end]&0xC0 == 0x80 {
		end--
	}
	return s[:end]
}
