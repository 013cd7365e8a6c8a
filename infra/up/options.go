package up

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"regexp"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
)

// Limits of what one machine runs.
const (
	maxServers   = election.DefaultMaxMembers
	maxBrokers   = 7
	portsWide    = 100 // all ports lie so far from the base at most
	maxPortBase  = 65535 - portsWide
	minPortBase  = 1024
	startWithin  = 60 * time.Second       // until all is ready
	stopWithin   = 6 * time.Second        // for one kind of process to end in good order
	killWithin   = 2 * time.Second        // for a killed process to be gone
	goneWithin   = 10 * time.Second       // the same for one of an earlier run: it may wait for a disk, and nothing else can begin
	restartAfter = time.Second            // before a process that ended by itself is started again
	sayAfter     = 3 * time.Second        // of a wait for the same, it is said what for
	readyPace    = 20 * time.Millisecond  // between two looks whether all is ready
	probeWithin  = 500 * time.Millisecond // for one answer of a server
)

// The ports, counted from the base.
const (
	portBroker     = 0 // the embedded broker
	portServer     = 1 // the first server's HTTP API; the others follow
	portControl    = 9 // the control of `up` itself
	portVideohub   = 10
	portVideohubUI = 11 // its control
	portGate       = 12
	portGateUI     = 13
	portRelay      = 21 // the first server's relay; the others follow, the next broker's ten later
)

// firstDeviceSource ends the address from which the first server reaches
// devices: 127.0.0.11; the others follow.
const firstDeviceSource = 11

// The simulated devices.
const (
	VideohubID = "videohub-1"
	GateID     = "gate-1"
)

// Options say what to start.
type Options struct {
	Dir       string
	PortBase  int
	Servers   int
	Landscape string   // empty: the folder's, or "main"
	Kafka     []string // an existing Kafka instead of the embedded broker
	TTL       string   // of the lease: "auto" or a duration; empty: the server's default
	MinTTL    time.Duration
	Program   string // the executable of the child processes
	Version   string
	User      string // whom the token belongs to
	Logger    *slog.Logger
	// Printf tells the operator what happens, a line at a time.
	Printf func(format string, args ...any)
}

var landscapeName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// Validate says everything that is wrong with them.
func (o *Options) Validate() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if o.Servers < 1 || o.Servers > maxServers {
		fault("--servers %d: give 1 to %d", o.Servers, maxServers)
	}
	if o.PortBase < minPortBase || o.PortBase > maxPortBase {
		fault("--port-base %d: give %d to %d", o.PortBase, minPortBase, maxPortBase)
	}
	if o.Landscape != "" && !landscapeName.MatchString(o.Landscape) {
		fault("--landscape %q: use small letters, digits and hyphens, at most 63", o.Landscape)
	}
	if len(o.Kafka) > maxBrokers {
		fault("--kafka: name at most %d brokers; the others are learnt from them", maxBrokers)
	}
	for _, a := range o.Kafka {
		if _, _, err := net.SplitHostPort(a); err != nil {
			fault("--kafka %q: give host:port", a)
		}
	}
	if o.TTL != "" && o.TTL != "auto" {
		if _, err := time.ParseDuration(o.TTL); err != nil {
			fault("--ttl %q: give auto or a duration such as 300ms", o.TTL)
		}
	}
	if o.MinTTL < 0 {
		fault("--min-ttl %s: give a duration above 0, or 0 for the servers' own default", o.MinTTL)
	}
	if len(faults) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %w", domain.ErrInvalid, errors.Join(faults...))
}

// address is a loopback address with one of the ports.
func (o *Options) address(port int) string {
	return fmt.Sprintf("127.0.0.1:%d", o.PortBase+port)
}

// serverName is A, B, C…
func serverName(i int) string { return string(rune('A' + i)) }
