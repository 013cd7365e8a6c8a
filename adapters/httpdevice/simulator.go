package httpdevice

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"

	"github.com/understudy-io/understudy/domain"
)

// Simulator is an HTTP device: a gate that counts pulses, and parameters. It
// remembers every request that would change it.
//
//	POST /pulse                              one pulse
//	PUT  /parameters/{name} {"value": …}     sets a parameter
//	GET  /parameters/{name}                  {"name": …, "value": …}
//	GET  /parameters, GET /pulses            all of them, the count
type Simulator struct {
	options SimOptions

	mu         sync.Mutex // guards the following
	parameters map[string]string
	pulses     uint64
	byUID      map[string]int // pulses of each UID, bounded by MaxWrites
	reads      map[string]uint64
	writes     []Write // a ring: the write with Seq s is at s % MaxWrites
	last       uint64  // Seq of the newest write
	fault      Fault
	faulted    chan struct{} // closed when the fault changes

	door door
}

// SimOptions of a simulator. The zero value is usable.
type SimOptions struct {
	Parameters map[string]string  // those that it has; nil means level = "0"
	Now        func() domain.Mono // nil reads CLOCK_BOOTTIME
	MaxWrites  int                // writes remembered; 0 means 262,144
}

// Write is one request that would change the device, as it was received.
type Write struct {
	Seq    uint64      `json:"seq"`     // from 1
	Time   domain.Mono `json:"time_ns"` // CLOCK_BOOTTIME
	Client string      `json:"client"`  // address and port
	Method string      `json:"method"`
	Path   string      `json:"path"` // as on the wire, with the query
	Body   string      `json:"body,omitempty"`
	UID    string      `json:"uid,omitempty"`   // Idempotency-Key
	Fault  FaultMode   `json:"fault,omitempty"` // the fault that it met
	Done   bool        `json:"done"`            // it took effect
}

// SimState is the device as a whole.
type SimState struct {
	Pulses     uint64            `json:"pulses"`
	Doubled    []string          `json:"doubled,omitempty"` // UIDs that pulsed more than once
	Parameters map[string]string `json:"parameters"`
	Writes     uint64            `json:"writes"`          // ever received
	Reads      map[string]uint64 `json:"reads,omitempty"` // by client host
	Fault      Fault             `json:"fault"`
}

// The bounds of a simulator.
const (
	defaultMaxWrites = 1 << 18
	maxWritesPage    = 10_000
	maxSimParameters = 10_000
	maxSimClients    = 1_000
	maxSimBody       = 64 << 10
)

// NewSimulator returns a device that nobody can reach yet: serve its Handler,
// or Start it, which also makes the faults of connections possible.
func NewSimulator(o SimOptions) *Simulator {
	if o.Now == nil {
		o.Now = bootTime
	}
	if o.MaxWrites <= 0 {
		o.MaxWrites = defaultMaxWrites
	}
	if o.Parameters == nil {
		o.Parameters = map[string]string{"level": "0"}
	}
	s := &Simulator{options: o, faulted: make(chan struct{})}
	s.parameters = maps.Clone(o.Parameters)
	s.door.sim = s
	s.forget()
	return s
}

// forget empties the memory; the caller holds the lock or nobody else knows s.
func (s *Simulator) forget() {
	s.pulses, s.last = 0, 0
	s.byUID, s.reads = make(map[string]int), make(map[string]uint64)
	s.writes = nil
}

// State tells the device as it is.
func (s *Simulator) State() SimState {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := SimState{
		Pulses: s.pulses, Writes: s.last, Fault: s.fault,
		Parameters: maps.Clone(s.parameters), Reads: maps.Clone(s.reads),
	}
	for uid, n := range s.byUID {
		if n > 1 {
			st.Doubled = append(st.Doubled, uid)
		}
	}
	slices.Sort(st.Doubled)
	return st
}

// Writes returns up to limit of the writes after the one with Seq since, oldest
// first, and how many of those are forgotten already.
func (s *Simulator) Writes(since uint64, limit int) (writes []Write, lost uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if oldest := s.last - uint64(len(s.writes)); since < oldest {
		lost, since = oldest-since, oldest
	}
	for seq := since + 1; seq <= s.last && len(writes) < limit; seq++ {
		writes = append(writes, s.writes[(seq-1)%uint64(s.options.MaxWrites)])
	}
	return writes, lost
}

// Set changes a parameter by hand, as at the device's own front panel.
func (s *Simulator) Set(name, value string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.parameters[name]; !ok && len(s.parameters) >= maxSimParameters {
		return fmt.Errorf("the device has %d parameters: no more: %w", maxSimParameters, domain.ErrInvalid)
	}
	s.parameters[name] = value
	return nil
}

// Clear forgets writes and pulses, ends the fault and restores the parameters.
func (s *Simulator) Clear() error {
	s.mu.Lock()
	s.forget()
	s.parameters = maps.Clone(s.options.Parameters)
	s.mu.Unlock()
	return s.SetFault(Fault{})
}

// record remembers a write and returns its Seq; the caller holds the lock.
func (s *Simulator) record(w Write) {
	s.last++
	w.Seq, w.Time = s.last, s.options.Now()
	if len(s.writes) < s.options.MaxWrites {
		s.writes = append(s.writes, w)
	} else {
		s.writes[(w.Seq-1)%uint64(s.options.MaxWrites)] = w
	}
}

// Start serves the device on an address, on goroutines of its own, until Close.
func (s *Simulator) Start(address string) error { return s.door.open(address) }

// Addr is the address that Start was given, with the port that it got.
func (s *Simulator) Addr() net.Addr { return s.door.address() }

// Close ends what Start began.
func (s *Simulator) Close() error {
	_ = s.SetFault(Fault{Mode: FaultRefuse}) // lets go of whoever waits in a fault
	return s.door.shut()
}
