package election

import (
	"fmt"
	"math"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// Config is what one incarnation of one server is. Member and Incarnation are
// required; every other zero value stands for its default.
type Config struct {
	Member      string
	Incarnation string // random, new at each start of the process
	Address     string // of its HTTP API
	Build       string
	Precedence  int
	Identity    string // with Proof, as Prove gives them; empty: none, as servers of 0.1.0
	Proof       string

	// TTL fixes the length of the lease; 0 measures the log and chooses, between
	// MinTTL (60 ms) and MaxTTL (1 s). MaxTTL is also how long a standby waits
	// that had lost the log.
	TTL, MinTTL, MaxTTL time.Duration
	// Margin is how much the rates of two clocks may differ (0.15). All servers
	// of a landscape must have the same.
	Margin float64
	// Stagger is how much longer each rank waits before it claims (20 ms).
	Stagger time.Duration
	// HeartbeatStandby is how often a secondary tells that it is there (200 ms);
	// LiveWithin is how long it counts as live after it was heard (600 ms).
	HeartbeatStandby, LiveWithin time.Duration
	// StallAfter is the age of the holder's oldest pending action at which a
	// ready standby contests it; 0 means never.
	StallAfter time.Duration
	// UnreachedAfter is for how long the holder may say that it misses more devices
	// than a ready standby that reaches some of them, until that one contests it; 0
	// means never.
	UnreachedAfter time.Duration

	Guarded bool   // a guard waits for the end of this process
	Valve   string // where the lease is checked: "process" or "kernel"
	Policy  Policy // LongestRunning by default; until one is on record
	// MaxMembers is how many servers a landscape may have (6) while no policy on
	// record says another number.
	MaxMembers int

	broken breaks // set by the tests of the tests
}

// Defaults of Config.
const (
	DefaultMinTTL           = 60 * time.Millisecond
	DefaultMaxTTL           = time.Second
	DefaultMargin           = 0.15
	DefaultStagger          = 20 * time.Millisecond
	DefaultHeartbeatStandby = 200 * time.Millisecond
	DefaultLiveWithin       = 600 * time.Millisecond
	DefaultMaxMembers       = 6
)

func (c Config) withDefaults() Config {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	set(&c.MinTTL, DefaultMinTTL)
	set(&c.MaxTTL, DefaultMaxTTL)
	set(&c.Stagger, DefaultStagger)
	set(&c.HeartbeatStandby, DefaultHeartbeatStandby)
	set(&c.LiveWithin, DefaultLiveWithin)
	if c.MaxMembers == 0 {
		c.MaxMembers = DefaultMaxMembers
	}
	if c.Margin == 0 {
		c.Margin = DefaultMargin
	}
	if c.Policy == nil {
		c.Policy = LongestRunning
	}
	return c
}

// Validate says all that is wrong with a configuration.
func (c Config) Validate() error {
	c = c.withDefaults()
	var faults []string
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Sprintf(format, args...))
		}
	}
	check(c.Member != "" && sound(c.Member, domain.MaxSubject), "member: give a name of 1 to %d bytes", domain.MaxSubject)
	check(c.Incarnation != "" && sound(c.Incarnation, domain.MaxUID), "incarnation: give a random text of 1 to %d bytes", domain.MaxUID)
	check(Proven(c.Member, domain.Joined{Incarnation: c.Incarnation, Identity: c.Identity, Proof: c.Proof}), "identity: its proof is not for this member and incarnation; make both with Prove")
	check(c.TTL >= 0 && c.TTL <= LimitTTL, "ttl %s: give 0 for auto, or at most %s", c.TTL, LimitTTL)
	check(c.MinTTL > 0 && c.MinTTL <= c.MaxTTL && c.MaxTTL <= LimitTTL, "min_ttl %s and max_ttl %s: the first must not be above the second, nor that above %s", c.MinTTL, c.MaxTTL, LimitTTL)
	check(c.Margin > 0 && c.Margin < 1, "margin %g: give a share above 0 and below 1", c.Margin)
	check(c.Stagger > 0 && c.HeartbeatStandby > 0 && c.LiveWithin > 0, "stagger, heartbeat and live_within must be above 0")
	check(c.LiveWithin > c.HeartbeatStandby, "live_within %s: it must be above the heartbeat's %s", c.LiveWithin, c.HeartbeatStandby)
	check(c.StallAfter >= 0, "stall_after %s: give 0 for never, or a duration", c.StallAfter)
	check(c.UnreachedAfter >= 0, "unreached_after %s: give 0 for never, or a duration", c.UnreachedAfter)
	if len(faults) == 0 {
		return nil
	}
	return fmt.Errorf("election: %q: %w", faults, domain.ErrInvalid)
}

// lease is how long a holder may act on a record with this TTL, from its send.
func (c *Config) lease(ttl time.Duration) time.Duration {
	return time.Duration(math.Floor(float64(ttl) * (1 - c.margin())))
}

// wait is how long a standby waits for a record with this TTL, from its receipt.
func (c *Config) wait(ttl time.Duration) time.Duration {
	return time.Duration(math.Ceil(float64(ttl) * (1 + c.margin())))
}

func (c *Config) margin() float64 {
	if !c.broken.keeps(ruleMargin) {
		return 0
	}
	return c.Margin
}
