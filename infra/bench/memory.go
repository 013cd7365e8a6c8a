package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// memorySettle is how long a server gets to give back what the fold of its log and
// the first look at all its devices have left behind.
const memorySettle = 10 * time.Second

func aboutMemory(o *Options) time.Duration {
	return aboutFill(recordsPerCommand*o.UIDs) + memorySettle + 3*time.Second
}

// measureMemory starts servers on a landscape with all its devices and UIDs and
// asks the system how much memory each has. Its limit is the size of the data as
// such.
func measureMemory(ctx context.Context, b *bench) (err error) {
	l, err := b.open(ctx, b.Devices)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	if _, err := l.fill(ctx, b, recordsPerCommand*b.UIDs, b.UIDs); err != nil {
		return err
	}
	b.step("starts the servers")
	if err := l.startServers(ctx, b.Servers); err != nil {
		return err
	}
	if err := errors.Join(l.connected(ctx), sleep(ctx, memorySettle)); err != nil {
		return err
	}
	most := 0.0
	for _, s := range l.servers {
		running, err := serverProcess(s)
		if err != nil {
			return err
		}
		resident, err := residentBytes(running.PID)
		if err != nil {
			return err
		}
		most = max(most, resident)
	}
	raw, err := l.rawBytes(b.UIDs)
	if err != nil {
		return err
	}
	b.report(figure("memory", most/1e6, "MB").beside(raw / 1e6).atMost(250))
	return nil
}

// rawBytes is what there is to remember: of each UID itself, its offset, its
// time, the digest of its command and its outcome; of each device its
// definition.
func (l *landscape) rawBytes(uids int) (float64, error) {
	const uid, offset, instant, digest, outcome = 24, 8, 8, 16, 1
	size := uids * (uid + offset + instant + digest + outcome)
	for _, d := range l.definitions {
		d.Revision = 1
		m, err := l.codec.Encode(domain.TopicLog, 0, domain.Record{
			Type: domain.TypeConfigured, UID: "u", Source: domain.ServerSource("A"), Subject: d.Device, Epoch: 1, Sequence: 1,
			Payload: domain.Configured{Definition: d},
		})
		if err != nil {
			return 0, err
		}
		size += len(m.Value)
	}
	return float64(size), nil
}

// residentBytes is the memory of a process that is not swapped out.
func residentBytes(pid int) (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil { // not Linux
		status, err = exec.Command("ps", "-o", "rss=", "-p", strconv.Itoa(pid)).Output()
		if err != nil {
			return 0, fmt.Errorf("ask for the memory of process %d: %w", pid, err)
		}
		status = append([]byte("VmRSS: "), status...)
	}
	for lines := bufio.NewScanner(bytes.NewReader(status)); lines.Scan(); {
		if words := strings.Fields(lines.Text()); len(words) > 1 && words[0] == "VmRSS:" {
			kilobytes, err := strconv.ParseFloat(words[1], 64)
			return kilobytes * 1024, err
		}
	}
	return 0, fmt.Errorf("the system does not tell the memory of process %d: %w", pid, domain.ErrNotFound)
}
