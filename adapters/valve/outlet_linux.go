package valve

import (
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// outlet checks each packet as it leaves, also when it is sent again: what was
// written in time and waits in a buffer does not leave after the end of the lease.
// It is a program on the egress of the process's control group.
//
// Questions leave without a lease, so it has to know what of a connection is no more
// than that. The program that is asked for each write notes it in a mark. What it was
// not asked about needs the lease.
type outlet struct {
	marks   *ebpf.Map // of sockets, held by the kernel as long as the socket is
	checked *ebpf.Program

	mu      sync.Mutex
	links   map[string]link.Link // by the folder of the control group
	covered string               // the process's control groups when it was covered last
}

// A mark, as the programs have it: five words of 32 bits.
const (
	markSlot  = 0  // number of the word with the lease
	markSent  = 4  // bytes that were let in
	markEnd   = 8  // the same, up to the last that needed the lease
	markBase  = 12 // TCP's sequence number of the first byte
	markBegun = 16 // whether markBase is known
	markSize  = 20
)

var markType = &btf.Struct{Name: "understudy_mark", Size: markSize, Members: []btf.Member{
	{Name: "words", Type: &btf.Array{Index: u32, Type: u32, Nelems: markSize / 4}},
}}

var u32 = &btf.Int{Name: "u32", Size: 4}

func openOutlet(memory *ebpf.Map) (*outlet, error) {
	o := &outlet{links: map[string]link.Link{}}
	var err error
	o.marks, err = ebpf.NewMap(&ebpf.MapSpec{
		Name: "understudy_mark", Type: ebpf.SkStorage, KeySize: 4, ValueSize: markSize, Flags: unix.BPF_F_NO_PREALLOC,
		Key: &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}, Value: markType,
	})
	if err != nil {
		return nil, fmt.Errorf("make the map of marks: %w", err)
	}
	o.checked, err = outletProgram(memory, o.marks)
	if err != nil {
		o.close()
		return nil, fmt.Errorf("load the program for packets: %w", err)
	}
	if err := o.cover(); err != nil {
		o.close()
		return nil, err
	}
	return o, nil
}

// cover attaches the program to the control group of the process. A socket
// belongs to the one in which it was made, and somebody may move the process. Where
// the groups are mounted is looked up only then: that takes as long as a connection.
func (o *outlet) cover() error {
	groups, err := ownGroups()
	if err != nil {
		return err
	}
	o.mu.Lock()
	same := groups == o.covered
	o.mu.Unlock()
	if same {
		return nil
	}
	dir, err := controlGroup(groups)
	if err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.links[dir] != nil {
		o.covered = groups
		return nil
	}
	l, err := link.AttachCgroup(link.CgroupOptions{Path: dir, Attach: ebpf.AttachCGroupInetEgress, Program: o.checked})
	if err != nil {
		return fmt.Errorf("attach the program for packets to %s: %w", dir, err)
	}
	o.links[dir], o.covered = l, groups
	return nil
}

// sees says whether a packet of the connection was checked.
func (o *outlet) sees(conn *net.TCPConn) bool {
	var mark [markSize / 4]uint32
	err := withFile(conn, func(fd int) error { return o.marks.Lookup(int32(fd), &mark) })
	return err == nil && mark[markBegun/4] != 0
}

func (o *outlet) close() {
	for _, l := range o.links {
		_ = l.Close()
	}
	if o.checked != nil {
		_ = o.checked.Close()
	}
	_ = o.marks.Close()
}

// Where the kernel has what a program may read of a packet (struct __sk_buff).
const (
	packetSize   = 0
	packetSocket = 168
)

