package cluster_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/understudy-io/understudy/infra/up"
	"github.com/understudy-io/understudy/integration/cluster"
)

// TestADiskThatGetsFullUnderLoadLosesNothing: nobody acts, up says why and what
// to do, with room again it goes on by itself; and after kill -9 of everything
// all that was ever acknowledged has its outcome.
func TestADiskThatGetsFullUnderLoadLosesNothing(t *testing.T) {
	needsEmbedded(t)
	disk := filepath.Join(t.TempDir(), "land")
	if err := errors.Join(os.Mkdir(disk, 0o755), syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=16m")); err != nil {
		t.Skipf("only root can mount a small disk here, so one that gets full is not tried with a whole landscape: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(disk, syscall.MNT_DETACH) })
	l, err := cluster.Start(t.Context(), program(), disk)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Stop() })
	s := newStage(t, l)
	crashOn(t, s, 2, func(s *stage, l *load) {
		filler := filepath.Join(disk, "filler")
		s.no(fill(filler))
		s.eventually("nobody is primary", func() error {
			if said := s.CLI(t.Context(), "cluster", "status"); said.Code != 4 {
				return fmt.Errorf("%s", said)
			}
			return nil
		})
		l.done.Wait() // its last append of each kind has failed
		s.upSays("the disk of " + disk + " is full")
		before, pulses := s.received()
		s.cli(5, "route", "set", up.VideohubID, "--dest", "30", "--source", "30", "--timeout", "100ms")
		s.cli(5, "command", "send", up.GateID, "pulse", "--timeout", "100ms")
		if now, after := s.received(); now != before || after != pulses {
			t.Errorf("without the log the devices have received %d and %d requests", now-before, after-pulses)
		}
		s.no(os.Remove(filler))
		s.primary() // which begins with what waits, and is ended while it does
		s.upSays("has room again")
		s.result(0, "route", "set", up.VideohubID, "--dest", "31", "--source", "31")
	})
}

// fill takes what is left of a disk.
func fill(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	for block := make([]byte, 64<<10); len(block) > 0; {
		if _, err = f.Write(block); err != nil {
			block = block[:len(block)/2]
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		return errors.Join(fmt.Errorf("the disk is not full: %w", err), f.Close())
	}
	return f.Close()
}

// received counts the requests that the router and the gate have received.
func (s *stage) received() (hub, gate int) {
	s.t.Helper()
	routes, err := s.HubWrites(s.t.Context(), 0)
	s.no(err)
	pulses, err := s.GateWrites(s.t.Context(), 0)
	s.no(err)
	return len(routes), len(pulses)
}

func (s *stage) upSays(what string) {
	s.t.Helper()
	s.eventually("up says: "+what, func() error {
		text, err := os.ReadFile(s.Dir + ".said")
		if err == nil && !strings.Contains(string(text), what) {
			err = fmt.Errorf("it says\n%s", text)
		}
		return err
	})
}
