package httpdevice

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/understudy-io/understudy/domain"
)

// A device that only the primary connects to may take one connection at a time. Its
// link has one: readings and actions take turns, each ends the other's connection
// first, and none is opened that the server must not have.

// mayConnect asks whoever owns the link.
func (l *link) mayConnect() error {
	if door, ok := l.sink.(domain.Doorkeeper); ok {
		return door.MayConnect()
	}
	return nil
}

// dialToRead opens the connection of a reading.
func (l *link) dialToRead(ctx context.Context, network, address string) (net.Conn, error) {
	if err := l.mayConnect(); err != nil {
		return nil, err
	}
	dial := l.driver.options.DialRead
	if l.plan.tls != "" {
		dial = l.driver.options.DialReadTLS
	}
	l.mu.Lock()
	visit := l.visits
	l.mu.Unlock()
	c, err := dial(ctx, network, address)
	if err != nil || !l.single {
		return c, err
	}
	// http.Transport goes on to dial for a request that has timed out: by now another
	// connection may be the device's only one.
	l.mu.Lock()
	inside := l.inside && l.visits == visit
	if inside {
		l.reading = c
	}
	l.mu.Unlock()
	if !inside {
		_ = c.Close()
		return nil, errTooLate
	}
	return c, nil
}

var errTooLate = errors.New("the device takes one connection, and is not read any more")

// alone waits until no request is under way. With a device that takes one connection
// none begins until over is called, and no connection is left behind.
func (l *link) alone() (over func(), err error) {
	if !l.single {
		l.quiet()
		return func() {}, nil
	}
	select {
	case l.slot <- struct{}{}:
	case <-l.life.Done():
		return nil, fmt.Errorf("the link is closed: %w", domain.ErrTransient)
	}
	l.mu.Lock()
	c := l.current
	l.current = nil
	l.visits++
	l.inside = true
	l.mu.Unlock()
	if c != nil {
		c.makeRoom()
	}
	return func() {
		l.mu.Lock()
		c := l.reading
		l.reading, l.inside = nil, false
		l.mu.Unlock()
		if c != nil {
			_ = c.Close() // a read connection: nothing is lost with it
		}
		<-l.slot
	}, nil
}

var errMakesRoom = errors.New("the device takes one connection, and is read now")

// makeRoom ends a connection on which no request is under way.
func (c *connection) makeRoom() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dead == nil {
		c.dead = errMakesRoom
		_ = c.socket.Close() // nothing is in it that the device does not have
	}
}

// isConnected says whether a connection of actions stands.
func (l *link) isConnected() bool {
	l.mu.Lock()
	c := l.current
	l.mu.Unlock()
	if c == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dead == nil
}
