package valve

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/understudy-io/understudy/domain"
)

// maxHeld is how many connections of a kind may stand at once. The kernel takes 16
// bytes for each.
const maxHeld = 1 << 15

// chamber holds the connections of one term.
type chamber struct {
	lease *atomic.Int64 // domain.Mono, in memory that the program reads
	page  []byte        // with that
	until *ebpf.Map
	conns *ebpf.Map // of sockets; the kernel takes out those that are closed
	asked *ebpf.Program
	last  uint64 // key
}

func newChamber(k Kind) (*chamber, error) {
	c := &chamber{}
	if err := c.make(k); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *chamber) make(k Kind) (err error) {
	c.until, err = ebpf.NewMap(&ebpf.MapSpec{
		Name: "understudy_till", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1, Flags: unix.BPF_F_MMAPABLE,
	})
	if err != nil {
		return fmt.Errorf("make the map of the lease: %w", reasonOf(err))
	}
	c.page, err = unix.Mmap(c.until.FD(), 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("map the memory of the lease: %w", err)
	}
	c.lease = (*atomic.Int64)(unsafe.Pointer(&c.page[0]))
	c.conns, err = ebpf.NewMap(&ebpf.MapSpec{Name: "understudy_conn", Type: ebpf.SockHash, KeySize: 8, ValueSize: 4, MaxEntries: maxHeld})
	if err != nil {
		return fmt.Errorf("make the map of connections: %w", reasonOf(err))
	}
	if c.asked, err = program(c.until, k); err != nil {
		return fmt.Errorf("load the program: %w", reasonOf(err))
	}
	err = link.RawAttachProgram(link.RawAttachProgramOptions{Target: c.conns.FD(), Program: c.asked, Attach: ebpf.AttachSkMsgVerdict})
	if err != nil {
		return fmt.Errorf("attach the program: %w", reasonOf(err))
	}
	return nil
}

// reasonOf says what to do about an error of the kernel.
func reasonOf(err error) error {
	if errors.Is(err, unix.EPERM) {
		return fmt.Errorf("give the process CAP_BPF and CAP_NET_ADMIN: %w", unix.EPERM)
	}
	return fmt.Errorf("it takes Linux 5.8: %w", err)
}

// set moves the end of the lease: a plain store.
func (c *chamber) set(until domain.Mono) { c.lease.Store(int64(until)) }

func (c *chamber) put(conn *net.TCPConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	c.last++
	var failed error
	err = raw.Control(func(fd uintptr) { failed = c.conns.Put(c.last, uint32(fd)) })
	return errors.Join(err, failed)
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
	if c.page != nil {
		_ = unix.Munmap(c.page)
	}
	if c.until != nil {
		_ = c.until.Close()
	}
}
