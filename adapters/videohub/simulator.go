package videohub

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// Limits of a simulator.
const (
	maxSimClients     = 256
	defaultSimWrites  = 1 << 20
	maxSimWriteBytes  = 64 << 20 // of all recorded requests together
	defaultSimVersion = "2.8"
)

// SimOptions describe a simulated router. Zero values give a 40x40 router with a
// number chosen by the system as its port.
type SimOptions struct {
	Addr                  string // to listen at; default "127.0.0.1:0"
	Inputs, Outputs       int    // 1 to 288 each; default 40
	Model, Name, UniqueID string
	Version               string // of the protocol; default 2.8
	NoEndPrelude          bool   // as old firmware: the prelude has no END PRELUDE
	NakLocked             bool   // a request against a foreign lock gets NAK, not an ACK without effect
	Writes                int    // requests kept in the record; default 1048576
	Clients               int    // that may be connected at once, as small devices have it; default, and at most, 256
	Now                   func() domain.Mono
	Logger                *slog.Logger
}

// Simulator is a Videohub for tests and demonstrations: several clients, locks by
// client address, status blocks of what really changed, faults on request, and a
// record of every request with the time at which it came. Its state stays while
// clients come and go, and is gone with it.
type Simulator struct {
	opts    SimOptions
	log     *slog.Logger
	journal *journal

	mu       sync.Mutex
	hub      *hub
	fault    Fault
	changed  chan struct{} // closed and made anew when the fault changes
	listener net.Listener  // nil while connections are refused
	address  string
	clients  map[*simClient]struct{}
	left     chan struct{} // has something in it when a client has gone
	turned   int           // clients that were turned away
	closed   bool
	running  sync.WaitGroup
}

// NewSimulator starts a router. Close it to end it.
func NewSimulator(opts SimOptions) (*Simulator, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Simulator{
		opts: opts, log: opts.Logger, hub: newHub(&opts), journal: newJournal(opts.Writes, maxSimWriteBytes),
		fault: Fault{Mode: FaultNone}, changed: make(chan struct{}),
		address: opts.Addr, clients: map[*simClient]struct{}{}, left: make(chan struct{}, 1),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.listen(); err != nil {
		return nil, err
	}
	return s, nil
}

func (o SimOptions) withDefaults() (SimOptions, error) {
	setText := func(at *string, preset string) {
		if *at == "" {
			*at = preset
		}
	}
	setText(&o.Addr, "127.0.0.1:0")
	setText(&o.Name, "Simulated Videohub")
	setText(&o.UniqueID, "5157F1AAD0E1")
	setText(&o.Version, defaultSimVersion)
	if o.Inputs == 0 {
		o.Inputs = 40
	}
	if o.Outputs == 0 {
		o.Outputs = 40
	}
	setText(&o.Model, fmt.Sprintf("Simulated Videohub %dx%d", o.Inputs, o.Outputs))
	if o.Writes <= 0 {
		o.Writes = defaultSimWrites
	}
	if o.Now == nil {
		o.Now = sinceBoot
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Clients <= 0 || o.Clients > maxSimClients {
		o.Clients = maxSimClients
	}
	if o.Inputs < 1 || o.Inputs > maxPorts || o.Outputs < 1 || o.Outputs > maxPorts {
		return o, fmt.Errorf("simulate a router of %dx%d: inputs and outputs are 1 to %d: %w", o.Inputs, o.Outputs, maxPorts, domain.ErrInvalid)
	}
	return o, nil
}

// Addr is where it listens, or would if it did not refuse connections.
func (s *Simulator) Addr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.address
}

// listen opens the port; under mu. It keeps the number that it got first.
func (s *Simulator) listen() error {
	l, err := net.Listen("tcp", s.address)
	if err != nil {
		return fmt.Errorf("simulate a router at %s: %w", s.address, err)
	}
	s.listener, s.address = l, l.Addr().String()
	s.running.Add(1)
	go s.accept(l)
	return nil
}

func (s *Simulator) accept(l net.Listener) {
	defer s.running.Done()
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		if !s.hasRoom() {
			s.awaitRoom()
		}
		s.admit(conn)
	}
}

