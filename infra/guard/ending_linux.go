package guard

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// pidfdThread asks for a pidfd of one thread: PIDFD_THREAD of linux/pidfd.h, since Linux 6.9.
	pidfdThread = unix.O_EXCL
	// flagExiting marks a thread that has left user space for good: PF_EXITING
	// of linux/sched.h, in the flags of proc_pid_stat(5).
	flagExiting = 0x4

	// watched is how many threads are waited for. The last thread of a process
	// gives back the memory before its own end is reported, so one is too few.
	watched = 3
	// lowest is the nice value of who comes last.
	lowest = 19
	// The runtime of a process starts its threads at once.
	threadsEvery = time.Millisecond
	threadsFor   = time.Second
	// A thread of a killed process ends when it leaves the call to the kernel
	// that it is in: microseconds after the others, or one write to the disk.
	lookEvery = 50 * time.Microsecond
	lookFor   = time.Second
)

// awaitEnding waits until every thread of a process has left user space for
// good, and tells how the process ends. Nothing of it can act from then on. The
// kernel gives back its memory next, 0.1 ms for each MB, and only then reports
// the end to who waits for it.
//
// It returns false where this cannot be seen: on a kernel before 6.9, and for a
// process that ended too early. The report of the end is not missed by that.
func awaitEnding(ctx context.Context, id Identity) (Exit, bool) {
	for id.Alive() && awaitThread(ctx, id) {
		for began := time.Now(); time.Since(began) < lookFor; time.Sleep(lookEvery) {
			ending, err := allEnding(id.PID)
			if err != nil {
				return Exit{}, false // collected already: whoever collected it knows more
			}
			if ending {
				yield(id.PID)
				return exitOf(id)
			}
		}
		// A thread ended by itself.
	}
	return Exit{}, false
}

// yield lets what is left of a process, which is to give back its memory, go behind
// all that has to be done now. A failure costs some milliseconds.
func yield(pid int) {
	threads, _ := threadsOf(pid)
	for _, tid := range threads {
		_ = unix.Setpriority(unix.PRIO_PROCESS, tid, lowest)
	}
}

// awaitThread waits for the end of one of some threads of a process, and returns
// false if there is none to wait for, or ctx ends first.
func awaitThread(ctx context.Context, id Identity) bool {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	fds := openThreads(ctx, id.PID)
	first := make(chan bool, len(fds)+1)
	for _, fd := range fds {
		go func() { first <- awaitPidfd(ctx, fd, id.Alive) }()
	}
	if len(fds) == 0 {
		first <- false
	}
	return <-first
}

// openThreads opens pidfds of threads other than the first one, whose end the
// kernel reports only together with the end of the process.
func openThreads(ctx context.Context, pid int) []int {
	var threads []int
	for began := time.Now(); len(threads) <= watched && time.Since(began) < threadsFor && ctx.Err() == nil; time.Sleep(threadsEvery) {
		var err error
		if threads, err = threadsOf(pid); err != nil {
			return nil
		}
	}
	var fds []int
	for _, tid := range threads {
		if tid == pid || len(fds) == watched {
			continue
		}
		if fd, err := unix.PidfdOpen(tid, unix.PIDFD_NONBLOCK|pidfdThread); err == nil {
			fds = append(fds, fd)
		}
	}
	return fds
}

// allEnding tells whether no thread of a process will run in user space again.
// It looks twice: a thread that was started during the first look, by one that
// has ended since, is there at the second.
func allEnding(pid int) (bool, error) {
	for range 2 {
		threads, err := threadsOf(pid)
		if err != nil {
			return false, err
		}
		for _, tid := range threads {
			if !ending(taskFolder(pid) + strconv.Itoa(tid)) {
				return false, nil
			}
		}
	}
	return true, nil
}

// ending tells whether a thread has left user space for good: it has given up its
// memory, and with that the file that it executes. Its flags say so a little
// earlier, but whoever reads them holds the memory for that moment, and
// may be the one who has to give it back: milliseconds, in the middle of a takeover.
func ending(folder string) bool {
	_, err := os.Readlink(folder + "/exe")
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return err != nil
	}
	// It may not be read, as with a file that was given capabilities.
	st, err := readStat(folder)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) // any other fault is ours, and no end
	}
	return st.flags&flagExiting != 0
}

func taskFolder(pid int) string { return "/proc/" + strconv.Itoa(pid) + "/task/" }

func threadsOf(pid int) ([]int, error) {
	dir, err := os.Open(taskFolder(pid))
	if err != nil {
		return nil, err
	}
	defer func() { _ = dir.Close() }()
	names, err := dir.Readdirnames(-1)
	threads := make([]int, 0, len(names))
	for _, name := range names {
		if tid, err := strconv.Atoi(name); err == nil {
			threads = append(threads, tid)
		}
	}
	return threads, err
}

// exitOf tells how an ending process ends.
func exitOf(id Identity) (Exit, bool) {
	st, err := readStat("/proc/" + strconv.Itoa(id.PID))
	if err != nil || st.identity() != id.Started {
		return Exit{}, false
	}
	status := syscall.WaitStatus(st.exit)
	if status.Signaled() {
		return Exit{Status: -1, Text: "signal: " + status.Signal().String()}, true
	}
	code := status.ExitStatus()
	return Exit{Status: code, Text: "exit status " + strconv.Itoa(code)}, true
}
