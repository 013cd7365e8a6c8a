package valve

import (
	"errors"
	"fmt"
	"net"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"github.com/understudy-io/understudy/domain"
)

// maxHeld is how many connections of a kind may stand at once. The kernel takes 16
// bytes for each.
const maxHeld = 1 << 15

// chamber holds the connections of one term.
type chamber struct {
	kernel *kernel
	slot   int       // of the word that is its lease
	conns  *ebpf.Map // of sockets; the kernel takes out those that are closed
	asked  *ebpf.Program
	last   uint64 // key
}

func (k *kernel) chamber(kind Kind) (*chamber, error) {
	slot, err := k.take()
	if err != nil {
		return nil, err
	}
	c := &chamber{kernel: k, slot: slot}
	if err := c.make(kind); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *chamber) make(kind Kind) (err error) {
	c.conns, err = ebpf.NewMap(&ebpf.MapSpec{Name: "understudy_conn", Type: ebpf.SockHash, KeySize: 8, ValueSize: 4, MaxEntries: maxHeld})
	if err != nil {
		return fmt.Errorf("make the map of connections: %w", reasonOf(err))
	}
	if c.asked, err = program(c.kernel, c.slot, kind); err != nil {
		return fmt.Errorf("load the program: %w", reasonOf(err))
	}
	err = link.RawAttachProgram(link.RawAttachProgramOptions{Target: c.conns.FD(), Program: c.asked, Attach: ebpf.AttachSkMsgVerdict})
	if err != nil {
		return fmt.Errorf("attach the program: %w", reasonOf(err))
	}
	return nil
}

// set moves the end of the lease: a plain store.
func (c *chamber) set(until domain.Mono) { c.kernel.word(c.slot).Store(int64(until)) }

func (c *chamber) put(conn *net.TCPConn) error {
	c.last++
	return withFile(conn, func(fd int) error { return c.conns.Put(c.last, uint32(fd)) })
}

// empty says whether all whom it held are closed.
func (c *chamber) empty() bool {
	var key uint64
	return errors.Is(c.conns.NextKey(nil, &key), ebpf.ErrKeyNotExist)
}

func (c *chamber) close() {
	if c.conns != nil {
		_ = c.conns.Close() // the program is attached to it, and goes with it
	}
	if c.asked != nil {
		_ = c.asked.Close()
	}
	c.kernel.give(c.slot)
}
