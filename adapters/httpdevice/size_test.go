package httpdevice

import (
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// quietSink counts the devices that are there.
type quietSink struct{ up chan<- struct{} }

func (s quietSink) Up(string)                     { s.up <- struct{}{} }
func (s quietSink) Down(string)                   {}
func (s quietSink) Reported([]domain.Value, bool) {}
func (s quietSink) Answered(domain.Answered)      {}

// What a link takes that has read its device and has nothing to do: heap, and
// stacks of goroutines.
func BenchmarkLinksAtRest(b *testing.B) {
	const links = 1000
	device := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		_, _ = w.Write([]byte(`{"value": 1}`))
	}))
	defer device.Close()
	for name, verbs := range map[string]int{"read": 3, "probed": 1} {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				before, running := inUse(), runtime.NumGoroutine()
				ups := make(chan struct{}, links)
				driver := New(Options{Dial: anyDial})
				all := make([]domain.Link, links)
				for i := range all {
					def := definition(device.URL + "/" + strconv.Itoa(i))
					def.Verbs = def.Verbs[:verbs]
					var err error
					if all[i], err = driver.Open(def, quietSink{ups}); err != nil {
						b.Fatal(err)
					}
				}
				for range links {
					select {
					case <-ups:
					case <-time.After(time.Minute):
						b.Fatal("not all devices are there")
					}
				}
				b.ReportMetric(float64(runtime.NumGoroutine()-running)/links, "goroutines/device")
				b.ReportMetric(float64(inUse()-before)/links, "bytes/device")
				for _, l := range all {
					if err := l.Close(); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

// inUse is the memory of what lives, and of the stacks.
func inUse() int64 {
	for range 2 { // what the first one finds unused, the second one frees
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
