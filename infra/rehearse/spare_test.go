package rehearse

import (
	"errors"
	"net"
	"testing"

	"github.com/understudy-io/understudy/domain"
)

// TestNoAddressOfADeviceIsASpare: under whichever name.
func TestNoAddressOfADeviceIsASpare(t *testing.T) {
	devices := []string{"127.0.0.1:9990", "http://127.0.0.1:8080/base", "192.0.2.7:9990", "192.0.2.8"}
	for _, into := range []string{
		"127.0.0.1:9990", "localhost:9990", "127.0.0.9:9990", "[::1]:9990", "0.0.0.0:9990", ":9990", "[::ffff:127.0.0.1]:9990",
		"http://localhost:8080", "http://127.0.0.1:8080/elsewhere", "127.0.0.1:8080", "192.0.2.7:9990", "192.0.2.8:1234",
	} {
		if s, err := NewSpare(t.Context(), into, devices); !errors.Is(err, domain.ErrConflict) {
			t.Errorf("%s: %v, %v", into, s, err)
		}
	}
	for _, into := range []string{"127.0.0.1", "nonsense://", "127.0.0.1:many"} {
		if _, err := NewSpare(t.Context(), into, devices); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%s: %v", into, err)
		}
	}
	if _, err := NewSpare(t.Context(), "127.0.0.1:9991", append(devices, "not.resolvable.invalid:1")); err == nil {
		t.Error("a device whose address cannot be resolved may be any")
	}
}

// TestASpareIsAllThatIsDialled: whatever a driver asks for.
func TestASpareIsAllThatIsDialled(t *testing.T) {
	spare, device := listen(t), listen(t)
	s, err := NewSpare(t.Context(), spare, []string{device})
	if err != nil {
		t.Fatal(err)
	}
	if c, err := s.Dial(t.Context(), "tcp", spare); err != nil {
		t.Error(err)
	} else {
		_ = c.Close()
	}
	if c, err := s.Dial(t.Context(), "tcp", device); !errors.Is(err, domain.ErrFenced) {
		t.Errorf("the device was dialled: %v, %v", c, err)
	}
}

func listen(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}
