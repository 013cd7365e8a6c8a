package valve

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ownGroups gives the process's control groups, as the kernel writes them.
func ownGroups() (string, error) {
	groups, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", fmt.Errorf("find the control group: %w", err)
	}
	return string(groups), nil
}

// controlGroup gives the folder of the one of version 2.
func controlGroup(groups string) (string, error) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", fmt.Errorf("find the control groups: %w", err)
	}
	return groupFolder(string(mounts), groups)
}

var errNoGroup = errors.New("no control groups of version 2 are mounted here: mount cgroup2")

// groupFolder reads what proc(5) and cgroups(7) describe.
func groupFolder(mounts, groups string) (string, error) {
	path, ok := "", false
	for line := range strings.Lines(groups) {
		if rest, found := strings.CutPrefix(strings.TrimSpace(line), "0::"); found {
			path, ok = rest, true
		}
	}
	if !ok {
		return "", errNoGroup
	}
	for line := range strings.Lines(mounts) {
		own, kind, found := strings.Cut(line, " - ")
		fields := strings.Fields(own)
		if !found || !strings.HasPrefix(kind, "cgroup2 ") || len(fields) < 5 {
			continue
		}
		root, dir := fields[3], fields[4]
		below, err := filepath.Rel(root, path)
		if err != nil || upwards(root) || upwards(path) || upwards(below) || strings.Contains(root+dir, `\`) {
			continue // the mount shows another part of them, or cannot be read for sure
		}
		return filepath.Join(dir, below), nil
	}
	return "", errNoGroup
}

// upwards says whether a path leads out of what can be seen: so the kernel shows a
// control group that is not below the root of the namespace.
func upwards(path string) bool { return slices.Contains(strings.Split(path, "/"), "..") }
