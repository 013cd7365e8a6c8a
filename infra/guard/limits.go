package guard

import "time"

// Limits are the waits of a guard.
type Limits struct {
	RestartMin time.Duration // before the first restart of a server that ended by itself
	RestartMax time.Duration // the wait doubles up to this
	Settled    time.Duration // a server that lived this long begins at RestartMin again
	RetryMin   time.Duration // before the second attempt to write a death
	RetryMax   time.Duration // the wait doubles up to this
	StopWithin time.Duration // from the request to stop until the server is killed
	LastWord   time.Duration // after the server's end: for a death not yet written when the guard itself should end
}

// DefaultLimits are the waits that suit a server.
func DefaultLimits() Limits {
	return Limits{
		RestartMin: 100 * time.Millisecond,
		RestartMax: 5 * time.Second,
		Settled:    2 * time.Second,
		RetryMin:   2 * time.Millisecond,
		RetryMax:   time.Second,
		StopWithin: 10 * time.Second,
		LastWord:   2 * time.Second,
	}
}

// orDefault fills what was left zero.
func (l Limits) orDefault() Limits {
	d := DefaultLimits()
	for _, f := range []struct{ have, want *time.Duration }{
		{&l.RestartMin, &d.RestartMin},
		{&l.RestartMax, &d.RestartMax},
		{&l.Settled, &d.Settled},
		{&l.RetryMin, &d.RetryMin},
		{&l.RetryMax, &d.RetryMax},
		{&l.StopWithin, &d.StopWithin},
		{&l.LastWord, &d.LastWord},
	} {
		if *f.have == 0 {
			*f.have = *f.want
		}
	}
	return l
}

// maxUnwritten bounds the deaths that wait to be written while the log is away.
// The oldest are kept: a server that was started after the log went cannot hold
// an epoch, so its death is nobody's loss.
const maxUnwritten = 64

// ExitUnusable is the exit status of a server that found something which a new
// start cannot mend, such as a wrong configuration (EX_CONFIG of sysexits.h).
// The guard then ends with the same status instead of starting it again.
const ExitUnusable = 78
