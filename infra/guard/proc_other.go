//go:build !linux

package guard

import (
	"errors"
	"os/exec"
	"strconv"
	"strings"
)

// startOf asks ps, which every other Unix has, for the time of the start.
func startOf(pid int) (string, error) {
	out, err := exec.Command("ps", "-o", "stat=,lstart=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return "", err
	}
	state, start, ok := strings.Cut(strings.TrimSpace(string(out)), " ")
	if !ok || strings.HasPrefix(state, "Z") {
		return "", errors.New("it has ended")
	}
	return strings.TrimSpace(start), nil
}

func isStopped(pid int) bool {
	out, err := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && strings.HasPrefix(strings.TrimSpace(string(out)), "T")
}

// zombies is empty: only Linux containers make a guard PID 1.
func zombies(int) []int { return nil }
