package rehearse

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// dialTimeout bounds the making of a connection.
const dialTimeout = 5 * time.Second

// Spare is an address at which no device of the landscape is.
type Spare struct {
	address   string           // as it was given, with its scheme and path if it has some
	endpoints []netip.AddrPort // all that is dialled
}

// NewSpare resolves an address, host:port or a URL, and refuses one that is a device's,
// also under another name. All addresses of this machine count as one.
func NewSpare(ctx context.Context, address string, devices []string) (*Spare, error) {
	own, err := resolve(ctx, address)
	if err != nil {
		return nil, err
	}
	if own[0].Port() == 0 {
		return nil, fmt.Errorf("address %q names no port: give host:port, or the URL of an HTTP device: %w", address, domain.ErrInvalid)
	}
	for _, device := range devices {
		its, err := resolve(ctx, device)
		if err != nil {
			return nil, fmt.Errorf("whether %s is a device of the landscape cannot be told: %w", address, err)
		}
		for _, a := range own {
			for _, b := range its {
				if same(a, b) {
					return nil, fmt.Errorf("%s is the address of a device of the landscape (%s): a rehearsal goes to a simulator or a spare: %w", address, device, domain.ErrConflict)
				}
			}
		}
	}
	return &Spare{address, own}, nil
}

// Dial connects to the spare, and to nothing else.
func (s *Spare) Dial(ctx context.Context, _, addr string) (net.Conn, error) {
	asked, err := resolve(ctx, addr)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(s.endpoints, asked[0]) {
		return nil, fmt.Errorf("a rehearsal into %s does not reach %s: %w", s.address, addr, domain.ErrFenced)
	}
	var faults []error
	for _, to := range s.endpoints {
		d := net.Dialer{Timeout: dialTimeout}
		c, err := d.DialContext(ctx, "tcp", to.String())
		if err == nil {
			return c, nil
		}
		faults = append(faults, err)
	}
	return nil, errors.Join(faults...)
}

// defaultPorts are those of URLs that name none. Without a scheme it is the driver's.
var defaultPorts = map[string]string{"http": "80", "https": "443", "": "0"}

// resolve gives all that an address may stand for; port 0 where it names none.
func resolve(ctx context.Context, address string) ([]netip.AddrPort, error) {
	host, scheme := address, ""
	if strings.Contains(address, "://") {
		u, err := url.Parse(address)
		if err != nil || u.Host == "" {
			return nil, fmt.Errorf("address %q: give host:port, or the URL of an HTTP device: %w", address, domain.ErrInvalid)
		}
		if _, known := defaultPorts[u.Scheme]; !known {
			return nil, fmt.Errorf("address %q: %s is no scheme of a device: give host:port, or the URL of an HTTP device: %w", address, u.Scheme, domain.ErrInvalid)
		}
		host, scheme = u.Host, u.Scheme
	}
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		name, port = strings.Trim(host, "[]"), defaultPorts[scheme]
	}
	number, err := net.DefaultResolver.LookupPort(ctx, "tcp", port)
	if err != nil {
		return nil, fmt.Errorf("address %q: port %q: %w", address, port, domain.ErrInvalid)
	}
	if name == "" {
		name = "localhost"
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
	if err != nil || len(ips) == 0 {
		return nil, fmt.Errorf("address %q cannot be resolved; give an IP address: %w: %w", address, domain.ErrInvalid, err)
	}
	out := make([]netip.AddrPort, len(ips))
	for i, ip := range ips {
		out[i] = netip.AddrPortFrom(ip.Unmap().WithZone(""), uint16(number))
	}
	return out, nil
}

// same says whether two endpoints may be one.
func same(a, b netip.AddrPort) bool {
	port := a.Port() == b.Port() || a.Port() == 0 || b.Port() == 0
	return port && (a.Addr() == b.Addr() || ours(a.Addr()) && ours(b.Addr()))
}

// ours says whether an address is one of this machine.
func ours(ip netip.Addr) bool {
	if ip.IsLoopback() || ip.IsUnspecified() {
		return true
	}
	list, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, a := range list {
		if n, ok := a.(*net.IPNet); ok {
			if own, ok := netip.AddrFromSlice(n.IP); ok && own.Unmap() == ip {
				return true
			}
		}
	}
	return false
}
