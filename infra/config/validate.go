package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// The bounds on what may be configured.
const (
	maxName         = 63 // bytes of a server's or a landscape's name: a label of DNS
	maxPartitions   = 1024
	maxPrecedence   = 1_000_000
	minLease        = 15 * time.Millisecond // the shortest that was measured to hold on a quiet machine
	maxLease        = 30 * time.Second
	maxStagger      = time.Second
	minSaveInterval = time.Second
	maxDevices      = 10_000
)

// report collects faults, each a sentence about a key.
type report struct {
	faults  []error
	partial bool // not all could be read: what seems to lack may be there
}

func (r *report) add(key, format string, args ...any) {
	r.faults = append(r.faults, fault(key, format, args...))
}

// absent is add, of something that is named and not there.
func (r *report) absent(key, format string, args ...any) {
	if !r.partial {
		r.add(key, format, args...)
	}
}

// Validate reports every fault: values out of their range, and values that do
// not go together. Files that are named are not opened here.
func (c Config) Validate() error { return errors.Join(c.faults()...) }

func (c Config) faults() []error {
	r := &report{}
	c.validateIdentity(r)
	c.validateHTTP(r)
	c.Kafka.validate(r)
	c.validateLog(r)
	c.Election.validate(r)
	c.validateProcess(r)
	validateDevices(c.Devices, r)
	validateSpread(c.Devices, c.Log.Partitions, r)
	return r.faults
}

