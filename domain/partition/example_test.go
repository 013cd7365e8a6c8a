package partition_test

import (
	"fmt"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

// A take is accepted, its repeat is not: it is owed the answer to the original.
func Example() {
	s := partition.New(0, 1, partition.DefaultLimits())
	offset, sequence := int64(0), uint64(0)
	apply := func(r domain.Record) partition.Change {
		r.Position.Offset, r.Appended, r.Type = offset, domain.Millis(1_700_000_000_000+offset), r.Payload.Type()
		offset++
		if domain.ClassOf(r.Type) == domain.ClassPrimary {
			sequence++
			r.Epoch, r.Sequence, r.Signed = 1, sequence, true
		}
		return s.Apply(r)
	}
	apply(domain.Record{Payload: domain.EpochOpened{Server: "a"}})
	apply(domain.Record{Subject: "router", Payload: domain.Configured{Definition: domain.Definition{
		Device: "router", Driver: domain.DriverVideohub, Inputs: 40, Outputs: 40,
	}}})
	take := domain.Record{Subject: "router", UID: "show-7-cue-12", Payload: domain.Take{Destination: 5, Source: 3}}
	first := apply(take)
	fmt.Println(first.Verdict, first.Position)
	apply(domain.Record{Subject: "router", Payload: domain.Ended{UID: take.UID, Command: first.Position, Outcome: domain.Confirmed}})
	fmt.Println(apply(take).Verdict)
	for _, c := range s.Chores() {
		fmt.Println("owed:", c.Kind, c.Position, c.Answer.Outcome, "of", c.Answer.Original)
	}
	// Output:
	// accepted 0:2
	// duplicate
	// owed: answer 0:4 confirmed of 0:2
}
