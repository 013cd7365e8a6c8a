package valve

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// Where the kernel has what a program may read (struct sk_msg_md).
const (
	messageData   = 0
	messageEnd    = 8
	messageSize   = 68
	messageSocket = 72
)

const (
	drop = 0
	pass = 1
)

// The registers that calls leave alone, and what they hold here.
const (
	message = asm.R6
	lease   = asm.R7
	leased  = asm.R8 // 1 where a lease lets it pass, 0 where it is a question
)

// program is asked for each send. In C it would be:
//
//	leased = lease != 0 && bpf_ktime_get_boot_ns() < lease;
//	if (leased) goto pass;
//	if (size == len && !memcmp(data, question, len)) goto pass; // for each
//	return SK_DROP;
//	pass: m->slot = slot; m->sent += size; if (leased) m->end = m->sent;
//	return SK_PASS;
//
// The mark m is for the outlet, and left out where there is none.
// Its clock is CLOCK_BOOTTIME, read after the lease: a lease that is shortened
// between the two has ended before the bytes leave.
func program(kernel *kernel, slot int, k Kind) (*ebpf.Program, error) {
	ins := asm.Instructions{asm.Mov.Reg(message, asm.R1), asm.Mov.Imm(leased, 0)}
	if !k.ReadOnly {
		ins = append(ins,
			asm.LoadMapValue(asm.R1, kernel.memory.FD(), uint32(slot)*8),
			asm.LoadMem(lease, asm.R1, 0, asm.DWord),
			asm.JEq.Imm(lease, 0, "questions"),
			asm.FnKtimeGetBootNs.Call(),
			asm.JGE.Reg(asm.R0, lease, "questions"),
			asm.Mov.Imm(leased, 1),
			asm.Ja.Label("pass"),
		)
	}
	ins = append(ins, asm.Mov.Imm(asm.R0, drop).WithSymbol("questions"))
	n := 0
	for _, text := range k.Questions {
		ins = append(ins, permit(&n, text, true)...)
	}
	for _, text := range k.Beginnings {
		ins = append(ins, permit(&n, text, false)...)
	}
	ins = append(ins, asm.Mov.Imm(asm.R0, drop).WithSymbol(label(n)), asm.Return())
	if !k.ReadOnly || n > 0 {
		ins = append(ins, note(kernel.outlet, slot, k)...)
		ins = append(ins, asm.Mov.Imm(asm.R0, pass), asm.Return())
	}
	return ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "understudy_valve", Type: ebpf.SkMsg, AttachType: ebpf.AttachSkMsgVerdict, Instructions: ins, License: "Apache-2.0",
	})
}

// note marks what passes for the outlet. Who cannot mark it does not let it pass.
func note(o *outlet, slot int, k Kind) asm.Instructions {
	ins := asm.Instructions{asm.Mov.Imm(asm.R0, drop).WithSymbol("pass")}
	if o == nil || k.ReadOnly {
		return ins
	}
	return append(ins,
		asm.LoadMapPtr(asm.R1, o.marks.FD()),
		asm.LoadMem(asm.R2, message, messageSocket, asm.DWord),
		asm.Mov.Imm(asm.R3, 0),
		asm.Mov.Imm(asm.R4, createMark),
		asm.FnSkStorageGet.Call(),
		asm.JEq.Imm(asm.R0, 0, "unmarked"),
		asm.LoadMem(asm.R1, asm.R0, markSent, asm.Word),
		asm.LoadMem(asm.R2, message, messageSize, asm.Word),
		asm.Add.Reg(asm.R1, asm.R2),
		asm.StoreMem(asm.R0, markSent, asm.R1, asm.Word),
		asm.StoreImm(asm.R0, markSlot, int64(slot), asm.Word),
		asm.JEq.Imm(leased, 0, "marked"),
		asm.StoreMem(asm.R0, markEnd, asm.R1, asm.Word),
		asm.Ja.Label("marked"),
		asm.Mov.Imm(asm.R0, drop).WithSymbol("unmarked"),
		asm.Return(),
		asm.Mov.Imm(asm.R0, pass).WithSymbol("marked"),
	)
}

// createMark is BPF_SK_STORAGE_GET_F_CREATE.
const createMark = 1

func label(n int) string { return fmt.Sprintf("text_%d", n) }

// permit compares what is sent with a text, and goes on at the next label where
// it is another.
func permit(n *int, text string, whole bool) asm.Instructions {
	next := label(*n + 1)
	size := int32(len(text))
	unlike := asm.JLT.Imm(asm.R1, size, next) // shorter
	if whole {
		unlike = asm.JNE.Imm(asm.R1, size, next)
	}
	ins := asm.Instructions{
		asm.LoadMem(asm.R1, message, messageSize, asm.Word).WithSymbol(label(*n)),
		unlike,
		// The bytes may lie in several pieces.
		asm.Mov.Reg(asm.R1, message),
		asm.Mov.Imm(asm.R2, 0),
		asm.Mov.Imm(asm.R3, size),
		asm.Mov.Imm(asm.R4, 0),
		asm.FnMsgPullData.Call(),
		asm.LoadMem(asm.R2, message, messageData, asm.DWord),
		asm.LoadMem(asm.R3, message, messageEnd, asm.DWord),
		asm.Mov.Reg(asm.R4, asm.R2),
		asm.Add.Imm(asm.R4, size),
		asm.JGT.Reg(asm.R4, asm.R3, next),
	}
	for i := range len(text) {
		ins = append(ins,
			asm.LoadMem(asm.R5, asm.R2, int16(i), asm.Byte),
			asm.JNE.Imm(asm.R5, int32(text[i]), next),
		)
	}
	*n++
	return append(ins, asm.Ja.Label("pass"))
}
