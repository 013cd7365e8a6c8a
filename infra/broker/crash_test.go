package broker

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/understudy-io/understudy/domain"
)

// brokerOnly makes the test binary a broker and nothing else: it prints its
// address and runs until it is killed.
const brokerOnly = "UNDERSTUDY_TEST_BROKER_FOLDER"

func TestMain(m *testing.M) {
	folder := os.Getenv(brokerOnly)
	if folder == "" {
		os.Exit(m.Run())
	}
	b, err := Start(context.Background(), Config{Folder: folder, Landscape: "studio", Listen: "127.0.0.1:0"}, slog.Default())
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(b.Address())
	select {}
}

// brokerProcess runs a broker in a process of its own.
func brokerProcess(t *testing.T, folder string) (address string, kill func()) {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), brokerOnly+"="+folder)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	kill = func() {
		_ = c.Process.Kill() // SIGKILL; fails only if it has ended
		_ = c.Wait()
	}
	t.Cleanup(kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "127.0.0.1:") {
		t.Fatalf("the broker said %q, %v", line, err)
	}
	return strings.TrimSpace(line), kill
}

func TestWhatWasAcknowledgedSurvivesKill9(t *testing.T) {
	folder := t.TempDir()
	acknowledged := 0
	for round := range 4 {
		address, kill := brokerProcess(t, folder)
		l := openLog(t, address)
		for range 25 {
			out, err := l.Append(t.Context(), append(control(fmt.Sprint(acknowledged)),
				domain.Batch{Topic: logTopic, Partition: 5, Messages: []domain.Message{{Value: []byte("x")}}}))
			if err != nil {
				t.Fatal(err)
			}
			if out[0].Offset != int64(acknowledged) {
				t.Fatalf("round %d: record %d was appended at offset %d", round, acknowledged, out[0].Offset)
			}
			acknowledged++
		}
		kill()
		_ = l.Close()
	}
	address, _ := brokerProcess(t, folder)
	l := openLog(t, address)
	for i, m := range readControl(t, l, acknowledged) {
		if string(m.Value) != fmt.Sprint(i) {
			t.Fatalf("offset %d holds %q", i, m.Value)
		}
	}
	bounds, err := l.Bounds(t.Context(), logTopic)
	if err != nil || bounds[5].End != int64(acknowledged) {
		t.Fatalf("bounds %v, %v; wanted %d records in partition 5", bounds, err, acknowledged)
	}
}
