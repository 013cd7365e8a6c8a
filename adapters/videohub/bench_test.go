package videohub

import "testing"

func BenchmarkEmitToReport(b *testing.B) {
	sim, err := NewSimulator(SimOptions{})
	if err != nil {
		b.Fatal(err)
	}
	defer sim.Close()
	reported := make(chan struct{}, 1)
	l, err := New(Options{Dial: anyDial}).Open(definition(sim.Addr()), signal{reported})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	<-reported
	n := 0
	for b.Loop() {
		n++
		if err := l.Emit(b.Context(), take(uint64(n), 1, 1+n%40), pass); err != nil {
			b.Fatal(err)
		}
		<-reported
	}
}
