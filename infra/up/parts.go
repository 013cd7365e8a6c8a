package up

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/understudy-io/understudy/adapters/kafka"
	"github.com/understudy-io/understudy/infra/relay"
)

// routerSize is the size of the simulated router.
const routerSize = 40

// startLog starts the embedded broker, unless there is an existing Kafka, and
// makes sure that the topics are there and right.
func (u *Up) startLog(ctx context.Context) error {
	if len(u.opts.Kafka) == 0 {
		err := u.spawn("broker", KindBroker, u.logOf("broker"), "broker", "--dir", u.folder.file("data", "broker"),
			"--listen", u.opts.address(portBroker), "--landscape", u.opts.Landscape)
		if err != nil {
			return err
		}
		if err := u.awaitDial(ctx, u.opts.address(portBroker)); err != nil {
			return err
		}
	}
	log, err := kafka.Open(kafka.Config{Brokers: u.run.Kafka, ClientID: "understudy-up"}, u.opts.Logger)
	if err != nil {
		return err
	}
	err = log.EnsureTopics(ctx, u.opts.Landscape, kafka.TopicSpec{})
	if err != nil && len(u.opts.Kafka) > 0 {
		err = fmt.Errorf("%w\nup reaches a Kafka of yours without TLS and without a password: is there a listener at %s that wants neither?",
			err, strings.Join(u.opts.Kafka, ", "))
	}
	return errors.Join(err, log.Close())
}

// startRest starts what needs the log: relays, devices and servers.
func (u *Up) startRest() error {
	for _, s := range u.run.Servers {
		for b, address := range s.Relays {
			r, err := relay.New(address, u.run.Kafka[b], u.opts.Logger.With("server", s.Name))
			if err != nil {
				return err
			}
			u.relays[s.Name] = append(u.relays[s.Name], r)
		}
	}
	size := fmt.Sprint(routerSize)
	err := errors.Join(
		u.spawn(VideohubID, KindSimulator, u.logOf(VideohubID), "sim", "videohub", "--listen", u.opts.address(portVideohub),
			"--control", u.opts.address(portVideohubUI), "--inputs", size, "--outputs", size, "--name", VideohubID),
		u.spawn(GateID, KindSimulator, u.logOf(GateID), "sim", "http", "--listen", u.opts.address(portGate),
			"--control", u.opts.address(portGateUI)),
	)
	if err != nil {
		return err
	}
	for _, s := range u.run.Servers {
		if err := u.spawn(guardName(s.Name), KindGuard, s.Log, "server", "--config", s.Config, "--"+FaultPointFlag); err != nil {
			return err
		}
	}
	return u.startControl()
}

// awaitDial waits until something listens at an address, or a part has failed.
func (u *Up) awaitDial(ctx context.Context, address string) error {
	for {
		c, err := net.DialTimeout("tcp", address, probeWithin)
		if err == nil {
			return c.Close()
		}
		if err := u.pause(ctx); err != nil {
			return err
		}
	}
}

// pause waits a little; it returns an error if a part has failed or ctx ended.
func (u *Up) pause(ctx context.Context) error {
	select {
	case err := <-u.failed:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(readyPace):
		return nil
	}
}

// guardName names the part that guards a server.
func guardName(server string) string { return "guard-" + server }

// serverPart names the server proper among the processes.
func serverPart(server string) string { return "server-" + server }

func (u *Up) logOf(part string) string { return u.folder.file(logsName, part+".log") }
