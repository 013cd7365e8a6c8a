package domain

// Now is a reading of a server's two clocks, as a step machine is given it.
type Now struct {
	Mono Mono    // what leases, timers and ages are counted by
	Wall Instant // for people, and for the marks that confirm log time
}

// Scribe makes the records of one server.
type Scribe struct {
	Server string
	UID    func() string // another one each time, for ever
}

// Record is a record of this server about a device or a member.
func (s Scribe) Record(wall Instant, subject string, p Payload) Record {
	return Record{
		Type:    p.Type(),
		UID:     s.UID(),
		Source:  ServerSource(s.Server),
		Subject: subject,
		Created: wall, // for people; no rule looks at it
		Payload: p,
	}
}

// ServerSource is the ce_source of a server's own records.
func ServerSource(server string) string { return "/understudy/server/" + server }
