// Package faultpoint stops this process at one exact place of its code, for drills:
//
//	p := faultpoint.New()
//	p.Arm()   // from anywhere
//	p.Reach() // at the place: the process stops itself here, once
//
// It stops as by SIGSTOP, all of its threads, and goes on from here after SIGCONT.
// Without Arm, Reach is the reading of one word. Only Linux can stop a process
// before the next instruction of the thread that asks for it; elsewhere Reach does
// nothing.
package faultpoint
