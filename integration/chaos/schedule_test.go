package main

import (
	"math/rand/v2"
	"strings"
	"testing"
)

func TestOneSeedIsOneScheduleWithEveryKind(t *testing.T) {
	one, other := schedule(rand.New(rand.NewPCG(7, 2)), 3), schedule(rand.New(rand.NewPCG(7, 2)), 3)
	kinds := make(map[string]bool)
	for n := range weights {
		a, b := one(), other()
		if a != b {
			t.Fatalf("step %d: %+v and %+v", n, a, b)
		}
		kinds[a.kind] = true
	}
	if len(kinds) != len(weights) {
		t.Errorf("the first %d steps have %d kinds", len(weights), len(kinds))
	}
}

func TestALedgerSumsTheRoundsOfOneCommit(t *testing.T) {
	const text = `{"commit":"a","seconds":60,"faults":{"kill server":3},"takeovers":2,"verdicts":[{"what":"x","looked":5}]}
{"commit":"b","seconds":60,"faults":{"kill server":9},"takeovers":9}
{"commit":"a","seconds":30,"faults":{"pause broker":1},"takeovers":1,"verdicts":[{"what":"x","looked":2,"wrong":1}]}
`
	all, err := readLedger(strings.NewReader(text), "a")
	if err != nil {
		t.Fatal(err)
	}
	if s := sumOf(all); s.Count != 2 || s.Faults != 4 || s.Takeovers != 3 || s.Wrong != 1 || s.Verdicts[0].Looked != 7 {
		t.Errorf("%+v", s)
	}
	if _, err := readLedger(strings.NewReader("{"), "a"); err == nil {
		t.Error("a torn line is taken")
	}
}
