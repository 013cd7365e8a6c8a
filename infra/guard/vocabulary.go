package guard

import "os"

// Input is something that happened to the guard.
type Input interface{ input() }

// The inputs.
type (
	// Begin starts the guard's work.
	Begin struct{}
	// Started says that the server runs.
	Started struct{ Incarnation string }
	// NotStarted says that the operating system refused to start it.
	NotStarted struct{ Err error }
	// Ending says that the kernel has ended every thread of this server, and
	// still has its memory to give back: Exited follows.
	Ending struct {
		Incarnation string
		Exit        Exit
	}
	// Exited says that the kernel reported the server's end.
	Exited struct{ Exit Exit }
	// Written says that a death is in the log, or does not matter any more.
	Written struct{ Incarnation string }
	// NotWritten says that it is not known to be in the log.
	NotWritten struct{ Incarnation string }
	// Signalled is a signal that the guard received.
	Signalled struct{ Signal os.Signal }
	// Stop asks the guard to end, with its server.
	Stop struct{}
	// Timer says that NextWake has come.
	Timer struct{}
)

// Exit is how a process ended. Status is -1 where a signal ended it, or where
// nobody can know.
type Exit struct {
	Status int
	Text   string // "exit status 1", "signal: killed"
}

// Effect is something for the runner to do.
type Effect interface{ effect() }

// The effects.
type (
	// Start starts the server, with a new incarnation.
	Start struct{}
	// Write writes a death to the log.
	Write struct{ Incarnation, Exit string }
	// Forward passes a signal on to the server.
	Forward struct{ Signal os.Signal }
	// Finish ends the guard with this exit status.
	Finish struct{ Status int }
)

func (Begin) input()      {}
func (Started) input()    {}
func (NotStarted) input() {}
func (Ending) input()     {}
func (Exited) input()     {}
func (Written) input()    {}
func (NotWritten) input() {}
func (Signalled) input()  {}
func (Stop) input()       {}
func (Timer) input()      {}

func (Start) effect()   {}
func (Write) effect()   {}
func (Forward) effect() {}
func (Finish) effect()  {}
