package config

import (
	"strconv"
	"strings"

	"github.com/understudy-io/understudy/domain"
)

// target checks the form of a target, and that its device, where it is known, has the port
// that it names.
func (r *report) target(key string, t domain.Target, d *domain.Definition) {
	if name, is := strings.CutPrefix(string(t), "parameter/"); is && name != "" {
		return
	}
	side, n, ok := portOf(t)
	if !ok {
		r.add(key, "%q is no target: write crosspoint/video/5, label/input/3, lock/video/5 or parameter/level", t)
		return
	}
	if d == nil {
		return
	}
	most := d.Outputs
	if side == domain.PortInput {
		most = d.Inputs
	}
	if n < 1 || n > most {
		r.absent(key, "%q: %s has %d on that side", t, d.Device, most)
	}
}

// portOf is the port that a target names: routes and locks are of outputs.
func portOf(t domain.Target) (side domain.PortKind, n int, ok bool) {
	words := strings.Split(string(t), "/")
	if len(words) != 3 || words[1] == "" {
		return "", 0, false
	}
	switch words[0] {
	case "crosspoint", "lock":
		side = domain.PortOutput
	case "label":
		side = domain.PortKind(words[1])
	}
	n, err := strconv.Atoi(words[2])
	return side, n, err == nil && (side == domain.PortInput || side == domain.PortOutput)
}
