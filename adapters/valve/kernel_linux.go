package valve

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// The shared memory has a word for each chamber, the end of its lease, and one
// for what was held back.
const (
	words    = 512
	heldBack = words - 1
)

// kernel is what all chambers of a valve share.
type kernel struct {
	memory  *ebpf.Map // of one entry with all words
	page    []byte    // the same, mapped
	outlet  *outlet   // nil where packets cannot be checked
	packets error     // why not

	mu   sync.Mutex
	used [heldBack]bool // the words of chambers
}

func openKernel() (*kernel, error) {
	k := &kernel{}
	var err error
	k.memory, err = ebpf.NewMap(&ebpf.MapSpec{
		Name: "understudy_till", Type: ebpf.Array, KeySize: 4, ValueSize: words * 8, MaxEntries: 1, Flags: unix.BPF_F_MMAPABLE,
	})
	if err != nil {
		return nil, fmt.Errorf("make the map of leases: %w", reasonOf(err))
	}
	k.page, err = unix.Mmap(k.memory.FD(), 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		k.close()
		return nil, fmt.Errorf("map the memory of the leases: %w", err)
	}
	k.outlet, k.packets = openOutlet(k.memory)
	return k, nil
}

// reasonOf says what to do about an error of the kernel.
func reasonOf(err error) error {
	if errors.Is(err, unix.EPERM) {
		return fmt.Errorf("give the process CAP_BPF and CAP_NET_ADMIN: %w", unix.EPERM)
	}
	return fmt.Errorf("it takes Linux 5.8: %w", err)
}

// word is one of the shared memory.
func (k *kernel) word(i int) *atomic.Int64 {
	return (*atomic.Int64)(unsafe.Pointer(&k.page[i*8]))
}

// take gives a word that no chamber has. It says that there is no lease.
func (k *kernel) take() (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for i, used := range k.used {
		if !used {
			k.used[i] = true
			k.word(i).Store(0)
			return i, nil
		}
	}
	return 0, fmt.Errorf("connections of %d terms stand at once: restart the server", len(k.used))
}

func (k *kernel) give(i int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.used[i] = false
}

// cover has the packets of a connection that is made now checked. Where that
// cannot be had at all, it does nothing.
func (k *kernel) cover() error {
	if k.outlet == nil {
		return nil
	}
	return k.outlet.cover()
}

// HeldBack counts the packets that waited in a buffer when the lease ended, each
// time that one was about to leave.
func (v *Valve) HeldBack() uint64 {
	if v.kernel == nil {
		return 0
	}
	v.kernel.mu.Lock()
	defer v.kernel.mu.Unlock()
	if v.kernel.page == nil {
		return 0
	}
	return uint64(v.kernel.word(heldBack).Load())
}

func (k *kernel) close() {
	if k.outlet != nil {
		k.outlet.close()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.page != nil {
		_ = unix.Munmap(k.page)
		k.page = nil
	}
	_ = k.memory.Close()
}

// withFile calls f with the file of a connection.
func withFile(conn *net.TCPConn, f func(fd int) error) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = f(int(fd)) })
	return errors.Join(err, failed)
}
