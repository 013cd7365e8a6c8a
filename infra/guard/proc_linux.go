package guard

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"strings"
	"sync"
)

var bootID = sync.OnceValue(func() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "-"
	}
	return strings.TrimSpace(string(b))
})

var errEnded = errors.New("it has ended")

// startOf returns the boot and the clock tick in which a live process began.
func startOf(pid int) (string, error) {
	st, err := readStat("/proc/" + strconv.Itoa(pid))
	if err != nil {
		return "", err
	}
	// The first thread of a killed process is a zombie while others still run
	// and hold its files and sockets: it has ended when it is the last one.
	if st.state == "X" || st.state == "Z" && st.threads <= 1 {
		return "", errEnded
	}
	return st.identity(), nil
}

func isStopped(pid int) bool {
	st, err := readStat("/proc/" + strconv.Itoa(pid))
	return err == nil && st.state == "T"
}

type stat struct {
	state   string
	parent  int
	threads int
	start   string
	flags   uint64
	exit    uint64 // as wait(2) gives it
}

// identity tells a process from a later one with the same id.
func (s stat) identity() string { return bootID() + "/" + s.start }

// readStat reads the stat file of a process, or of a thread, in this folder; see
// proc_pid_stat(5) for the order of fields.
func readStat(folder string) (stat, error) {
	b, err := os.ReadFile(folder + "/stat")
	if err != nil {
		return stat{}, err
	}
	// The second field is the name in parentheses, which may hold anything.
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(f) < 50 {
		return stat{}, errors.New("short /proc stat")
	}
	parent, err := strconv.Atoi(f[1])
	threads, err2 := strconv.Atoi(f[17])
	flags, err3 := strconv.ParseUint(f[6], 10, 32)
	exit, err4 := strconv.ParseUint(f[49], 10, 32)
	return stat{f[0], parent, threads, f[19], flags, exit}, errors.Join(err, err2, err3, err4)
}

// zombies lists the children of a process that have ended and wait to be
// collected.
func zombies(parent int) []int {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer func() { _ = dir.Close() }()
	names, _ := dir.Readdirnames(-1)
	var out []int
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if st, err := readStat("/proc/" + name); err == nil && st.parent == parent && st.state == "Z" {
			out = append(out, pid)
		}
	}
	return out
}
