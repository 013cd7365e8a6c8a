package valve

import (
	"errors"
	"testing"
)

func TestTheControlGroupIsFoundWhereItIsMounted(t *testing.T) {
	const (
		root   = "36 25 0:31 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n"
		hybrid = "35 25 0:30 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n36 25 0:31 / /sys/fs/cgroup/unified rw - cgroup2 none rw\n"
		part   = "36 25 0:31 /system.slice/box /sys/fs/cgroup ro - cgroup2 cgroup rw\n"
	)
	for _, c := range []struct{ mounts, groups, want string }{
		{root, "0::/system.slice/understudy.service\n", "/sys/fs/cgroup/system.slice/understudy.service"},
		{root, "0::/\n", "/sys/fs/cgroup"},
		{hybrid, "1:cpu:/\n0::/a\n", "/sys/fs/cgroup/unified/a"},
		{part, "0::/system.slice/box/server\n", "/sys/fs/cgroup/server"},
		{part, "0::/system.slice/other\n", ""},
		{root, "0::/..\n", ""},
		{root, "0::/../other\n", ""},
		{"36 25 0:31 /../.. /sys/fs/cgroup rw - cgroup2 none rw\n", "0::/a\n", ""},
		{`36 25 0:31 / /sys/fs/c\040group rw - cgroup2 none rw` + "\n", "0::/a\n", ""},
		{root, "1:cpu:/\n", ""},
		{"", "0::/\n", ""},
	} {
		got, err := groupFolder(c.mounts, c.groups)
		if got != c.want || (err == nil) != (c.want != "") || err != nil && !errors.Is(err, errNoGroup) {
			t.Errorf("%q in %q: %q, %v; want %q", c.groups, c.mounts, got, err, c.want)
		}
	}
}
