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

// maxBusyLines bounds how many busy ports are told one by one.
const maxBusyLines = 2

// checkPorts finds every busy port before anything is started.
func (o *Options) checkPorts() error {
	var lines []string
	ports := o.ports()
	for _, port := range slices.Sorted(maps.Keys(ports)) {
		l, err := net.Listen("tcp", o.address(port))
		if err == nil {
			_ = l.Close()
			continue
		}
		line := fmt.Sprintf("port %d (for %s)", o.PortBase+port, ports[port])
		who := holderOf(o.PortBase + port)
		switch {
		case !errors.Is(err, syscall.EADDRINUSE):
			line += ": " + err.Error()
		case who != "":
			line += " is in use by " + who
		default:
			line += " is in use"
		}
		lines = append(lines, line)
	}
	if len(lines) == 0 {
		return nil
	}
	if more := len(lines) - maxBusyLines; more > 0 {
		lines = append(lines[:maxBusyLines], fmt.Sprintf("and %d more of the ports %d to %d", more, o.PortBase, o.PortBase+slices.Max(slices.Collect(maps.Keys(ports)))))
	}
	return fmt.Errorf("%s\nEnd what holds them, or choose other ports: --port-base %d: %w",
		strings.Join(lines, "\n  "), o.otherBase(), domain.ErrConflict)
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
