package sim

import (
	"slices"
	"time"
)

// theme is something that happens seldom: a share of the histories is rich in one,
// with faults at the points that it leads to.
type theme struct {
	do     string
	weight int
	every  time.Duration // about
	long   time.Duration // how long each lasts, at most
	points []string
}

var themes = []theme{
	{"misread", 5, 500 * time.Millisecond, 0, []string{
		"core Notice", "core Refold", "core Quit", "core publish member.quarantined.v1", "control append member.cleared.v1",
		"core publish member.cleared.v1", "core EndTerm",
	}},
	{"twin", 2, 3 * time.Second, 4 * time.Second, []string{"control Yield", "control Quit", "guard Finish", "core Flush"}},
	{"control lost", 2, 3 * time.Second, 500 * time.Millisecond, []string{"control append epoch.floor.v1"}},
	{"reconfigure", 3, time.Second, 0, []string{"core CloseDevice", "core OpenDevice", "core journal device.configured.v1", "device Close"}},
	{"appends refused", 2, time.Second, 500 * time.Millisecond, []string{"journal Broken", "core EndTerm", "control append epoch.release.v1"}},
	{"leave", 2, time.Second, 500 * time.Millisecond, []string{
		"core Left", "control append member.left.v1", "guard Forward", "guard Finish", "device Settled", "journal Flushed", "removal of an old snapshot",
	}},
	{"retention", 2, 500 * time.Millisecond, 0, []string{"reader Stop", "control View", "copier Publish"}},
	{"policy", 3, 500 * time.Millisecond, 0, []string{"control append epoch.release.v1", "core Flush"}},
	{"drain", 2, time.Second, time.Second, []string{"control append epoch.release.v1"}},
	{"remove", 1, time.Second, 0, []string{"control Quit", "core Flush"}},
	{"partition away", 2, time.Second, time.Second, []string{"clerk Retrying", "clerk Fetch", "clerk append to log", "reader Lost", "reader Back"}},
	{"idle", 3, 20 * time.Second, 0, []string{"core journal log.tick.v1"}},
}

// theme draws that of a history; most have none.
func (g *generator) theme() *theme {
	if g.IntN(4) > 0 {
		return nil
	}
	total := 0
	for _, t := range themes {
		total += t.weight
	}
	n := g.IntN(total)
	for i := range themes {
		if n -= themes[i].weight; n < 0 {
			return &themes[i]
		}
	}
	return nil
}

// follow makes a history rich in its theme.
func (p *Plan) follow(g *generator, t *theme) {
	switch t.do {
	case "twin":
		p.twin(g)
	case "retention":
		p.ViewEvery = g.span(50*time.Millisecond, 500*time.Millisecond)
	case "idle":
		p.idle(g)
	}
	every, after := g.span(t.every/4, t.every), g.IntN(2) == 0
	for at := g.span(500*time.Millisecond, 3*time.Second); at < p.Ends; at += time.Duration(g.ExpFloat64() * float64(every)) {
		host := max(-1, g.IntN(2*p.Servers)-p.Servers)
		p.Faults = append(p.Faults, Fault{Do: t.do, At: at, For: g.span(t.long/50, t.long), Host: host, Arg: g.IntN(1 << 20)})
		if g.IntN(3) == 0 {
			p.Faults = append(p.Faults, Fault{
				Do: pick(g, atPoints...), At: at, For: g.span(20*time.Millisecond, time.Second), Host: -1, Arg: g.IntN(1 << 20),
				Point: g.pointOf(t, after),
			})
		}
	}
}

// pointOf draws a point that a theme leads to: in one history always the one before
// what happens there, or always the one after.
func (g *generator) pointOf(t *theme, after bool) string {
	name := pick(g, t.points...)
	if after && slices.Contains(points, "after "+name) {
		return "after " + name
	}
	return "before " + name
}

// idle is a history in which one server is the primary for a minute, and hardly
// anything is to be done.
func (p *Plan) idle(g *generator) {
	p.Ends = 63 * time.Second
	p.Faults, p.Traffic = p.Faults[:min(len(p.Faults), g.IntN(3))], p.Traffic[:min(len(p.Traffic), 20)]
	for i := range p.Hosts { // the slower the log is measured, the fewer heartbeats there are
		p.Hosts[i].Election.TTL = 300 * time.Millisecond
	}
}

// outOfReach has servers, most often the primary, lose devices for so long that others
// contest them because of it; there is little else. It draws by itself, so that no other
// history changes.
func (p *Plan) outOfReach(g *generator) {
	p.Faults = slices.DeleteFunc(p.Faults, func(Fault) bool { return g.IntN(6) > 0 })
	after := g.span(200*time.Millisecond, 2*time.Second)
	for i := range p.Hosts {
		p.Hosts[i].Election.UnreachedAfter = after
	}
	for at := g.span(time.Second, 4*time.Second); at < p.Ends; at += g.span(500*time.Millisecond, 6*time.Second) {
		f := Fault{Do: pick(g, "cut devices", "cut device"), At: at, For: g.span(4*time.Second, 10*time.Second), Host: -1, Arg: g.IntN(1 << 20)}
		if g.IntN(3) == 0 {
			f.Host = g.IntN(p.Servers)
		}
		p.Faults = append(p.Faults, f)
	}
}

// twin gives a server a second machine under its name, which runs now and then.
func (p *Plan) twin(g *generator) {
	h := p.Hosts[g.IntN(p.Servers)]
	h.Twin, h.Rate = true, 2*millionth-h.Rate
	p.Hosts = append(p.Hosts, h)
}
