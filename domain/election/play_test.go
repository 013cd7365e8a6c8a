package election

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
)

var update = flag.Bool("update", false, "rewrite what the plays say")

// play runs a script: a line is a comment, a stage direction, or, indented, what
// happened after the direction above it. An append lands after 1 ms, and is read
// 1 ms later, unless a direction says otherwise.
type play struct {
	*world
	t      *testing.T
	cast   map[string]*process // the latest of each name
	starts map[string]int
	plots  []plot
	usual  time.Duration
	lines  []string
}

// plot is what becomes of the next append of a type by a member.
type plot struct {
	member, kind string
	landings     []time.Duration
}

func TestPlays(t *testing.T) {
	scripts, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(scripts) < 15 {
		t.Fatalf("%d plays found: %v", len(scripts), err)
	}
	for _, path := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) { perform(t, path) })
	}
}

func perform(t *testing.T, path string) {
	script, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p := &play{world: newWorld(), t: t, cast: map[string]*process{}, starts: map[string]int{}, usual: time.Millisecond}
	p.fate = p.plotted
	p.say = func(format string, args ...any) {
		p.lines = append(p.lines, fmt.Sprintf("  %6s  %s", p.now.Round(time.Millisecond), fmt.Sprintf(format, args...)))
	}
	var got strings.Builder
	for line := range strings.Lines(string(script)) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, " ") {
			continue
		}
		fmt.Fprintln(&got, line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		p.direct(strings.Fields(line))
		for _, l := range p.lines {
			fmt.Fprintln(&got, l)
		}
		p.lines = nil
	}
	if p.err != nil {
		t.Error(p.err)
	}
	switch {
	case *update:
		if err := os.WriteFile(path, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	case got.String() != string(script):
		t.Errorf("the play went another way (if that is right: go test -run TestPlays -update):\n%s", got.String())
	}
}

// direct follows one stage direction.
func (p *play) direct(words []string) {
	verb, args := words[0], words[1:]
	switch verb {
	case "run":
		p.run(p.duration(args[0]))
		return
	case "who":
		p.who()
		return
	case "hang": // the log answers nobody, in silence, for that long
		p.hang()
		p.run(p.duration(args[0]))
		p.thaw(func() time.Duration { return p.usual })
		return
	case "stutter": // the same again and again, with 1 ms in between
		for end := p.now + p.duration(args[0]); p.now < end; p.run(time.Millisecond) {
			p.direct([]string{"hang", args[1]})
		}
		return
	case "slow": // every append takes that long from now on, and every read
		p.usual = p.duration(args[0])
		p.delay = func(*process) time.Duration { return p.usual }
		return
	case "plot": // plot a claim 30ms 50ms: its next claim lands twice; without times it is lost
		next := plot{member: args[0], kind: args[1]}
		for _, d := range args[2:] {
			next.landings = append(next.landings, p.duration(d))
		}
		p.plots = append(p.plots, next)
		return
	case "start":
		p.enter(args[0], args[1:])
		return
	case "policy", "failover", "dissolve":
		p.decide(verb, args)
		return
	case "invite": // invite early 10s: a token of that name, good for so long
		p.write("ops", time.Millisecond, domain.Invited{
			ID: args[0], Hash: HashOfToken(args[0]), Until: domain.Instant(p.now + p.duration(args[1])), By: "ops",
		})
		return
	case "admit": // admit d early: whoever brings that token comes in as d
		p.write(args[0], time.Millisecond, domain.Admitted{ID: args[1], Identity: "key of " + args[0]})
		return
	}
	who, ok := p.cast[args[0]]
	if !ok {
		p.t.Fatalf("%s: nobody is called %s", strings.Join(words, " "), args[0])
	}
	if p.happens(verb, who, args[1:]) || p.asks(verb, who, args[1:]) {
		return
	}
	p.t.Fatalf("%s: no such direction", verb)
}

func (p *play) duration(s string) time.Duration {
	d, err := time.ParseDuration(s)
	if err != nil {
		p.t.Fatal(err)
	}
	return d
}

// enter starts a server; its options are ttl=, stall=, unreached= and first=.
func (p *play) enter(name string, options []string) {
	p.starts[name]++
	cfg := Config{Member: name, Incarnation: fmt.Sprintf("%s%d", name, p.starts[name]), Guarded: true, TTL: 120 * time.Millisecond}
	for _, o := range options {
		key, value, _ := strings.Cut(o, "=")
		switch key {
		case "ttl":
			cfg.TTL = p.duration(value)
		case "stall":
			cfg.StallAfter = p.duration(value)
		case "unreached":
			cfg.UnreachedAfter = p.duration(value)
		case "first":
			cfg.Policy = Designated(strings.Split(value, ",")...)
		case "precedence":
			cfg.Precedence, _ = strconv.Atoi(value)
		case "folder": // with its key
			cfg.Identity, cfg.Proof = Prove(keyOf(value), cfg.Member, cfg.Incarnation)
		default:
			p.t.Fatalf("start: no option %s", key)
		}
	}
	p.cast[name] = p.start(cfg, 1, nil)
}

