package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// mutant is one planted fault.
type mutant struct {
	name     string // what is wrong, in a few words
	file     string // from the top of the module
	old, new string // old stands in the file exactly once
	checks   []check
}

// check is a test that should fail.
type check struct {
	pkg  string   // from the top of the module
	run  string   // the tests' names, as go test -run takes them; "" for all
	args []string // for the test program
}

// String is a check as a command.
func (c check) String() string {
	s := "go test ./" + c.pkg
	if c.run != "" {
		s += " -run '" + c.run + "'"
	}
	if len(c.args) > 0 {
		s += " -args " + strings.Join(c.args, " ")
	}
	return s
}

func test(pkg, run string, args ...string) check { return check{pkg, run, args} }

// in puts checks into an order.
func in(checks ...check) []check { return checks }

// all are the planted faults.
func all() []mutant {
	return slices.Concat(ofTheElection, ofTheDecisions, ofTheConfiguration, ofTheLease, ofThePartition, ofTheEmission, ofTheServer, ofTheSnapshot)
}

// planted is the text of a mutant's file with the fault in it.
func (m *mutant) planted(top string) ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(top, m.file))
	if err != nil {
		return nil, err
	}
	if n := strings.Count(string(b), m.old); n != 1 {
		return nil, fmt.Errorf("%s: %s has its text %d times and not once, so the mutant has rotted; look for where the rule went:\n%s", m.name, m.file, n, m.old)
	}
	return []byte(strings.Replace(string(b), m.old, m.new, 1)), nil
}
