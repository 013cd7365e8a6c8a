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
	st, err := readStat(pid)
	if err != nil {
		return "", err
	}
	// The first thread of a killed process is a zombie while others still run
	// and hold its files and sockets: it has ended when it is the last one.
	if st.state == "X" || st.state == "Z" && st.threads <= 1 {
		return "", errEnded
	}
	return bootID() + "/" + st.start, nil
}

type stat struct {
	state   string
	parent  int
	threads int
	start   string
}

// readStat reads /proc/PID/stat; see proc_pid_stat(5) for the order of fields.
func readStat(pid int) (stat, error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return stat{}, err
	}
	// The second field is the name in parentheses, which may hold anything.
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(f) < 20 {
		return stat{}, errors.New("short /proc stat")
	}
	parent, err := strconv.Atoi(f[1])
	threads, err2 := strconv.Atoi(f[17])
	return stat{state: f[0], parent: parent, threads: threads, start: f[19]}, errors.Join(err, err2)
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
		if st, err := readStat(pid); err == nil && st.parent == parent && st.state == "Z" {
			out = append(out, pid)
		}
	}
	return out
}
