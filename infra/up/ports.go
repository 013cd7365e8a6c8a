package up

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"syscall"

	"github.com/understudy-io/understudy/domain"
)

// ports lists every port that will be used, with what for.
func (o *Options) ports() map[int]string {
	out := map[int]string{
		portControl:    "the control of up",
		portVideohub:   "the simulated videohub",
		portVideohubUI: "the control of the simulated videohub",
		portGate:       "the simulated HTTP device",
		portGateUI:     "the control of the simulated HTTP device",
	}
	if len(o.Kafka) == 0 {
		out[portBroker] = "the broker"
	}
	for s := range o.Servers {
		out[portServer+s] = "server " + serverName(s)
		for b := range max(1, len(o.Kafka)) {
			out[portRelay+10*b+s] = "the relay of server " + serverName(s)
		}
	}
	return out
}

// checkPorts finds every busy port before anything is started.
func (o *Options) checkPorts() error {
	var faults []error
	ports := o.ports()
	for _, port := range slices.Sorted(maps.Keys(ports)) {
		what := ports[port]
		l, err := net.Listen("tcp", o.address(port))
		if err == nil {
			_ = l.Close()
			continue
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			faults = append(faults, fmt.Errorf("port %d (for %s): %w", o.PortBase+port, what, err))
			continue
		}
		by := ""
		if who := holderOf(o.PortBase + port); who != "" {
			by = " by " + who
		}
		faults = append(faults, fmt.Errorf("port %d (for %s) is in use%s", o.PortBase+port, what, by))
	}
	if len(faults) == 0 {
		return nil
	}
	var lines []string
	for _, f := range faults {
		lines = append(lines, f.Error())
	}
	return fmt.Errorf("%s; end what holds it, or choose other ports, for example --port-base %d: %w",
		strings.Join(lines, "; "), o.otherBase(), domain.ErrConflict)
}

// otherBase proposes a base whose ports are free now.
func (o *Options) otherBase() int {
	for base := o.PortBase + 100; base <= maxPortBase; base += 100 {
		other := *o
		other.PortBase = base
		if other.allFree() {
			return base
		}
	}
	return minPortBase
}

func (o *Options) allFree() bool {
	for port := range o.ports() {
		l, err := net.Listen("tcp", o.address(port))
		if err != nil {
			return false
		}
		_ = l.Close()
	}
	return true
}