// outletProgram is asked for each packet of the control group. In C it would be:
//
//	m = mark of the packet's socket; if (!m) return 1;       // not in the valve
//	if (it is not TCP) return 0;                             // or has headers that nobody expects here
//	if (no bytes after the headers of IP and TCP) return 1;  // an acknowledgement, a reset
//	if (!m->begun) m->base = seq, m->begun = 1;              // the first byte is never sent again before it was sent
//	if ((s32)(seq - m->base - m->end) >= 0 &&
//	    (s32)(seq + bytes - m->base - m->sent) <= 0) return 1; // questions only
//	if (lease[m->slot] != 0 && bpf_ktime_get_boot_ns() < lease[m->slot]) return 1;
//	held_back++; return 0;
func outletProgram(memory, marks *ebpf.Map) (*ebpf.Program, error) {
	const (
		packet = asm.R6
		mark   = asm.R7
		offset = asm.R8 // of the TCP header
		bytes  = asm.R8 // later: of what it carries
		seq    = asm.R9

		ip     = -16 // on the stack: the first bytes of the packet
		header = -32 // and of its TCP header
		upTo   = 14

		protocolOf4, protocolOf6 = 9, 6 // where the IP header says what is in it
	)
	load := func(at int16, from asm.Register, to int32, n int32) asm.Instructions {
		return asm.Instructions{
			asm.Mov.Reg(asm.R1, packet),
			asm.Mov.Reg(asm.R2, from),
			asm.Mov.Reg(asm.R3, asm.RFP),
			asm.Add.Imm(asm.R3, int32(at)+to),
			asm.Mov.Imm(asm.R4, n),
			asm.FnSkbLoadBytes.Call(),
			asm.JNE.Imm(asm.R0, 0, "drop"),
		}
	}
	ins := asm.Instructions{
		asm.Mov.Reg(packet, asm.R1),
		asm.LoadMem(asm.R1, packet, packetSocket, asm.DWord),
		asm.JEq.Imm(asm.R1, 0, "pass"),
		asm.FnSkFullsock.Call(),
		asm.JEq.Imm(asm.R0, 0, "pass"),
		asm.Mov.Reg(asm.R2, asm.R0),
		asm.LoadMapPtr(asm.R1, marks.FD()),
		asm.Mov.Imm(asm.R3, 0),
		asm.Mov.Imm(asm.R4, 0),
		asm.FnSkStorageGet.Call(),
		asm.JEq.Imm(asm.R0, 0, "pass"),
		asm.Mov.Reg(mark, asm.R0),
		asm.Mov.Imm(offset, 0),
	}
	ins = append(ins, load(ip, offset, 0, 10)...)
	ins = append(ins,
		asm.LoadMem(offset, asm.RFP, ip, asm.Byte),
		asm.LoadMem(seq, asm.RFP, ip+protocolOf4, asm.Byte),
		asm.Mov.Reg(asm.R1, offset),
		asm.RSh.Imm(asm.R1, 4),
		asm.And.Imm(offset, 0xf), // IPv4 says how long its header is, in words
		asm.LSh.Imm(offset, 2),
		asm.JEq.Imm(asm.R1, 4, "tcp"),
		asm.Mov.Imm(offset, 40), // IPv6
		asm.LoadMem(seq, asm.RFP, ip+protocolOf6, asm.Byte),
		asm.JNE.Imm(seq, unix.IPPROTO_TCP, "held").WithSymbol("tcp"),
	)
	ins = append(ins, load(header, offset, 0, upTo)...)
	ins = append(ins,
		asm.LoadMem(asm.R2, asm.RFP, header+12, asm.Byte), // length of the header, in the upper four bits
		asm.RSh.Imm(asm.R2, 4),
		asm.LSh.Imm(asm.R2, 2),
		asm.LoadMem(asm.R3, packet, packetSize, asm.Word),
		asm.Sub.Reg(asm.R3, offset),
		asm.Sub.Reg(asm.R3, asm.R2),
		asm.JSLE.Imm(asm.R3, 0, "pass"),
		asm.Mov.Reg(bytes, asm.R3),

		asm.LoadMem(seq, asm.RFP, header+4, asm.Word),
		asm.HostTo(asm.BE, seq, asm.Word),
		asm.LoadMem(asm.R1, mark, markBegun, asm.Word),
		asm.JNE.Imm(asm.R1, 0, "begun"),
		asm.StoreMem(mark, markBase, seq, asm.Word),
		asm.StoreImm(mark, markBegun, 1, asm.Word),

		asm.LoadMem(asm.R1, mark, markBase, asm.Word).WithSymbol("begun"),
		asm.LoadMem(asm.R2, mark, markEnd, asm.Word),
		asm.Sub.Reg(seq, asm.R1),
		asm.Sub.Reg(seq, asm.R2),
		asm.LSh.Imm(seq, 32), // sequence numbers are compared as 32 bits with a sign
		asm.ArSh.Imm(seq, 32),
		asm.JSLT.Imm(seq, 0, "leased"),
		asm.Add.Reg(seq, asm.R2), // from the last that needed the lease back to the beginning
		asm.Add.Reg(seq, bytes),
		asm.LoadMem(asm.R1, mark, markSent, asm.Word),
		asm.Sub.Reg(seq, asm.R1),
		asm.LSh.Imm(seq, 32),
		asm.ArSh.Imm(seq, 32),
		asm.JSLE.Imm(seq, 0, "pass"),

		asm.LoadMem(asm.R1, mark, markSlot, asm.Word).WithSymbol("leased"),
		asm.And.Imm(asm.R1, words-1),
		asm.LSh.Imm(asm.R1, 3),
		asm.LoadMapValue(asm.R2, memory.FD(), 0),
		asm.Add.Reg(asm.R2, asm.R1),
		asm.LoadMem(seq, asm.R2, 0, asm.DWord), // now the lease
		asm.JEq.Imm(seq, 0, "held"),
		asm.FnKtimeGetBootNs.Call(),
		asm.JLT.Reg(asm.R0, seq, "pass"),

		asm.LoadMapValue(asm.R2, memory.FD(), heldBack*8).WithSymbol("held"),
		asm.Mov.Imm(asm.R1, 1),
		asm.AddAtomic.Mem(asm.R2, asm.R1, asm.DWord, 0),
		asm.Mov.Imm(asm.R0, drop).WithSymbol("drop"),
		asm.Return(),
		asm.Mov.Imm(asm.R0, pass).WithSymbol("pass"),
		asm.Return(),
	)
	return ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "understudy_out", Type: ebpf.CGroupSKB, AttachType: ebpf.AttachCGroupInetEgress, Instructions: ins, License: "Apache-2.0",
	})
}

var errUnseen = errors.New("the control group's program did not see a packet of a connection to itself")
