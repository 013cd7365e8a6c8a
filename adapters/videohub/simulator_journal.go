package videohub

import (
	"strconv"
	"strings"
	"sync"

	"github.com/understudy-io/understudy/domain"
)

// Write is one request as the router received it.
type Write struct {
	Sequence uint64       `json:"seq"`    // counts from 1, without gaps
	At       domain.Mono  `json:"at"`     // nanoseconds of CLOCK_BOOTTIME, when its last byte was read
	Client   string       `json:"client"` // address:port
	Raw      []byte       `json:"raw"`    // base64 in JSON
	Text     string       `json:"text"`
	Changes  []Crosspoint `json:"changes,omitempty"`
	Answer   string       `json:"answer,omitempty"` // ACK or NAK; empty for a request that never ended
}

// Crosspoint is a source on a destination. Ports count from 1.
type Crosspoint struct {
	Destination int `json:"dest"`
	Source      int `json:"source"`
}

// entry is a Write as it is kept: small, there may be a million.
type entry struct {
	at     domain.Mono
	client string
	raw    string
	answer string
}

// journal is the record of requests: the newest ones, bounded in number and bytes.
type journal struct {
	mu       sync.Mutex
	entries  []entry // those below head are forgotten
	head     int
	first    uint64 // sequence of the entry at head
	bytes    int
	capacity int
	maxBytes int
}

func newJournal(capacity, maxBytes int) *journal {
	return &journal{capacity: capacity, maxBytes: maxBytes, first: 1}
}

func (j *journal) add(e entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries = append(j.entries, e)
	j.bytes += len(e.raw)
	for n := len(j.entries) - j.head; n > j.capacity || (j.bytes > j.maxBytes && n > 1); n-- {
		j.bytes -= len(j.entries[j.head].raw)
		j.entries[j.head] = entry{}
		j.head++
		j.first++
	}
	if j.head > len(j.entries)/2 {
		j.entries = append(j.entries[:0], j.entries[j.head:]...)
		j.head = 0
	}
}

// after gives up to limit entries with a sequence above since, and the sequence
// of the newest one.
func (j *journal) after(since uint64, limit int) (ws []Write, newest uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	kept := j.entries[j.head:]
	newest = j.first + uint64(len(kept)) - 1
	if since >= newest {
		return nil, newest
	}
	for seq := max(since+1, j.first); seq <= newest && len(ws) < limit; seq++ {
		e := kept[seq-j.first]
		ws = append(ws, Write{
			Sequence: seq, At: e.at, Client: e.client, Raw: []byte(e.raw), Text: e.raw,
			Changes: crosspoints(e.raw), Answer: e.answer,
		})
	}
	return ws, newest
}

// clear forgets all entries. Sequence numbers go on.
func (j *journal) clear() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.first += uint64(len(j.entries) - j.head)
	j.entries, j.head, j.bytes = nil, 0, 0
}

// crosspoints decodes the crosspoints that a request asks for.
func crosspoints(raw string) []Crosspoint {
	lines := strings.Split(strings.ReplaceAll(raw, "\r\n", "\n"), "\n")
	if lines[0] != headRouting {
		return nil
	}
	var cs []Crosspoint
	for _, line := range lines[1:] {
		port, rest, ok := item(line)
		source, err := strconv.Atoi(rest)
		if ok && err == nil {
			cs = append(cs, Crosspoint{port + 1, source + 1})
		}
	}
	return cs
}
