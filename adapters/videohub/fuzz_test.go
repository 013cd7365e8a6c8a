package videohub

import (
	"slices"
	"testing"

	"github.com/understudy-io/understudy/domain"
)

// FuzzStream feeds any bytes in any cuts: it never panics, holds no more than
// its limits, and what it reads does not depend on the cuts.
func FuzzStream(f *testing.F) {
	f.Add([]byte(newFirmware), 3)
	f.Add([]byte(crlf(preamble23+smallDevice+smallState)), 1)
	f.Add([]byte("ACK\n\nNAK\r\n\r\nPING:\n\n"), 2)
	f.Add([]byte("VIDEO OUTPUT ROUTING:\n0 -1\n287 287\n288 0\n 1\n1\n\n\x00"), 7)
	f.Fuzz(func(t *testing.T, stream []byte, cut int) {
		cut = max(1, cut%97)
		whole, errWhole := readAll(t, [][]byte{stream})
		parts, errParts := readAll(t, slices.Collect(slices.Chunk(stream, cut)))
		if (errWhole == nil) != (errParts == nil) || !slices.Equal(whole, parts) {
			t.Errorf("whole: %v %v\nin parts of %d: %v %v", whole, errWhole, cut, parts, errParts)
		}
	})
}

func readAll(t *testing.T, parts [][]byte) (stated []domain.Value, err error) {
	a, r := assembler{}, newRouter("")
	for _, p := range parts {
		err = a.feed(p, func(b block) error {
			if b.header == headDevice {
				r.describe(b)
			}
			stated = append(stated, r.apply(b)...)
			return nil
		})
		if len(a.line) > maxLine || len(a.block.lines) > maxBlockLines || a.size > maxBlock {
			t.Fatalf("holds %d bytes of a line, %d lines of %d bytes", len(a.line), len(a.block.lines), a.size)
		}
		if err != nil {
			break
		}
	}
	for target, v := range r.values {
		if len(v) > domain.MaxText || target == "" {
			t.Fatalf("%q = %q", target, v)
		}
	}
	return stated, err
}

// FuzzEncode: whatever an action holds, one request comes out or none.
func FuzzEncode(f *testing.F) {
	f.Add("crosspoint/video/5", "3", "CAM 1", "lock", 5)
	f.Add("crosspoint/video/5\n\n", "3\n", "A\n\nPING:", "force-unlock", 288)
	f.Fuzz(func(t *testing.T, target, value, text, state string, n int) {
		for _, a := range []domain.Action{
			{Payload: domain.Take{}, Wishes: []domain.Value{{Target: domain.Target(target), Value: value}}},
			{Payload: domain.SetLabel{Port: domain.PortInput, Number: n, Text: text}},
			{Payload: domain.SetLock{Destination: n, State: domain.LockState(state)}},
		} {
			bytes, refused := encode(nil, &a)
			if refused != nil {
				continue
			}
			blocks := 0
			s := assembler{}
			err := s.feed(bytes, func(b block) error {
				blocks++
				if len(b.lines) != 1 {
					t.Errorf("%d items", len(b.lines))
				}
				return nil
			})
			if err != nil || blocks != 1 || s.partial() {
				t.Errorf("%q is %d requests, %v", bytes, blocks, err)
			}
		}
	})
}
