package election

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/understudy-io/understudy/domain"
)

// A view is bytes from outside: a count of contests that no fold can have is refused,
// and not shifted by.
func TestAViewWithAnImpossibleCountOfContestsIsRefused(t *testing.T) {
	for times, refused := range map[int]bool{-1: true, 0: false, maxOutreached: false, maxOutreached + 1: true, 64: true} {
		outreached := fmt.Appendf(nil, `"retired":[],"outreached":{"at":1,"times":%d}`, times)
		s, err := Restore(bytes.Replace(NewState().Export(), []byte(`"retired":[]`), outreached, 1))
		if errors.Is(err, domain.ErrCorrupt) != refused {
			t.Errorf("%d times: %v", times, err)
		}
		if err == nil && s.outreached.rests(2) > outreachedPause<<(maxOutreached-1) {
			t.Errorf("%d times: the next one has to wait for %s", times, s.outreached.rests(2))
		}
	}
}
