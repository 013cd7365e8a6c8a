package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// packet drops packets between servers and devices. Its rules are in a table that the
// kernel takes away when the process that owns it ends, however it ends.
type packet struct {
	nft   *exec.Cmd
	in    io.WriteCloser
	table string
	ports string

	mu  sync.Mutex
	cut map[string]bool // addresses of servers
}

// packetWithin bounds the wait for the kernel to have a rule.
const packetWithin = 2 * time.Second

// newPacket needs root, Linux and nft.
func newPacket(ports []string) (*packet, error) {
	p := &packet{
		nft: exec.Command("nft", "-i"), table: fmt.Sprintf("understudy_chaos_%d", os.Getpid()),
		ports: "{ " + strings.Join(ports, ", ") + " }", cut: make(map[string]bool),
	}
	var err error
	if p.in, err = p.nft.StdinPipe(); err != nil {
		return nil, err
	}
	if err := p.nft.Start(); err != nil {
		return nil, fmt.Errorf("nft, to drop packets: %w", err)
	}
	err = p.do(0,
		fmt.Sprintf("add table ip %s { flags owner; }", p.table),
		fmt.Sprintf("add chain ip %s out { type filter hook output priority 0; }", p.table),
	)
	if err != nil {
		_ = p.close()
		return nil, err
	}
	return p, nil
}

// do gives lines to nft and waits until the kernel has so many rules.
func (p *packet) do(rules int, lines ...string) error {
	for _, line := range lines {
		if _, err := fmt.Fprintln(p.in, line); err != nil {
			return fmt.Errorf("tell nft: %w", err)
		}
	}
	deadline := time.Now().Add(packetWithin)
	for {
		out, err := exec.Command("nft", "list", "chain", "ip", p.table, "out").CombinedOutput()
		if err == nil && strings.Count(string(out), " drop") == rules {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("nft does not do what it is told: %w: %s", err, out)
		}
		time.Sleep(5 * time.Millisecond) // the pace of the poll
	}
}

func (p *packet) drop(source string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut[source] = true
	return p.write()
}

func (p *packet) pass(source string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.cut, source)
	return p.write()
}

// write puts down all rules anew; under mu.
func (p *packet) write() error {
	lines := []string{fmt.Sprintf("flush chain ip %s out", p.table)}
	for source := range p.cut {
		lines = append(lines,
			fmt.Sprintf("add rule ip %s out ip saddr %s tcp dport %s drop", p.table, source, p.ports),
			fmt.Sprintf("add rule ip %s out ip daddr %s tcp sport %s drop", p.table, source, p.ports))
	}
	return p.do(2*len(p.cut), lines...)
}

func (p *packet) close() error {
	_ = p.in.Close()
	return p.nft.Wait()
}