// decide does what an operator decides for the landscape: policy designated auto
// 500ms c,a; failover pause; failover resume; dissolve.
func (p *play) decide(verb string, args []string) {
	args = append(args, "", "", "", "")
	var record domain.Payload
	switch verb {
	case "policy":
		policy := domain.Policy{By: "ops", Order: domain.PolicyOrder(args[0]), FailBack: domain.FailBack(args[1])}
		if args[2] != "" {
			policy.HoldDown = p.duration(args[2])
		}
		for _, option := range args[3:] {
			if limit, ok := strings.CutPrefix(option, "max="); ok {
				policy.MaxMembers, _ = strconv.Atoi(limit)
			} else if option != "" {
				policy.Members = strings.Split(option, ",")
			}
		}
		record = policy
	case "failover":
		record = domain.Paused{On: args[0] == "pause", By: "ops"}
	case "dissolve":
		record = domain.Dissolved{By: "ops", Reason: "moved to another site"}
	}
	p.write("ops", time.Millisecond, record)
}

// happens does what befalls a server.
func (p *play) happens(verb string, who *process, args []string) bool {
	switch verb {
	case "pause":
		who.paused = true
	case "continue":
		who.resume()
	case "halt": // its machine stops, and its clock with it
		who.halt()
	case "unhalt":
		who.unhalt()
	case "kill":
		who.dead = true
	case "witness": // kill, under the eyes of its guard
		who.dead = true
		p.write(who.id.Name, time.Millisecond, domain.Died{Incarnation: who.id.Incarnation, Exit: "signal: killed"})
	case "deafen":
		who.deaf = true
	case "undeafen":
		who.deaf = false
	case "cut":
		who.deaf, who.mute = true, true
		who.step(LogLost{})
	case "mend":
		who.deaf, who.mute = false, false
		who.step(LogBack{})
		who.poll(time.Millisecond)
	default:
		return false
	}
	return true
}

// asks does what somebody wants of a server.
func (p *play) asks(verb string, who *process, args []string) bool {
	args = append(args, "")
	switch verb {
	case "release":
		who.step(Release{To: args[0], Reason: "asked for"})
	case "contest":
		who.step(Contest{By: "ops", Reason: "wanted", To: args[0]})
	case "clear":
		who.step(Clear{By: "ops", Reason: "nobody else is left"})
	case "leave":
		who.step(Leave{})
	case "ttl":
		who.machine.pace.fixed = p.duration(args[0])
	case "health": // health a ready=false hash=differs oldest=20s
		who.step(p.health(who.machine.health, args[:len(args)-1]))
	case "floor-for":
		who.step(Floor{Epoch: 41})
	case "remove":
		p.write(who.id.Name, time.Millisecond, domain.Removed{By: "ops"})
	case "remove-for-good":
		p.write(who.id.Name, time.Millisecond, domain.Removed{By: "ops", Reason: "sold", Out: true})
	case "drain", "undrain":
		p.write(who.id.Name, time.Millisecond, domain.Drained{On: verb == "drain", By: "ops"})
	case "quarantine":
		p.write(who.id.Name, time.Millisecond, domain.Quarantined{Incarnation: who.id.Incarnation, Reason: "its state differs"})
	default:
		return false
	}
	return true
}

func (p *play) health(h Health, options []string) Health {
	for _, o := range options {
		key, value, _ := strings.Cut(o, "=")
		switch key {
		case "ready":
			h.Ready = value == "true"
		case "hash":
			h.Hash = value
		case "lag":
			h.Lag, _ = strconv.ParseInt(value, 10, 64)
		case "missing":
			h.Missing, _ = strconv.ParseInt(value, 10, 64)
			h.Counted = true
		case "counted":
			h.Counted = value == "true"
		case "reaches":
			h.Counted = true
			h.Reaches = strings.FieldsFunc(value, func(r rune) bool { return r == ',' })
		case "oldest":
			h.OldestPending = p.duration(value)
		}
	}
	return h
}

// plotted is the fate of an append: as plotted, else it lands after 1 ms.
func (p *play) plotted(who *process, a Append) []time.Duration {
	for i, next := range p.plots {
		if next.member == who.id.Name && strings.Contains(string(a.Type), next.kind) {
			p.plots = append(p.plots[:i:i], p.plots[i+1:]...)
			return next.landings
		}
	}
	return []time.Duration{p.usual}
}

// who says what everybody is, in their own view.
func (p *play) who() {
	for _, q := range p.procs {
		switch {
		case q.dead:
			continue
		case q.paused:
			p.say("%s: paused", q.id)
		case q.acts():
			p.say("%s: %s of epoch %d, lease %s", q.id, q.machine.Role(), q.machine.tenure.epoch, (q.machine.LeaseEnd() - q.clock()).Round(time.Millisecond))
		default:
			p.say("%s: %s, epoch %d", q.id, q.machine.Role(), q.machine.State().Epoch())
		}
	}
}
