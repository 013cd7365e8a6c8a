package main

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/understudy-io/understudy/domain"
)

// operation is one of a register: a write, or a read of what is there.
type operation struct {
	write bool
	value int
}

// register is what a crosspoint should be. The value at the beginning is not known.
var register = porcupine.Model{
	Init: func() any { return 0 },
	Step: func(state, input, _ any) (bool, any) {
		op := input.(operation)
		if op.write {
			return true, op.value
		}
		return state == 0 || state == op.value, op.value
	},
}

// registerLimit bounds the search on one crosspoint.
const registerLimit = 20 * time.Second

// judgeRegisters takes each crosspoint for a register. A confirmed command wrote it at
// some moment between its first sending and its outcome in the log. One that did not
// end confirmed wrote it whenever the router received it, or not at all. And it is read
// from the router.
func judgeRegisters(c *Case, v *Verdict) {
	for cell, ops := range c.operations() {
		v.Looked += len(ops)
		switch porcupine.CheckOperationsTimeout(register, ops, registerLimit) {
		case porcupine.Illegal:
			v.wrong("%s is no linearizable register over %d operations: a confirmed source was not there, or was gone without anybody's asking", cell, len(ops))
		case porcupine.Unknown:
			v.wrong("%s: no verdict over %d operations within %v", cell, len(ops), registerLimit)
		}
	}
}

func (c *Case) operations() map[string][]porcupine.Operation {
	out := make(map[string][]porcupine.Operation)
	add := func(device string, destination int, op operation, from, to domain.Mono) {
		cell := fmt.Sprintf("%s, destination %d", device, destination)
		out[cell] = append(out[cell], porcupine.Operation{Input: op, Call: int64(from), Return: int64(to)})
	}
	called := make(map[Key]domain.Mono) // the first try
	for _, call := range c.Calls {
		k := Key{call.Device, call.UID}
		if at, ok := called[k]; !ok || call.Called < at {
			called[k] = call.Called
		}
	}
	asked := c.asked()
	for _, f := range c.sorted() {
		if !f.Accepted || len(f.Ends) == 0 {
			continue
		}
		from, ok := called[f.Key]
		if !ok {
			from = c.mono(f.First.Appended) - c.Slack
		}
		for _, t := range takes(f.First.Payload) {
			if f.confirms(t.Destination) {
				add(f.Device, t.Destination, operation{true, t.Source}, from, c.mono(f.Ends[0].At)+c.Slack)
			}
		}
	}
	device := ""
	for _, r := range c.Received {
		if r.Destination == 0 {
			continue
		}
		device = r.Device
		if f := asked(r); f == nil || !f.confirms(r.Destination) {
			add(r.Device, r.Destination, operation{true, r.Source}, r.At-readLag, r.At+readLag)
		}
	}
	for _, read := range c.Reads {
		for i, source := range read.Sources {
			if device != "" {
				add(device, i+1, operation{value: source}, read.Called, read.Returned)
			}
		}
	}
	for _, cell := range slices.Collect(maps.Keys(out)) {
		if !slices.ContainsFunc(out[cell], func(o porcupine.Operation) bool { return o.Input.(operation).write }) {
			delete(out, cell)
		}
	}
	return out
}

// confirms is whether the outcome says that a crosspoint was set: of a salvo each has
// its own.
func (f *Fate) confirms(destination int) bool {
	if len(f.Ends) == 0 {
		return false
	}
	for _, item := range f.Ends[0].Items {
		if item.Target == domain.CrosspointTarget("", destination) {
			return item.Outcome == domain.Confirmed
		}
	}
	return f.Ends[0].Outcome == domain.Confirmed
}

// readLag is how far the time of a request in the router's record may be from its effect.
const readLag = 20 * time.Millisecond

func takes(p domain.Payload) []domain.Take {
	switch p := p.(type) {
	case domain.Take:
		return []domain.Take{p}
	case domain.Salvo:
		return p.Takes
	}
	return nil
}
