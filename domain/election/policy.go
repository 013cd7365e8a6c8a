package election

import (
	"cmp"
	"slices"
)

// Policy ranks members for the next epoch, as a comparison: negative if a goes
// before b. It decides who waits less, never who wins: that is the fold's.
type Policy func(a, b Member) int

// LongestRunning prefers the member that joined first. It is the default.
func LongestRunning(a, b Member) int { return bySeniority(a, b) }

// Precedence prefers the lowest number; members without one come last.
func Precedence(a, b Member) int {
	return cmp.Or(compareAbsent(a.Precedence == 0, b.Precedence == 0), cmp.Compare(a.Precedence, b.Precedence), bySeniority(a, b))
}

// Designated prefers members in the order of a list; others come last.
func Designated(names ...string) Policy {
	names = slices.Clone(names)
	return func(a, b Member) int {
		i, j := slices.Index(names, a.Name), slices.Index(names, b.Name)
		return cmp.Or(compareAbsent(i < 0, j < 0), cmp.Compare(i, j), bySeniority(a, b))
	}
}

// compareAbsent puts what is absent last.
func compareAbsent(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}
