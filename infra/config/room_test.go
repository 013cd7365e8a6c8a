package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/adapters/httpdevice"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

// large is an HTTP device with as many verbs and arguments as one may have, whose texts
// have so many bytes.
func large(t *testing.T, bytes int) domain.Definition {
	t.Helper()
	d := DefaultDevice()
	d.Device, d.Driver, d.Address = "gate-1", domain.DriverHTTP, "http://192.0.2.1"
	for n := range httpdevice.MaxVerbs {
		v := domain.Verb{Name: fmt.Sprint("verb-", n), Effect: domain.Absolute, Method: "PUT", URL: "/x", Target: fmt.Sprint("level-", n), Value: "a0", ReadURL: "/y", ReadAt: "/z", Timeout: d.ConfirmWithin}
		for a := range domain.MaxArgs {
			v.Args = append(v.Args, fmt.Sprint("a", a))
		}
		d.Verbs = append(d.Verbs, v)
	}
	d.Verbs[0].Body = strings.Repeat("x", bytes-weight(&d))
	return d
}

// What passes the check can be written into the log: otherwise no primary could begin.
func TestADefinitionThatIsAllowedFitsIntoARecord(t *testing.T) {
	d := large(t, maxDefinition)
	if err := validated(d); len(err) > 0 {
		t.Fatalf("as large as it may be: %v", err)
	}
	c := codec.New("test", codec.Generate())
	if _, err := c.Encode(domain.TopicLog, 0, domain.Record{
		UID: "u", Source: "/server/A", Subject: d.Device, Epoch: 1, Sequence: 1, Payload: domain.Configured{Definition: d},
	}); err != nil {
		t.Errorf("it cannot be written: %v", err)
	}
	if err := validated(large(t, maxDefinition+1)); len(err) != 1 || !strings.Contains(err[0].Error(), "devices[0]: its texts have 524289 bytes") {
		t.Errorf("a byte more: %v", err)
	}
}

func validated(d domain.Definition) []error {
	r := &report{}
	validateDevices([]domain.Definition{d}, r)
	return r.faults
}

// The fold takes no device above its bound, and would leave it out for ever.
func TestNoPartitionIsGivenMoreDevicesThanItTakes(t *testing.T) {
	many := make([]domain.Definition, maxOfPartition+1)
	for i := range many {
		many[i] = domain.Definition{Device: fmt.Sprintf("device-%05d", i), Driver: domain.DriverVideohub, Inputs: 1, Outputs: 1}
	}
	s, at := partition.New(0, 1, partition.DefaultLimits()), domain.Instant(1_700_000_000_000_000_000)
	apply := func(seq int, subject string, p domain.Payload) partition.Verdict {
		return s.Apply(domain.Record{
			Position: domain.Position{Offset: int64(seq - 1)}, Appended: at, Type: p.Type(), Signed: true, Epoch: 1, Sequence: uint64(seq), Subject: subject, Payload: p,
		}).Verdict
	}
	apply(1, "A", domain.EpochOpened{Server: "A", Incarnation: "a1", Time: at})
	for i, d := range many {
		if got := apply(i+2, d.Device, domain.Configured{Definition: d}); (got == partition.Applied) != (i < maxOfPartition) {
			t.Fatalf("the fold says of device number %d: %s", i+1, got)
		}
	}
	if err := Spread(many[:maxOfPartition], 1); len(err) > 0 {
		t.Errorf("as many as it takes: %v", err)
	}
	if err := Spread(many, 1); len(err) != 1 || !strings.Contains(err[0].Error(), "4097 of them would be in partition 0 of 1, which takes 4096 at most") {
		t.Errorf("one more: %v", err)
	}
	if err := Spread(many, 2); len(err) > 0 {
		t.Errorf("spread over two: %v", err)
	}
	c := Default()
	c.Log.Partitions, c.Devices = 1, many
	told := 0
	for _, err := range c.faults() {
		if strings.Contains(err.Error(), "which takes 4096 at most") {
			told++
		}
	}
	if told != 1 {
		t.Error("a server starts with its own file of them")
	}
}
