package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/config"
)

// configuration is the file of the new server.
func (j *joiner) configuration(a *httpapi.Admission) []byte {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# Written by `understudy cluster join`. The devices come from the landscape's configuration.")
	line("landscape: %q\ndir: %q", a.Landscape, absolute(j.file("data")))
	for _, f := range secretFiles {
		if _, given := secretOf(a, f.name); given {
			line("%s: %q", f.key, absolute(j.file(f.name)))
		}
	}
	line("server:\n  name: %q\n  precedence: %d", j.in.Server, j.in.Precedence)
	if j.advertise != "" {
		line("  advertise: %q", j.advertise)
	}
	line("http:\n  listen: %q", j.listen)
	if j.tlsCert != "" || j.tlsKey != "" {
		line("  tls:\n    cert: %q\n    key: %q", absolute(j.tlsCert), absolute(j.tlsKey))
	}
	line("log:\n  partitions: %d\nkafka:\n  brokers:", a.Partitions)
	for _, broker := range a.Brokers {
		line("    - %q", broker)
	}
	return []byte(b.String())
}

// absolute is a path that is good wherever the server is started; nothing stays nothing.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil && path != "" {
		return abs
	}
	return path
}

// unsound are the faults of the configuration that would be written.
func (j *joiner) unsound(a *httpapi.Admission) (faults []string) {
	loaded, err := config.Load(config.Source{Text: j.configuration(a)})
	if err == nil {
		err = loaded.Config.Validate()
	}
	if err == nil {
		return nil
	}
	for fault := range strings.Lines(domain.Plain(err)) {
		faults = append(faults, "configuration: "+strings.TrimSpace(fault))
	}
	return faults
}
