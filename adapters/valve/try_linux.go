package valve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-io/understudy/domain"
)

// tryWithin bounds the trial.
const tryWithin = 2 * time.Second

// try proves on a connection to itself that a write before the end of the lease
// passes and one after it does not. A container whose boot clock is shifted, a
// kernel that does something else, a missing permission: all show here.
func (k *kernel) try() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("try it on the loopback: %w", err)
	}
	defer func() { _ = l.Close() }()
	v := &Valve{kernel: k}
	defer v.empty()
	dial, err := v.Dial((&net.Dialer{}).DialContext, Kind{})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), tryWithin)
	defer cancel()
	conn, err := dial(ctx, "tcp", l.Addr().String())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	v.Extend(now() + tryWithin)
	if _, err := conn.Write([]byte{1}); err != nil {
		return fmt.Errorf("a write under the lease was refused: %w", err)
	}
	if k.outlet != nil && !k.outlet.sees(conn.(*net.TCPConn)) {
		k.outlet.close()
		k.outlet, k.packets = nil, errUnseen
	}
	v.Extend(now())
	if _, err := conn.Write([]byte{1}); !errors.Is(err, unix.EACCES) {
		return fmt.Errorf("a write after the end of the lease was not refused (%w)", errors.Join(err, errShifted))
	}
	return nil
}

var errShifted = errors.New("does a time namespace shift CLOCK_BOOTTIME?")

func now() domain.Mono {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
