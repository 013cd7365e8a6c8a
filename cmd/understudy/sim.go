package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/understudy-io/understudy/adapters/httpdevice"
	"github.com/understudy-io/understudy/adapters/videohub"
	"github.com/understudy-io/understudy/domain"
)

// controlHeaderTimeout bounds how long a client of a simulator's control may
// take to say what it wants.
const controlHeaderTimeout = 5 * time.Second

func simCommand() *cobra.Command {
	return group("sim", "Run a simulated device", simVideohubCommand(), simHTTPCommand())
}

func simVideohubCommand() *cobra.Command {
	var opts videohub.SimOptions
	var control string
	cmd := &cobra.Command{
		Use:   "videohub",
		Short: "Simulate a Blackmagic Videohub router",
		Args:  exactly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			opts.Logger = processLogger()
			sim, err := videohub.NewSimulator(opts)
			if err != nil {
				return err
			}
			return runSim(cmd, control, sim.Handler(), "videohub at "+sim.Addr(), sim.Close)
		},
	}
	f := cmd.Flags()
	f.StringVar(&opts.Addr, "listen", "127.0.0.1:9990", "host:port to listen at")
	f.StringVar(&control, "control", "", "host:port of the control (HTTP, JSON); empty means none")
	f.IntVar(&opts.Inputs, "inputs", 40, "inputs, 1 to 288")
	f.IntVar(&opts.Outputs, "outputs", 40, "outputs, 1 to 288")
	f.StringVar(&opts.Name, "name", "", "friendly name")
	return cmd
}

func simHTTPCommand() *cobra.Command {
	var listen, control string
	cmd := &cobra.Command{
		Use:   "http",
		Short: "Simulate an HTTP device: a gate with pulses and parameters",
		Args:  exactly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			sim := httpdevice.NewSimulator(httpdevice.SimOptions{})
			if err := sim.Start(listen); err != nil {
				return err
			}
			return runSim(cmd, control, sim.Control(), fmt.Sprint("http device at ", sim.Addr()), sim.Close)
		},
	}
	f := cmd.Flags()
	f.StringVar(&listen, "listen", "127.0.0.1:8090", "host:port to listen at")
	f.StringVar(&control, "control", "", "host:port of the control (HTTP, JSON); empty means none")
	return cmd
}

// runSim serves a simulator's control until the process is told to end, and
// closes the simulator.
func runSim(cmd *cobra.Command, control string, handler http.Handler, what string, closeSim func() error) error {
	life, err := begin(cmd.Context(), processLogger())
	if err != nil {
		return errors.Join(err, closeSim())
	}
	defer life.end()
	failed := make(chan error, 1)
	if control != "" {
		l, err := net.Listen("tcp", control)
		if err != nil {
			return errors.Join(fmt.Errorf("control of the simulator: choose another port with --control: %w: %w", domain.ErrConflict, err), closeSim())
		}
		server := &http.Server{Handler: handler, ReadHeaderTimeout: controlHeaderTimeout}
		defer func() { _ = server.Close() }()
		go func() { failed <- server.Serve(l) }()
		what += fmt.Sprint(", control at http://", l.Addr())
	}
	_, _ = fmt.Fprintln(cmd.OutOrStdout(), what)
	select {
	case <-life.Done():
		return closeSim()
	case err := <-failed:
		return errors.Join(err, closeSim())
	}
}
