package config

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/configuration"
)

// The bounds on a landscape's configuration.
const (
	MaxLandscapeFile = 16 << 20 // bytes: ten thousand devices with many verbs each fit in
	maxEntries       = 10_000   // of each section
	maxFaults        = 1_000    // that are told at once
)

// ParseLandscape reads the configuration of a landscape. It tells all its faults, each
// with its line; see Faults.
func ParseLandscape(text []byte) (*configuration.Configuration, error) {
	if len(text) > MaxLandscapeFile {
		return nil, fault("the file", "has %d bytes, at most %d are allowed: it is no configuration, or there are verbs in it that many devices share: give them an anchor", len(text), MaxLandscapeFile)
	}
	var file yaml.Node
	if err := yaml.Unmarshal(text, &file); err != nil {
		return nil, fault("the file", "is not YAML: %v", err)
	}
	if len(file.Content) == 0 {
		return nil, fault("the file", "is empty: it needs devices, ports, panels, mappings or policy")
	}
	c := new(configuration.Configuration)
	in := newNodes()
	in.top(file.Content[0], c)
	r := &report{partial: len(in.faults) > 0}
	shareVerbs(c.Devices)
	validateLandscape(c, r)
	r.faults = slices.Concat(in.faults, besides(in.faults, r.faults))
	locate(r.faults, file.Content[0])
	slices.SortStableFunc(r.faults, byLine)
	if len(r.faults) > maxFaults {
		r.faults = append(r.faults[:maxFaults], fault("the file", "has %d more faults", len(r.faults)-maxFaults))
	}
	if err := errors.Join(r.faults...); err != nil {
		return nil, err
	}
	c.Sort()
	return c, nil
}

// top reads the sections. What belongs into a server's own file is told apart.
func (r *nodes) top(n *yaml.Node, c *configuration.Configuration) {
	if n.Kind == yaml.MappingNode {
		local := fieldsOf(reflect.TypeFor[Config]())
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			if _, is := local[key.Value]; is && key.Value != "devices" {
				r.fault(key, &place{key: key.Value}, "belongs into the file of a server, which nobody shares: take it away here")
				n.Content = slices.Delete(n.Content, i, i+2)
				i -= 2
			}
		}
	}
	r.value(n, nil, reflect.ValueOf(c).Elem())
}

// besides are the faults of meaning in entries that could be read: what is said of an
// entry with a misspelt key may follow from that.
func besides(shape, meaning []error) []error {
	spoilt := make(map[string]bool)
	for _, err := range shape {
		var f *FaultError
		if errors.As(err, &f) {
			spoilt[entryOf(f.Path)] = true
		}
	}
	return slices.DeleteFunc(meaning, func(err error) bool {
		var f *FaultError
		return errors.As(err, &f) && spoilt[entryOf(f.Path)]
	})
}

// entryOf is the entry of a section that a path is in: devices[3] of devices[3].verbs[0].url.
func entryOf(path string) string {
	entry, _, _ := strings.Cut(path, ".")
	return entry
}

func byLine(a, b error) int {
	var x, y *FaultError
	if errors.As(a, &x) && errors.As(b, &y) {
		return cmp.Compare(x.Line, y.Line)
	}
	return 0
}

// locate gives faults of meaning the lines that they are about.
func locate(faults []error, top *yaml.Node) {
	for _, err := range faults {
		var f *FaultError
		if errors.As(err, &f) && f.Line == 0 {
			f.Line = lineOf(top, f.Path)
		}
	}
}

// lineOf follows a path as far as it goes.
func lineOf(n *yaml.Node, path string) int {
	line := n.Line
	for step := range strings.SplitSeq(path, ".") {
		key, index, listed := strings.Cut(step, "[")
		next := find(n, key)
		if next == nil {
			return line
		}
		n, line = next, next.Line
		if !listed {
			continue
		}
		i, err := strconv.Atoi(strings.TrimSuffix(index, "]"))
		if n.Kind == yaml.AliasNode {
			n = n.Alias
		}
		if err != nil || n.Kind != yaml.SequenceNode || i >= len(n.Content) {
			return line
		}
		n = n.Content[i]
		line = n.Line
	}
	return line
}

// validateLandscape reports every fault of meaning.
func validateLandscape(c *configuration.Configuration, r *report) {
	for _, s := range []struct {
		name string
		n    int
	}{{"devices", len(c.Devices)}, {"ports", len(c.Ports)}, {"panels", len(c.Panels)}, {"mappings", len(c.Mappings)}} {
		if s.n > maxEntries {
			r.add(s.name, "are %d: at most %d", s.n, maxEntries)
			return
		}
	}
	validateDevices(c.Devices, r)
	devices := make(map[string]*domain.Definition, len(c.Devices))
	for i := range c.Devices {
		devices[c.Devices[i].Device] = &c.Devices[i]
	}
	ports := validatePorts(c.Ports, devices, r)
	validatePanels(c.Panels, ports, r)
	names := make(map[string]string)
	for i, m := range c.Mappings {
		key := fmt.Sprintf("mappings[%d]", i)
		r.unique(names, key+".name", m.Name, "each mapping")
		d := devices[m.Device]
		if d == nil {
			r.absent(key+".device", "%q is not among the devices: add it there, or take the mapping away", m.Device)
		}
		r.target(key+".target", m.Target, d)
	}
	if p := c.Policy.ConfigPrimary; p != "" {
		r.name("policy.config_primary", p, "a server")
	}
}

func validatePorts(list []configuration.Port, devices map[string]*domain.Definition, r *report) map[string]string {
	ids, sides := make(map[string]string), make(map[configuration.Port]string)
	for i, p := range list {
		key := fmt.Sprintf("ports[%d]", i)
		r.unique(ids, key+".id", p.ID, "each port")
		place := configuration.Port{Device: p.Device, Side: p.Side, Number: p.Number}
		if other := sides[place]; other != "" {
			r.add(key, "is the same side of the same device as %s: take one away", other)
		}
		sides[place] = key
		d := devices[p.Device]
		var most int
		switch {
		case d == nil:
			r.absent(key+".device", "%q is not among the devices: add it there, or take the port away", p.Device)
			continue
		case p.Side == domain.PortInput:
			most = d.Inputs
		case p.Side == domain.PortOutput:
			most = d.Outputs
		default:
			r.add(key+".side", "%q: use %s or %s", p.Side, domain.PortInput, domain.PortOutput)
			continue
		}
		if p.Number < 1 || p.Number > most {
			r.add(key+".number", "%d: %s has %d on that side", p.Number, p.Device, most)
		}
	}
	return ids
}

func validatePanels(list []configuration.Panel, ports map[string]string, r *report) {
	ids := make(map[string]string)
	for i, p := range list {
		key := fmt.Sprintf("panels[%d]", i)
		r.unique(ids, key+".id", p.ID, "each panel")
		for _, port := range p.Ports {
			if ports[port] == "" {
				r.absent(key+".ports", "%q is not among the ports: add it there, or take it away", port)
			}
		}
	}
}

// unique sees that a name is there, and but once.
func (r *report) unique(seen map[string]string, key, value, of string) {
	switch {
	case value == "" || len(value) > domain.MaxSubject:
		r.add(key, "%q: %s needs one of 1 to %d bytes", value, of, domain.MaxSubject)
	case seen[value] != "":
		r.add(key, "%q is also that of %s: %s needs its own", value, seen[value], of)
	default:
		seen[value] = strings.TrimSuffix(strings.TrimSuffix(key, ".id"), ".name")
	}
}
