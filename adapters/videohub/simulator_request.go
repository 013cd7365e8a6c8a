package videohub

import (
	"slices"
	"strconv"

	"github.com/understudy-io/understudy/domain"
)

// request answers one block of a client, does it, and tells everybody what has
// changed.
func (s *Simulator) request(c *simClient, b block, at domain.Mono) {
	if !c.lockThawed() {
		return
	}
	defer s.mu.Unlock()
	if b.header == answerAck || b.header == answerNak {
		return
	}
	present := s.fault.Mode != FaultAbsent && s.fault.Mode != FaultNeedsUpdate
	answer, reply, changed := answerNak, []byte(nil), []int(nil)
	switch {
	case b.header == headPing:
		answer = answerAck
	case !present:
	case len(b.lines) == 0:
		if reply = s.hub.dump(b.header, c.host); reply != nil {
			answer = answerAck
		}
	default:
		if plan := s.hub.plan(b, c.host, s.opts.NakLocked); plan != nil {
			answer = answerAck
			if s.fault.Mode != FaultAckOnly {
				changed = plan()
			}
		}
	}
	s.journal.add(entry{at: at, client: c.name, raw: rawOf(b), answer: answer})
	s.say(c, []byte(answer+"\n\n"))
	s.say(c, reply)
	if len(changed) > 0 {
		s.broadcast(func(host string) []byte { return s.hub.section(b.header, host, changed) })
	}
}

func rawOf(b block) string {
	if string(b.raw) == pingRequest {
		return pingRequest // one copy for all
	}
	return string(b.raw)
}

// dump is the answer to a header without lines.
func (h *hub) dump(header, host string) []byte {
	switch header {
	case headDevice:
		return h.device()
	case headInputLabel, headOutputLabel, headLocks, headRouting, headConfig:
		return h.section(header, host, nil)
	}
	return nil
}

// plan checks a whole request and gives what does it; nil if it is not
// understood. The plan returns the ports that changed.
func (h *hub) plan(b block, host string, nakLocked bool) func() []int {
	size := len(h.outputs)
	if b.header == headInputLabel {
		size = len(h.inputs)
	}
	type change struct {
		port int
		text string
	}
	var changes []change
	for _, line := range b.lines {
		port, rest, ok := item(line)
		if !ok || port >= size || !h.understands(b.header, rest) {
			return nil
		}
		if nakLocked && b.header == headRouting && !h.allows(port, host) {
			return nil
		}
		changes = append(changes, change{port, rest})
	}
	return func() []int {
		var changed []int
		for _, c := range changes {
			if h.set(b.header, c.port, c.text, host) && !slices.Contains(changed, c.port) {
				changed = append(changed, c.port)
			}
		}
		return changed
	}
}

func (h *hub) understands(header, rest string) bool {
	switch header {
	case headInputLabel, headOutputLabel:
		return true
	case headLocks:
		return rest == "O" || rest == "U" || rest == "F"
	case headRouting:
		source, ok := wirePort(rest)
		return ok && source < len(h.inputs)
	}
	return false
}

// set does one item, unless somebody else's lock forbids it. It says whether
// anything changed.
func (h *hub) set(header string, port int, text, host string) bool {
	switch header {
	case headInputLabel:
		return replace(&h.inputs[port], text)
	case headOutputLabel:
		return replace(&h.outputs[port], text)
	case headRouting:
		source, err := strconv.Atoi(text)
		return err == nil && h.allows(port, host) && replace(&h.routing[port], source)
	case headLocks:
		switch {
		case text == "F":
			return replace(&h.owners[port], "")
		case !h.allows(port, host):
			return false
		case text == "O":
			return replace(&h.owners[port], host)
		}
		return replace(&h.owners[port], "")
	}
	return false
}

func replace[T comparable](at *T, v T) bool {
	was := *at
	*at = v
	return was != v
}
