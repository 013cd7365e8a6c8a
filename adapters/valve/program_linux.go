package valve

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// Where the kernel has what a program may read (struct sk_msg_md).
const (
	messageData = 0
	messageEnd  = 8
	messageSize = 68
)

const (
	drop = 0
	pass = 1
)

// The registers that calls leave alone, and what they hold here.
const (
	message = asm.R6
	lease   = asm.R7
)

// program is asked for each send. In C it would be:
//
//	if (lease != 0 && bpf_ktime_get_boot_ns() < lease) return SK_PASS;
//	if (size == len && !memcmp(data, question, len)) return SK_PASS; // for each
//	return SK_DROP;
//
// Its clock is CLOCK_BOOTTIME, read after the lease: a lease that is shortened
// between the two has ended before the bytes leave.
func program(until *ebpf.Map, k Kind) (*ebpf.Program, error) {
	ins := asm.Instructions{asm.Mov.Reg(message, asm.R1)}
	if !k.ReadOnly {
		ins = append(ins,
			asm.LoadMapValue(asm.R1, until.FD(), 0),
			asm.LoadMem(lease, asm.R1, 0, asm.DWord),
			asm.JEq.Imm(lease, 0, "questions"),
			asm.FnKtimeGetBootNs.Call(),
			asm.JLT.Reg(asm.R0, lease, "pass"),
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
		ins = append(ins, asm.Mov.Imm(asm.R0, pass).WithSymbol("pass"), asm.Return())
	}
	return ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "understudy_valve", Type: ebpf.SkMsg, AttachType: ebpf.AttachSkMsgVerdict, Instructions: ins, License: "Apache-2.0",
	})
}

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
