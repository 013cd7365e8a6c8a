package election

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/understudy-io/understudy/domain"
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

// OrderOf is the comparison of a policy on record.
func OrderOf(p domain.Policy) Policy {
	switch p.Order {
	case domain.OrderPrecedence:
		return Precedence
	case domain.OrderDesignated:
		return Designated(p.Members...)
	}
	return LongestRunning
}

// FaultOf says what is wrong with a policy; empty if nothing is.
func FaultOf(p domain.Policy) string {
	switch {
	case p.Order != domain.OrderLongestRunning && p.Order != domain.OrderPrecedence && p.Order != domain.OrderDesignated:
		return fmt.Sprintf("policy %q is not known: use %s, %s or %s", p.Order, domain.OrderLongestRunning, domain.OrderPrecedence, domain.OrderDesignated)
	case p.FailBack != domain.FailBackNever && p.FailBack != domain.FailBackAuto && p.FailBack != domain.FailBackManual:
		return fmt.Sprintf("fail-back %q is not known: use %s, %s or %s", p.FailBack, domain.FailBackNever, domain.FailBackAuto, domain.FailBackManual)
	case p.HoldDown < 0 || p.HoldDown > MaxHoldDown:
		return fmt.Sprintf("hold-down %s: use 0s to %s", p.HoldDown, MaxHoldDown)
	case p.MaxMembers < 0 || p.MaxMembers > MaxMembers:
		return fmt.Sprintf("max_members %d: use 1 to %d, or 0 for the default", p.MaxMembers, MaxMembers)
	case p.Order == domain.OrderDesignated && len(p.Members) == 0:
		return "designated: name the servers, first the one that goes first"
	case p.Order != domain.OrderDesignated && len(p.Members) > 0:
		return fmt.Sprintf("%s takes no list of servers", p.Order)
	case len(p.Members) > MaxMembers:
		return fmt.Sprintf("designated: %d servers are named, at most %d can be", len(p.Members), MaxMembers)
	case !sound(p.By, domain.MaxText):
		return "by is no sound text"
	}
	for i, name := range p.Members {
		switch {
		case name == "" || !sound(name, domain.MaxSubject):
			return fmt.Sprintf("designated: %q is no name of a server", name)
		case slices.Contains(p.Members[:i], name):
			return fmt.Sprintf("designated: %s is named twice", name)
		}
	}
	return ""
}