// hasRoom says whether one more client may be connected.
func (s *Simulator) hasRoom() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.clients) < s.opts.Clients
}

// awaitRoom gives a client time to go that has ended its connection: its end may be on
// its way. The next one waits as it would in the backlog of a device's socket.
func (s *Simulator) awaitRoom() {
	late := time.NewTimer(roomWithin)
	defer late.Stop()
	for !s.hasRoom() {
		select {
		case <-s.left:
		case <-late.C:
			return
		}
	}
}

// roomWithin is how long the end of a connection may take to be noticed.
const roomWithin = 50 * time.Millisecond

// TurnedAway is the number of clients for which there was no room.
func (s *Simulator) TurnedAway() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.turned
}

// admit takes a connection as a client, and starts with its prelude.
func (s *Simulator) admit(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.clients) >= s.opts.Clients {
		s.turned++
		_ = conn.Close()
		return
	}
	c := newSimClient(s, conn)
	s.clients[c] = struct{}{}
	s.running.Add(2)
	go c.read()
	go c.writeOut()
	s.greet(c)
}

// greet sends the prelude, once; under mu.
func (s *Simulator) greet(c *simClient) {
	if c.greeted || s.fault.mute() {
		return
	}
	c.greeted = true
	s.say(c, s.hub.preamble(s.opts.Version))
	s.say(c, s.prelude(c))
}

// prelude is the whole state as a client sees it; under mu.
func (s *Simulator) prelude(c *simClient) []byte {
	switch s.fault.Mode {
	case FaultAbsent:
		return absenceBlock("false")
	case FaultNeedsUpdate:
		return absenceBlock("needs_update")
	}
	return s.hub.prelude(c.host, !s.opts.NoEndPrelude)
}

// say queues bytes for a client, as the fault has it; under mu.
func (s *Simulator) say(c *simClient, bytes []byte) {
	if len(bytes) == 0 || s.fault.mute() {
		return
	}
	if s.fault.Mode == FaultGarbage {
		bytes = []byte("\x00\xff\x17garbage\x01\n")
	}
	c.queue(s.fault.Delay, bytes)
}

// broadcast tells every client of a change; under mu.
func (s *Simulator) broadcast(render func(host string) []byte) {
	for c := range s.clients {
		s.say(c, render(c.host))
	}
}

// Route sets a crosspoint by hand, as on the front panel. Ports count from 1.
func (s *Simulator) Route(destination, source int) error {
	if destination < 1 || destination > s.opts.Outputs || source < 1 || source > s.opts.Inputs {
		return fmt.Errorf("route %d to %d: this router is %dx%d: %w", source, destination, s.opts.Inputs, s.opts.Outputs, domain.ErrInvalid)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hub.routing[destination-1] == source-1 {
		return nil
	}
	s.hub.routing[destination-1] = source - 1
	change := appendHeader(nil, headRouting)
	change = append(appendItem(change, destination-1, strconv.Itoa(source-1)), '\n')
	s.broadcast(func(string) []byte { return change })
	return nil
}

// Source is what a destination shows, or 0 if there is no such destination. Ports
// count from 1.
func (s *Simulator) Source(destination int) int {
	if destination < 1 || destination > s.opts.Outputs {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hub.routing[destination-1] + 1
}

// Writes gives up to limit recorded requests after the sequence number since.
func (s *Simulator) Writes(since uint64, limit int) []Write {
	ws, _ := s.journal.after(since, limit)
	return ws
}

// Clients is the number of clients that are connected.
func (s *Simulator) Clients() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.clients)
}

// Disconnect closes all connections.
func (s *Simulator) Disconnect() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.clients {
		c.end()
	}
}

// Close ends it and waits until nothing of it runs.
func (s *Simulator) Close() error {
	s.mu.Lock()
	s.closed = true
	var err error
	if s.listener != nil {
		err = s.listener.Close()
	}
	for c := range s.clients {
		c.end()
	}
	s.mu.Unlock()
	s.running.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
