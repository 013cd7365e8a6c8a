package codec

import (
	"strconv"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// asTheLibrary reads a time without anything remembered.
func asTheLibrary(text string) (domain.Instant, bool) {
	var none *arena
	return none.instant([]byte(text))
}

// FuzzInstant: a remembered minute changes nothing, whatever was read before.
func FuzzInstant(f *testing.F) {
	for _, text := range []string{
		"2026-01-31T20:14:07.5Z", "2026-01-31T20:14:59Z", "2026-01-31T20:14:60Z", "2026-01-31T20:14:07.Z", "2026-01-31T20:14:07,5Z",
		"2026-01-31T20:14:07.123456789Z", "2026-01-31T20:14:07.1234567891Z", "2026-01-31T20:14:07+01:00", "2026-01-31T2:14:07Z",
		"2026-01-31T20:14:07z", "2026-13-31T20:14:07Z", "1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000001Z",
		"2262-04-11T23:47:16.854775807Z", "2262-04-11T23:47:16.854775808Z", "2262-04-11T23:46:59Z",
	} {
		f.Add("2026-01-31T20:14:00Z", text)
		f.Add(text, text)
	}
	f.Fuzz(func(t *testing.T, before, text string) {
		a := newArena()
		for _, s := range []string{before, text, text} {
			got, ok := a.instant([]byte(s))
			if want, sound := asTheLibrary(s); got != want || ok != sound {
				t.Fatalf("%q after %q: %v, %v; the library says %v, %v", s, before, got, ok, want, sound)
			}
		}
	})
}

func TestEveryTimeOfAMinuteIsReadAlike(t *testing.T) {
	a := newArena()
	at := time.Date(2026, 1, 31, 20, 14, 0, 0, time.UTC)
	for range 10_000 {
		text := at.Format(time.RFC3339Nano)
		if got, ok := a.instant([]byte(text)); !ok || got != domain.InstantOf(at) {
			t.Fatalf("%s: %v, %v", text, got, ok)
		}
		at = at.Add(13_777_777 * time.Nanosecond)
	}
}

func TestCountsAreReadAsTheLibraryDoes(t *testing.T) {
	for _, s := range []string{"", "0", "007", "+1", "-1", "1_0", "1e3", "12a", "9999999999999999999", "18446744073709551615", "18446744073709551616", "000000000000000000000001", "0000000000000000000000000001"} {
		n, ok := parseCount([]byte(s))
		want, err := strconv.ParseUint(s[:min(len(s), 24)], 10, 64)
		if ok != (err == nil) || ok && n != want {
			t.Errorf("%q: %d, %v; the library says %d, %v", s, n, ok, want, err)
		}
	}
}

func BenchmarkInstant(b *testing.B) {
	a, text := newArena(), []byte("2026-01-31T20:14:07.123456Z")
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := a.instant(text); !ok {
			b.Fatal("not read")
		}
	}
}
