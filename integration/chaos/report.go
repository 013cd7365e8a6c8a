package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Summary is what rounds gave together.
type Summary struct {
	Count     int            `json:"count"` // of rounds
	Seconds   float64        `json:"seconds"`
	Faults    int            `json:"faults"`
	ByKind    map[string]int `json:"faults_by_kind"`
	Left      []string       `json:"left_out,omitempty"`
	Takeovers int            `json:"takeovers"`
	Commands  int            `json:"commands"`
	Outcomes  map[string]int `json:"outcomes"`
	Received  int            `json:"received"`
	Letters   int            `json:"dead_letters"`
	Wrong     int            `json:"violations"`
	Verdicts  []Verdict      `json:"verdicts"`
}

func sumOf(all []Result) Summary {
	s := Summary{Count: len(all), ByKind: make(map[string]int), Outcomes: make(map[string]int)}
	for _, r := range all {
		s.Seconds += r.Seconds
		s.Takeovers += r.Takeovers
		s.Commands += r.Commands
		s.Received += r.Received
		s.Letters += r.Letters
		s.Wrong += r.Wrong()
		for kind, n := range r.Faults {
			s.ByKind[kind] += n
			s.Faults += n
		}
		for o, n := range r.Outcomes {
			s.Outcomes[o] += n
		}
		for _, why := range r.Left {
			if !slices.Contains(s.Left, why) {
				s.Left = append(s.Left, why)
			}
		}
		for _, v := range r.Verdicts {
			s.add(v)
		}
	}
	return s
}

func (s *Summary) add(v Verdict) {
	i := slices.IndexFunc(s.Verdicts, func(x Verdict) bool { return x.What == v.What })
	if i < 0 {
		s.Verdicts = append(s.Verdicts, v)
		return
	}
	x := &s.Verdicts[i]
	x.Looked += v.Looked
	x.Wrong += v.Wrong
	x.Undecided += v.Undecided
	x.Doubts = append(slices.Clip(x.Doubts), v.Doubts...)
	x.Words = append(slices.Clip(x.Words), v.Words...)
	x.Stated = append(slices.Clip(x.Stated), v.Stated...)
}

func (s *Summary) print(out io.Writer) {
	took := time.Duration(s.Seconds * float64(time.Second)).Round(time.Second)
	fmt.Fprintf(out, "\n%d rounds, %v: %d faults, %d takeovers, %d commands, %d actions received, %d dead letters\n", s.Count, took, s.Faults, s.Takeovers, s.Commands, s.Received, s.Letters)
	fmt.Fprintf(out, "outcomes:")
	for _, o := range slices.Sorted(maps.Keys(s.Outcomes)) {
		fmt.Fprintf(out, " %s %d", o, s.Outcomes[o])
	}
	fmt.Fprint(out, "\n\n")
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "FAULT\tMADE")
	for _, w := range weights {
		fmt.Fprintf(t, "%s\t%d\n", w.kind, s.ByKind[w.kind])
	}
	_ = t.Flush()
	for _, why := range s.Left {
		fmt.Fprintf(out, "LEFT OUT in some rounds: %s\n", why)
	}
	fmt.Fprintln(out)
	fmt.Fprintln(t, "\tJUDGEMENT\tLOOKED AT\tWRONG\tUNDECIDED")
	for _, v := range s.Verdicts {
		fmt.Fprintf(t, "%s\t%s\t%d %s\t%d\t%d\n", v.Guarantee, v.What, v.Looked, v.Of, v.Wrong, v.Undecided)
	}
	_ = t.Flush()
	for _, v := range s.Verdicts {
		for _, word := range v.Words {
			fmt.Fprintf(out, "WRONG: %s %s\n", v.Guarantee, word)
		}
		for _, word := range v.Doubts {
			fmt.Fprintf(out, "UNDECIDED: %s %s\n", v.Guarantee, word)
		}
	}
}

// entry is a line of the ledger.
type entry struct {
	Commit string    `json:"commit"`
	Time   time.Time `json:"time"`
	Result
}

// commit names the tree that was built; with changes that are not committed, it says so.
func commit() string {
	out, err := exec.Command("git", "rev-parse", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	name := strings.TrimSpace(string(out))
	if changes, err := exec.Command("git", "status", "--porcelain").Output(); err != nil || len(changes) > 0 {
		name += "+changes"
	}
	return name
}

// enter adds a round to the ledger.
func enter(path string, r Result) error {
	b, err := json.Marshal(entry{commit(), time.Now().UTC(), r})
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(append(b, '\n'))
	return errors.Join(err, f.Close())
}

// maxLine bounds a line of the ledger.
const maxLine = 4 << 20

// readLedger gives the rounds of one commit.
func readLedger(in io.Reader, of string) ([]Result, error) {
	var out []Result
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		var e entry
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return nil, fmt.Errorf("line %d of the ledger: %w", n, err)
		}
		if e.Commit == of {
			out = append(out, e.Result)
		}
	}
	return out, lines.Err()
}

func tellLedger(path string, out io.Writer) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	of := commit()
	all, err := readLedger(f, of)
	if err != nil {
		return err
	}
	s := sumOf(all)
	fmt.Fprintf(out, "\nall of commit %s in %s: %d rounds, %.1f minutes, %d faults, %d takeovers, %d commands, %d violations\n",
		of, path, s.Count, s.Seconds/60, s.Faults, s.Takeovers, s.Commands, s.Wrong)
	return nil
}
