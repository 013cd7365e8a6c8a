// Package configuration holds what a landscape consists of, as one revision of its
// configuration has it, and compares two of them:
//
//	c.Sort()
//	for _, change := range configuration.Diff(before, after) { ... }
//
// It is plain data. How it is written down is for adapters/codec, and whether it
// makes sense for infra/config. What reaches the fold of a device is its definition
// alone, as a record of its own partition.
package configuration

import (
	"slices"
	"strings"

	"github.com/understudy-io/understudy/domain"
)

// Configuration is all that the servers of a landscape share.
type Configuration struct {
	Devices  []domain.Definition `msgpack:"devices,omitempty" json:"devices,omitempty" koanf:"devices"`
	Ports    []Port              `msgpack:"ports,omitempty" json:"ports,omitempty" koanf:"ports"`
	Panels   []Panel             `msgpack:"panels,omitempty" json:"panels,omitempty" koanf:"panels"`
	Mappings []Mapping           `msgpack:"mappings,omitempty" json:"mappings,omitempty" koanf:"mappings"`
	Policy   Policy              `msgpack:"policy" json:"policy" koanf:"policy"`
}

// Port is a name for one side of a router: "camera 3" is input 17 of router-1.
type Port struct {
	ID     string          `msgpack:"id" json:"id" koanf:"id"`
	Device string          `msgpack:"device" json:"device" koanf:"device"`
	Side   domain.PortKind `msgpack:"side" json:"side" koanf:"side"`
	Number int             `msgpack:"number" json:"number" koanf:"number"`
	Name   string          `msgpack:"name,omitempty" json:"name,omitempty" koanf:"name"`
}

// Panel is a registered panel, and the ports that it may see; none means all.
type Panel struct {
	ID    string   `msgpack:"id" json:"id" koanf:"id"`
	Name  string   `msgpack:"name,omitempty" json:"name,omitempty" koanf:"name"`
	Ports []string `msgpack:"ports,omitempty" json:"ports,omitempty" koanf:"ports"`
}

// Mapping is a name for a target of a device.
type Mapping struct {
	Name   string        `msgpack:"name" json:"name" koanf:"name"`
	Device string        `msgpack:"device" json:"device" koanf:"device"`
	Target domain.Target `msgpack:"target" json:"target" koanf:"target"`
}

// Policy is who may change the configuration.
type Policy struct {
	// ConfigPrimary is the server that has to be primary for that; empty for any.
	ConfigPrimary string `msgpack:"config_primary,omitempty" json:"config_primary,omitempty" koanf:"config_primary"`
	// AllowConfigOnBackup permits it under any other primary too.
	AllowConfigOnBackup bool `msgpack:"allow_config_on_backup,omitempty" json:"allow_config_on_backup,omitempty" koanf:"allow_config_on_backup"`
}

// Keeper is the server that has to be primary while the configuration changes;
// empty for any.
func (p Policy) Keeper() string {
	if p.AllowConfigOnBackup {
		return ""
	}
	return p.ConfigPrimary
}

// Sort brings everything into the one order, so that configurations that mean the
// same are the same.
func (c *Configuration) Sort() {
	slices.SortStableFunc(c.Devices, func(a, b domain.Definition) int { return strings.Compare(a.Device, b.Device) })
	slices.SortStableFunc(c.Ports, func(a, b Port) int { return strings.Compare(a.ID, b.ID) })
	slices.SortStableFunc(c.Panels, func(a, b Panel) int { return strings.Compare(a.ID, b.ID) })
	slices.SortStableFunc(c.Mappings, func(a, b Mapping) int { return strings.Compare(a.Name, b.Name) })
	for i := range c.Devices {
		c.Devices[i].Revision = 0 // that is counted in the log, for each device
	}
}
