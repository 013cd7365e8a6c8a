package videohub_test

import (
	"context"
	"fmt"
	"net"

	"github.com/understudy-io/understudy/adapters/videohub"
	"github.com/understudy-io/understudy/domain"
)

// printer tells the first value of each report.
type printer struct{ up, reported chan struct{} }

func (p printer) Up(detail string)       { fmt.Println("up:", detail); close(p.up) }
func (printer) Down(cause string)        { fmt.Println("down:", cause) }
func (printer) Answered(domain.Answered) {}

func (p printer) Reported(values []domain.Value, full bool) {
	if !full {
		fmt.Println("reported:", values[0].Target, "=", values[0].Value)
		close(p.reported)
	}
}

func Example() {
	router, err := videohub.NewSimulator(videohub.SimOptions{Inputs: 8, Outputs: 4, Name: "Demo", UniqueID: "01"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer router.Close()

	sink := printer{make(chan struct{}), make(chan struct{})}
	link, err := videohub.New(videohub.Options{Dial: (&net.Dialer{}).DialContext}).Open(domain.Definition{Device: "demo", Address: router.Addr()}, sink)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer link.Close()
	<-sink.up

	target := domain.CrosspointTarget("video", 2)
	err = link.Emit(context.Background(), domain.Action{
		Ref:     1,
		Payload: domain.Take{Destination: 2, Source: 7},
		Wishes:  []domain.Value{{Target: target, Value: "7"}},
	}, func() error { return nil }) // the gate: may this server act?
	if err != nil {
		fmt.Println(err)
		return
	}
	<-sink.reported
	// Output:
	// up: Simulated Videohub 8x4, 8x4, "Demo", id 01, protocol 2.8
	// reported: crosspoint/video/2 = 7
}
