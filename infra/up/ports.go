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

// otherBase proposes a base whose ports are free now, and stay so.
func (o *Options) otherBase() int {
	for step := 100; step <= maxPortBase; step += 100 {
		other := *o
		other.PortBase = minPortBase + (o.PortBase-minPortBase+step)%(maxPortBase-minPortBase)
		if !other.lent() && other.allFree() {
			return other.PortBase
		}
	}
	return minPortBase
}

// lent reports whether some of the ports are of those that the system gives to outgoing
// connections: one may be taken whenever a server wants it again.
func (o *Options) lent() bool {
	first, last := outgoing()
	return last > 0 && o.PortBase <= last && o.PortBase+portsWide > first
}

// warnOfPorts says so.
func (o *Options) warnOfPorts() {
	if first, last := outgoing(); o.lent() {
		o.Printf("warning: this machine gives the ports %d to %d to outgoing connections, so one of %d to %d may be taken when a server starts again; choose others, such as --port-base %d",
			first, last, o.PortBase, o.PortBase+portsWide-1, o.otherBase())
	}
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
