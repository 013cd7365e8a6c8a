package codec

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/configuration"
)

// EncodeConfiguration writes what a revision holds, and gives its hash. Sort it before:
// equal configurations then have equal bytes.
func EncodeConfiguration(c *configuration.Configuration) (encoded []byte, hash string, err error) {
	b, err := marshal(c)
	if err != nil {
		return nil, "", fmt.Errorf("encode the configuration: %w", err)
	}
	if len(b) > domain.MaxRevision {
		return nil, "", fmt.Errorf("the configuration has %d bytes when it is encoded, %d are allowed: %w", len(b), domain.MaxRevision, domain.ErrInvalid)
	}
	return b, hashOf(b), nil
}

// DecodeConfiguration reads what EncodeConfiguration wrote, if it has that hash.
func DecodeConfiguration(b []byte, hash string) (*configuration.Configuration, error) {
	if got := hashOf(b); got != hash {
		return nil, fmt.Errorf("a configuration of %d bytes has hash %s, want %s: %w", len(b), got, hash, domain.ErrCorrupt)
	}
	r := &reader{b: b}
	c := readConfiguration(r)
	if r.err == nil && r.i != len(r.b) {
		r.err = errTrailing
	}
	if r.err != nil {
		return nil, fmt.Errorf("decode a configuration: %w: %w", r.err, domain.ErrCorrupt)
	}
	return c, nil
}

func hashOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func readConfiguration(r *reader) *configuration.Configuration {
	c := new(configuration.Configuration)
	for o := r.object(); o.next(); {
		switch string(o.key) {
		case "devices":
			c.Devices = list(r, readDefinition)
		case "ports":
			c.Ports = list(r, readPort)
		case "panels":
			c.Panels = list(r, readPanel)
		case "mappings":
			c.Mappings = list(r, readMapping)
		case "policy":
			c.Policy = readPolicy(r)
		default:
			r.skip()
		}
	}
	return c
}

func readPort(r *reader) (p configuration.Port) {
	for o := r.object(); o.next(); {
		switch string(o.key) {
		case "id":
			p.ID = r.text()
		case "device":
			p.Device = r.text()
		case "side":
			p.Side = domain.PortKind(r.text())
		case "number":
			p.Number = int(r.int32())
		case "name":
			p.Name = r.text()
		default:
			r.skip()
		}
	}
	return p
}

func readPanel(r *reader) (p configuration.Panel) {
	for o := r.object(); o.next(); {
		switch string(o.key) {
		case "id":
			p.ID = r.text()
		case "name":
			p.Name = r.text()
		case "ports":
			p.Ports = list(r, (*reader).text)
		default:
			r.skip()
		}
	}
	return p
}

func readMapping(r *reader) (m configuration.Mapping) {
	for o := r.object(); o.next(); {
		switch string(o.key) {
		case "name":
			m.Name = r.text()
		case "device":
			m.Device = r.text()
		case "target":
			m.Target = domain.Target(r.text())
		default:
			r.skip()
		}
	}
	return m
}

func readPolicy(r *reader) (p configuration.Policy) {
	for o := r.object(); o.next(); {
		switch string(o.key) {
		case "config_primary":
			p.ConfigPrimary = r.text()
		case "allow_config_on_backup":
			p.AllowConfigOnBackup = r.bool()
		default:
			r.skip()
		}
	}
	return p
}