var nameForm = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9_-]*[a-zA-Z0-9])?$`)

func (r *report) name(key, value, what string) {
	switch {
	case value == "":
		r.add(key, "is missing: give %s a name", what)
	case len(value) > maxName || !nameForm.MatchString(value):
		r.add(key, "%q: use 1 to %d letters, digits, - and _, beginning and ending with a letter or a digit", value, maxName)
	}
}

func (c Config) validateIdentity(r *report) {
	r.name("server.name", c.Server.Name, "each server of the landscape")
	r.name("landscape", c.Landscape, "the landscape")
	if p := c.Server.Precedence; p < 0 || p > maxPrecedence {
		r.add("server.precedence", "%d: use 1 to %d, or 0 for none", p, maxPrecedence)
	}
	if s := c.Server.DeviceSource; s != "" && net.ParseIP(s) == nil {
		r.add("server.device_source", "%q is not an IP address of this machine, for example 192.0.2.11: write one, or leave it out", s)
	}
	if c.Dir == "" {
		r.add("dir", "is missing: name a folder that this server may write to")
	}
	if c.KeysFile == "" {
		r.add("keys_file", "is missing: name the file with the landscape's keys, the same on all its servers")
	}
}

func (c Config) validateHTTP(r *report) {
	host, ok := r.hostPort("http.listen", c.HTTP.Listen)
	if (c.HTTP.TLS.Cert == "") != (c.HTTP.TLS.Key == "") {
		r.add("http.tls", "cert and key belong together: set both, or neither")
	}
	if ok && !loopback(host) {
		if !c.HTTP.TLS.Enabled() {
			r.add("http.listen", "%q can be reached from other machines, so the API needs encryption: set http.tls.cert and http.tls.key, or listen on 127.0.0.1", c.HTTP.Listen)
		}
		if c.TokenFile == "" {
			r.add("http.listen", "%q can be reached from other machines, so the API needs users: set token_file, or listen on 127.0.0.1", c.HTTP.Listen)
		}
		if ip := net.ParseIP(host); c.Server.Advertise == "" && (host == "" || (ip != nil && ip.IsUnspecified())) {
			r.add("server.advertise", "is missing, and %q is no address that others can use: set the URL at which they reach this server", c.HTTP.Listen)
		}
	}
	if c.Server.Advertise == "" {
		return
	}
	u, err := url.Parse(c.Server.Advertise)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil || u.RawQuery != "" {
		r.add("server.advertise", "%q is not a URL such as https://server-a.example:7501", c.Server.Advertise)
	}
}

// Advertised is the URL at which others reach this server's HTTP API.
func (c Config) Advertised() string {
	switch {
	case c.Server.Advertise != "":
		return c.Server.Advertise
	case c.HTTP.TLS.Enabled():
		return "https://" + c.HTTP.Listen
	}
	return "http://" + c.HTTP.Listen
}

// hostPort checks a host:port and gives its host.
func (r *report) hostPort(key, value string) (host string, ok bool) {
	host, port, err := net.SplitHostPort(value)
	if err != nil {
		r.add(key, "%q is not host:port, for example 127.0.0.1:7501", value)
		return "", false
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || (n == 0 && key != "http.listen") {
		r.add(key, "%q: the port must be a number from 1 to 65535", value)
		return "", false
	}
	return host, true
}

// loopback says whether a host is reachable from this machine only. A name
// other than localhost may mean anything tomorrow, so it is not.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

func (c Config) validateLog(r *report) {
	if n := c.Log.Partitions; n < 1 || n > maxPartitions {
		r.add("log.partitions", "%d: use 1 to %d", n, maxPartitions)
	}
}

func (e Election) validate(r *report) {
	if e.MinTTL < minLease || e.MinTTL > maxLease {
		r.add("election.min_ttl", "%s: use %s to %s", e.MinTTL, minLease, maxLease)
	}
	if e.MaxTTL < minLease || e.MaxTTL > maxLease {
		r.add("election.max_ttl", "%s: use %s to %s", e.MaxTTL, minLease, maxLease)
	}
	if e.MinTTL > e.MaxTTL {
		r.add("election.min_ttl", "%s is above election.max_ttl %s: lower the first or raise the second", e.MinTTL, e.MaxTTL)
	}
	if ttl := time.Duration(e.TTL); ttl != 0 && (ttl < e.MinTTL || ttl > e.MaxTTL) {
		r.add("election.ttl", "%s is not between election.min_ttl %s and election.max_ttl %s: use auto, or move the bounds", ttl, e.MinTTL, e.MaxTTL)
	}
	if e.Policy != PolicyLongestRunning {
		r.add("election.policy", "%q is not known: use %s", e.Policy, PolicyLongestRunning)
	}
	if e.Stagger < time.Millisecond || e.Stagger > maxStagger {
		r.add("election.stagger", "%s: use 1ms to %s", e.Stagger, maxStagger)
	}
}

func (c Config) validateProcess(r *report) {
	if c.Guard.RestartMin <= 0 {
		r.add("guard.restart_min", "%s: must be above 0, or a server that cannot start would be started without end", c.Guard.RestartMin)
	}
	if c.Guard.RestartMin > c.Guard.RestartMax {
		r.add("guard.restart_min", "%s is above guard.restart_max %s: lower the first or raise the second", c.Guard.RestartMin, c.Guard.RestartMax)
	}
	if !slices.Contains([]string{ValveAuto, ValveRequired, ValveOff}, c.Valve) {
		r.add("valve", "%q: use auto, required or off", c.Valve)
	}
	if c.Snapshot.Every < minSaveInterval {
		r.add("snapshot.every", "%s: use at least %s", c.Snapshot.Every, minSaveInterval)
	}
	if c.Snapshot.Records < 0 {
		r.add("snapshot.records", "%d: use 0 (by time alone) or more", c.Snapshot.Records)
	}
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, c.Logging.Level) {
		r.add("logging.level", "%q: use debug, info, warn or error", c.Logging.Level)
	}
	if !slices.Contains([]string{"text", "json"}, c.Logging.Format) {
		r.add("logging.format", "%q: use text or json", c.Logging.Format)
	}
}

func validateDevices(devices []domain.Definition, r *report) {
	if len(devices) > maxDevices {
		r.add("devices", "are %d: at most %d", len(devices), maxDevices)
		return
	}
	ids, addresses := make(map[string]string), make(map[string]string)
	for i, d := range devices {
		key := fmt.Sprintf("devices[%d]", i)
		if d.Device != "" && ids[d.Device] != "" {
			r.add(key+".id", "%q is also that of %s: each device needs its own", d.Device, ids[d.Device])
		}
		ids[d.Device] = key
		if d.Address != "" && addresses[d.Address] != "" {
			r.add(key+".address", "%q is also that of %s: two queues for one device cannot keep its order", d.Address, addresses[d.Address])
		}
		addresses[d.Address] = key
		validateDevice(key, d, r)
	}
}
