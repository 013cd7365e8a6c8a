package httpdevice

import (
	"context"
	"net"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

// slowly is a dial that takes its time, but to one address none.
func slowly(takes time.Duration) DialFunc {
	return func(ctx context.Context, _, address string) (net.Conn, error) {
		if address != "good:80" {
			select {
			case <-time.After(takes):
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		near, far := net.Pipe()
		return near, far.Close()
	}
}

func openPulses(t *testing.T, d *Driver, address string) (*link, *recorder) {
	t.Helper()
	sink := newRecorder()
	l, err := d.Open(pulses(address), sink)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l.(*link), sink
}

// taken is how many are inside.
func (t *turnstile) taken() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.inside
}

func refresh(t *testing.T, l *link) {
	t.Helper()
	if err := l.Refresh(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
}

// Many who ask while a link looks at its device are answered by one more look, and
// that has one place.
func TestALinkThatIsAskedManyTimesTakesOnePlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		driver := New(Options{Dial: slowly(time.Second), DialTimeout: 4 * time.Second})
		l, _ := openPulses(t, driver, "slow:80")
		synctest.Wait() // it has begun to look
		for range maxInside + 10 {
			refresh(t, l)
		}
		if n := driver.inside.taken(); n != 2 {
			t.Errorf("one link has %d places, want that of its look and that of the next one", n)
		}
		time.Sleep(2500 * time.Millisecond)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if n := driver.inside.taken(); n != 0 {
			t.Errorf("%d places are lost", n)
		}
	})
}

// A place is given on even if its link has not begun to look, because it waits for
// an earlier answer of its device.
func TestAPlaceIsNotKeptForALinkThatIsBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		driver := New(Options{Dial: slowly(3 * time.Second), DialTimeout: 4 * time.Second})
		links := make([]*link, 2*maxInside)
		for i := range links {
			links[i], _ = openPulses(t, driver, "slow-"+strconv.Itoa(i)+":80")
		}
		time.Sleep(4 * keepPlace)
		for _, l := range links {
			refresh(t, l)
		}
		time.Sleep(2 * keepPlace)
		_, sink := openPulses(t, driver, "good:80")
		time.Sleep(keepPlace)
		synctest.Wait()
		if !sink.up {
			t.Errorf("a device that answers at once was not looked at within %s, because of others that hang", keepPlace)
		}
	})
}
