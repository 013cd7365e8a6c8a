package httpdevice

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// A dial that ends after the reading for which it was begun does not give a device that
// takes one connection a second one.
func TestADialThatEndsTooLateLeavesNoConnection(t *testing.T) {
	for name, next := range map[string]bool{"nobody reads": false, "the next reading has begun": true} {
		mine, theirs := net.Pipe()
		dialing, answer := make(chan struct{}), make(chan struct{})
		l := &link{single: true, slot: make(chan struct{}, 1), driver: &Driver{}}
		l.driver.options.DialRead = func(context.Context, string, string) (net.Conn, error) {
			close(dialing)
			<-answer
			return mine, nil
		}
		over, err := l.alone()
		if err != nil {
			t.Fatal(err)
		}
		refused := make(chan error, 1)
		go func() {
			_, err := l.dialToRead(context.Background(), "tcp", "device")
			refused <- err
		}()
		<-dialing
		over()
		if next {
			if over, err = l.alone(); err != nil {
				t.Fatal(err)
			}
		}
		close(answer)
		if err := <-refused; !errors.Is(err, errTooLate) || l.reading != nil {
			t.Errorf("%s: the link reads by %v: %v", name, l.reading, err)
		}
		_ = theirs.SetReadDeadline(time.Now().Add(time.Second))
		if _, err := theirs.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("%s: the connection stands: %v", name, err)
		}
		if next {
			over()
		}
	}
}
