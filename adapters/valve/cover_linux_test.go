package valve

import (
	"testing"

	"github.com/cilium/ebpf/link"
)

// The mounts are looked up for the first connection, and where the process was moved.
func TestAProcessThatWasMovedIsLookedForAnew(t *testing.T) {
	groups, err := ownGroups()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := controlGroup(groups)
	if err != nil {
		t.Skipf("NOT TESTED: %v", err)
	}
	for name, before := range map[string]string{"never covered": "", "covered elsewhere": "0::/elsewhere\n", "covered here": groups} {
		t.Run(name, func(t *testing.T) {
			o := &outlet{covered: before, links: map[string]link.Link{dir: struct{ link.Link }{}}}
			if err := o.cover(); err != nil {
				t.Fatal(err)
			}
			if o.covered != groups {
				t.Errorf("the process is in %q, and %q is covered", groups, o.covered)
			}
		})
	}
}
