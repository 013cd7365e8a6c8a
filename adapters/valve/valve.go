package valve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/understudy-io/understudy/domain"
)

// DialFunc opens a connection, as net.Dialer.DialContext does.
type DialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// ErrUnavailable is what Open wraps where the kernel cannot check the lease.
var ErrUnavailable = errors.New("the kernel does not check the lease here")

// Kind is a kind of connections, and what passes on them without a lease.
type Kind struct {
	ReadOnly   bool     // no lease opens it
	Questions  []string // pass if they are all that is written at once
	Beginnings []string // what is written at once passes if it begins with one
}

// The bounds of a kind: its texts become instructions of a program.
const (
	maxTexts = 16
	maxText  = 64
)

// Valve lets through what is written while the lease lives.
type Valve struct {
	kernel *kernel // nil: it lets everything through

	mu     sync.Mutex // guards the following, and what it says in line
	until  domain.Mono
	lines  []*line
	closed bool

	preparing sync.WaitGroup // of chambers
}

// line is one kind's connections.
type line struct {
	kind Kind

	filling sync.Mutex // one connection is put in at a time
	current *chamber   // under Valve.mu; nil until it is needed
	retired []*chamber // under Valve.mu; of terms that are over, with connections that may still stand
}

// Open makes a closed valve, and tries it. The error says what is missing.
func Open() (*Valve, error) {
	k, err := openKernel()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if err := k.try(); err != nil {
		k.close()
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return &Valve{kernel: k}, nil
}

// Plain makes one that lets everything through: the check in the process is all
// there is. Connections are dialled by it all the same, and reset when they are
// closed.
func Plain() *Valve { return &Valve{} }

// Kernel says whether the kernel checks the lease.
func (v *Valve) Kernel() bool { return v.kernel != nil }

// Packets is nil if the kernel checks each packet as well, as it leaves, and
// otherwise why it does not.
func (v *Valve) Packets() error {
	if v.kernel == nil {
		return ErrUnavailable
	}
	return v.kernel.packets
}

// Extend moves the end of the lease; it may be earlier than before. Zero is none.
func (v *Valve) Extend(until domain.Mono) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.until = until
	for _, l := range v.lines {
		if l.current != nil && !l.kind.ReadOnly {
			l.current.set(until)
		}
	}
}

// Shut ends a term: what is connected now is never written to any more. The chambers
// of the next term are made meanwhile, because that takes a millisecond each, and a
// takeover has none to spare.
func (v *Valve) Shut() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.until = 0
	for _, l := range v.lines {
		if l.current == nil || l.kind.ReadOnly {
			continue
		}
		l.current.set(0)
		l.retired = append(l.retired, l.current)
		l.current = nil
		v.preparing.Go(func() { v.prepare(l) })
	}
}

// prepare makes the chamber of the present term. Where that fails, whoever connects
// tries again, and says why.
func (v *Valve) prepare(l *line) {
	l.filling.Lock()
	defer l.filling.Unlock()
	_, _ = v.chamber(l)
}

// Dial makes a dialer whose connections are in the valve before anybody has them.
// Only TCP can be. The dialer is for drivers: they have no other way to a device.
func (v *Valve) Dial(dial DialFunc, kind Kind) (DialFunc, error) {
	if err := kind.validate(); err != nil {
		return nil, err
	}
	l := &line{kind: kind}
	v.mu.Lock()
	v.lines = append(v.lines, l)
	v.mu.Unlock()
	if v.kernel != nil {
		v.prepare(l)
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if v.kernel != nil {
			if err := v.kernel.cover(); err != nil {
				return nil, fmt.Errorf("connect to %s through the valve: %w", address, err)
			}
		}
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		if err := v.hold(l, conn); err != nil {
			return nil, errors.Join(fmt.Errorf("put the connection to %s into the valve: %w", address, err), conn.Close())
		}
		return conn, nil
	}, nil
}

func (k Kind) validate() error {
	texts := append(append([]string(nil), k.Questions...), k.Beginnings...)
	if len(texts) > maxTexts {
		return fmt.Errorf("%d texts may pass a valve, at most %d: %w", len(texts), maxTexts, domain.ErrInvalid)
	}
	for _, text := range texts {
		if text == "" || len(text) > maxText {
			return fmt.Errorf("%q may pass a valve; 1 to %d bytes can: %w", text, maxText, domain.ErrInvalid)
		}
	}
	return nil
}

// hold puts a connection into the chamber of the present term.
func (v *Valve) hold(l *line, conn net.Conn) error {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return fmt.Errorf("it is a %T, and only TCP can be: %w", conn, domain.ErrInvalid)
	}
	if !l.kind.ReadOnly {
		if err := tcp.SetLinger(0); err != nil {
			return fmt.Errorf("SO_LINGER: %w", err)
		}
	}
	if v.kernel == nil {
		return nil
	}
	l.filling.Lock()
	defer l.filling.Unlock()
	c, err := v.chamber(l)
	if err != nil {
		return err
	}
	return c.put(tcp)
}

// chamber gives the one of the present term. It is called under line.filling.
func (v *Valve) chamber(l *line) (*chamber, error) {
	v.mu.Lock()
	if v.closed {
		v.mu.Unlock()
		return nil, net.ErrClosed
	}
	c, old := l.current, l.retired
	if c == nil {
		l.retired = nil
	}
	v.mu.Unlock()
	if c != nil {
		return c, nil
	}
	old = sweep(old)
	c, err := v.kernel.chamber(l.kind)
	v.mu.Lock()
	defer v.mu.Unlock()
	l.retired = append(old, l.retired...)
	if err != nil {
		return nil, err
	}
	if !l.kind.ReadOnly {
		c.set(v.until)
	}
	l.current = c
	return c, nil
}

// sweep closes the chambers that nobody is in any more, and gives the others. One
// that is closed lets out whom it holds.
func sweep(chambers []*chamber) (kept []*chamber) {
	for _, c := range chambers {
		if !c.empty() {
			kept = append(kept, c)
			continue
		}
		c.close()
	}
	return kept
}

// Close gives the valve up. What is still connected is not held any more: close
// the connections before.
func (v *Valve) Close() {
	v.empty()
	if v.kernel != nil {
		v.kernel.close()
	}
}

// empty closes all chambers.
func (v *Valve) empty() {
	v.mu.Lock()
	lines := v.lines
	v.lines, v.until, v.closed = nil, 0, true
	v.mu.Unlock()
	v.preparing.Wait()
	for _, l := range lines {
		l.filling.Lock()
		for _, c := range append(l.retired, l.current) {
			if c != nil {
				c.close()
			}
		}
		l.current, l.retired = nil, nil
		l.filling.Unlock()
	}
}
