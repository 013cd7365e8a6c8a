// Package valve lets bytes to devices pass while a lease lives, and has the
// kernel itself check that, inside the send:
//
//	v, err := valve.Open()                      // why it cannot be had here, if it cannot
//	dial := v.Dial(dialer.DialContext, valve.Kind{})
//	conn, err := dial(ctx, "tcp", "10.0.0.5:9990")
//	v.Extend(until)                             // from now on conn may be written to, until then
//
// A check in the process leaves a gap behind it: a process that freezes between
// its check and its write writes when it is continued. Here the end of the lease
// stands in memory that is shared with a program in the kernel (eBPF, an SK_MSG
// verdict on a SOCKHASH that holds the connections). The program compares it with
// the clock that also runs through suspend, each time that bytes are handed over.
//
// What it guarantees, on Linux 5.8 or newer with CAP_BPF and CAP_NET_ADMIN:
//
//   - After the end of the lease, and before there is one, not a byte of what is
//     written leaves; the write fails with EACCES. What the [Kind] of a connection
//     names as a question passes all the same: a standby may read.
//   - What was written in time and still waits in the socket's buffer then does not
//     leave either, nor is it sent again: a second program is asked for each packet, at
//     the egress of the process's control group (version 2). Where that cannot be
//     had, [Valve.Packets] says why, and the socket's buffer is not covered.
//     What the program of the write was not asked about is held back without a lease.
//   - A connection that was refused once stays refused.
//   - A connection that stood at the end of a term ([Valve.Shut]) is refused for
//     ever, also in a later term: a thread that was frozen through all of it does
//     no harm.
//   - Open has tried on a connection of its own that a write passes before the end and
//     not after it, and that the program for packets sees it.
//
// What a driver owes it: a send that the kernel takes only in part, or not now, ends the
// connection. The kernel keeps its verdict for what comes next, so it would not ask the
// program of the write again.
//
// What it does not: between the kernel's look at its clock and the packet on the wire lie
// some hundred instructions and the queues of the network (qdisc and card), in which no
// signal stops the process, but a hypervisor may stop the machine. When the process ends,
// the program for packets may go a moment before its connections are reset.
//
// Connections are set to be reset when they are closed, also by the end of the
// process (but those that only read): what the kernel still holds is dropped. Maps and programs go with the
// process as well. Nothing is kept, and nothing is left behind.
package valve
