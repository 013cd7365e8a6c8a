// Command projection is a read model of your own: it reads the JSON lines that
// `understudy export` wrote and counts, for each device, what became of its
// commands. It needs nothing of Understudy's code.
//
//	cat /backup/main/log-*.jsonl | go run ./docs/examples/projection
//
// It says of itself what a projection should: how many records it has seen, up to
// where, and a hash over what it holds, so that two of them can be compared.
package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
)

// line is what is used of a line: see docs/audit.md.
type line struct {
	Partition string `json:"logpartition"`
	Offset    string `json:"logoffset"`
	Type      string `json:"type"`
	Subject   string `json:"subject"`
}

// projection is the read model.
type projection struct {
	records  int
	position map[string]string         // offset of the last record, by partition
	counts   map[string]map[string]int // by device and type
}

func newProjection() *projection {
	return &projection{position: make(map[string]string), counts: make(map[string]map[string]int)}
}

// apply takes the next record of a partition.
func (p *projection) apply(l line) {
	p.records++
	p.position[l.Partition] = l.Offset
	if l.Subject == "" {
		return
	}
	if p.counts[l.Subject] == nil {
		p.counts[l.Subject] = make(map[string]int)
	}
	p.counts[l.Subject][l.Type]++
}

// show prints the model in a fixed order, and a hash of what it printed.
func (p *projection) show(out io.Writer) error {
	sum := sha256.New()
	to := io.MultiWriter(out, sum)
	for _, device := range slices.Sorted(maps.Keys(p.counts)) {
		for _, kind := range slices.Sorted(maps.Keys(p.counts[device])) {
			if _, err := fmt.Fprintf(to, "%s\t%s\t%d\n", device, kind, p.counts[device][kind]); err != nil {
				return err
			}
		}
	}
	for _, partition := range slices.Sorted(maps.Keys(p.position)) {
		if _, err := fmt.Fprintf(to, "partition %s up to %s\n", partition, p.position[partition]); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(out, "%d records, hash %x\n", p.records, sum.Sum(nil)[:8])
	return err
}

func run(in io.Reader, out io.Writer) error {
	p := newProjection()
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var l line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return fmt.Errorf("behind %d records: %w", p.records, err)
		}
		p.apply(l)
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return p.show(out)
}

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
