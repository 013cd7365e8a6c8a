package bench

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/domain"
)

// recordsPerCommand is the least that a command is in the log: itself, what the
// device reports (or its write-ahead), and its outcome.
const recordsPerCommand = 3

// history writes the log of one partition as a primary and its producers would
// have: commands of all kinds, reports, outcomes, repeats with their answers,
// refusals. It is told by nobody what the log holds, so it must be its only
// writer.
type history struct {
	codec     *codec.Codec
	partition int32
	devices   []domain.Definition // of this partition
	reports   int                 // beside each command
	offset    int64
	sequence  uint64
	commands  int
	run       string
	pending   []domain.Message // made, and not yet taken
	err       error
}

// historyEpoch is the epoch of the primary that has written it.
const historyEpoch = 1

// How often something rarer than a command happens.
const (
	oneShotEvery = 10 // commands
	repeatEvery  = 50
	refusedEvery = 100
	tickEvery    = 500
)

func newHistory(c *codec.Codec, partition int32, devices []domain.Definition, records, uids int) *history {
	h := &history{
		codec: c, partition: partition, run: uuid.NewString()[:13],
		reports: max(0, records/max(1, uids)-recordsPerCommand),
	}
	for _, d := range devices {
		if domain.Partition(d.Device, partitions) == partition {
			h.devices = append(h.devices, d)
		}
	}
	h.fact("", domain.EpochOpened{Server: "A", Incarnation: "bench", Time: now()})
	for _, d := range h.devices {
		d.Revision = 1
		h.fact(d.Device, domain.Configured{Definition: d})
		h.fact(d.Device, domain.Connection{Up: true})
	}
	return h
}

func now() domain.Instant { return domain.InstantOf(time.Now()) }

// take gives the next n messages, or fewer if n is not met exactly by whole
// commands.
func (h *history) take(n int) ([]domain.Message, error) {
	for len(h.pending) < n && h.err == nil {
		h.next()
	}
	out := h.pending[:min(n, len(h.pending))]
	h.pending = h.pending[len(out):]
	return out, h.err
}

// next writes one command and what follows from it.
func (h *history) next() {
	if len(h.devices) == 0 {
		h.fact("", domain.Tick{Time: now()})
		return
	}
	n := h.commands
	h.commands++
	d := h.devices[n%len(h.devices)]
	uid := h.run + "-" + strconv.Itoa(int(h.partition)) + "-" + strconv.Itoa(n)
	wish, values, oneShot := wishOf(&d, n)
	at := h.command(d.Device, uid, wish)
	ended := domain.Ended{UID: uid, Command: at, Outcome: domain.Confirmed, Server: "A", Steps: domain.Steps{
		Sent: 200 * time.Microsecond, Answered: 400 * time.Microsecond, Confirmed: 500 * time.Microsecond,
	}}
	if n%refusedEvery == refusedEvery-1 {
		refused := h.command(d.Device, uid+"r", domain.Invoke{Verb: "unknown"})
		h.fact(d.Device, domain.Ended{UID: uid + "r", Command: refused, Outcome: domain.Refused, Reason: domain.ReasonUnknownVerb})
	}
	if oneShot {
		h.fact(d.Device, domain.Started{UID: uid, Command: at})
	} else {
		h.fact(d.Device, domain.Reported{Values: values})
	}
	h.fact(d.Device, ended)
	if n%repeatEvery == repeatEvery-1 {
		again := h.command(d.Device, uid, wish)
		h.fact(d.Device, domain.Answer{UID: uid, Repeat: again, Original: at, Outcome: domain.Confirmed})
	}
	if n%tickEvery == tickEvery-1 {
		h.fact("", domain.Tick{Time: now()})
	}
	for i := range h.reports {
		h.fact(d.Device, domain.Reported{Values: reportOf(&d, n+i)})
	}
}

// wishOf is the n-th command to a device, with what it makes the device report.
func wishOf(d *domain.Definition, n int) (p domain.Payload, reported []domain.Value, oneShot bool) {
	if d.Driver == domain.DriverHTTP {
		if n%oneShotEvery == oneShotEvery-1 {
			return domain.Invoke{Verb: verbPulse}, nil, true
		}
		level := strconv.Itoa(n)
		return setLevel(level), []domain.Value{{Target: domain.ParameterTarget("level"), Value: level}}, false
	}
	dest, src := n%d.Outputs+1, n%d.Inputs+1
	switch n % 20 {
	case 17:
		text := "camera " + strconv.Itoa(n)
		return domain.SetLabel{Port: domain.PortInput, Number: src, Text: text},
			[]domain.Value{{Target: domain.LabelTarget(domain.PortInput, src), Value: text}}, false
	case 18:
		takes := []domain.Take{{Destination: dest, Source: src}, {Destination: dest%d.Outputs + 1, Source: src}}
		return domain.Salvo{Takes: takes}, []domain.Value{
			{Target: domain.CrosspointTarget("", takes[0].Destination), Value: strconv.Itoa(src)},
			{Target: domain.CrosspointTarget("", takes[1].Destination), Value: strconv.Itoa(src)},
		}, false
	}
	return domain.Take{Destination: dest, Source: src},
		[]domain.Value{{Target: domain.CrosspointTarget("", dest), Value: strconv.Itoa(src)}}, false
}

func reportOf(d *domain.Definition, n int) []domain.Value {
	if d.Driver == domain.DriverHTTP {
		return []domain.Value{{Target: domain.ParameterTarget("temperature"), Value: strconv.Itoa(n % 100)}}
	}
	return []domain.Value{{Target: domain.LabelTarget(domain.PortOutput, n%d.Outputs+1), Value: "monitor " + strconv.Itoa(n)}}
}

func (h *history) command(device, uid string, p domain.Payload) domain.Position {
	return h.add(domain.Record{Type: p.Type(), UID: uid, Source: "/understudy/bench", Subject: device, Created: now(), Payload: p})
}

func (h *history) fact(device string, p domain.Payload) {
	h.sequence++
	h.add(domain.Record{
		Type: p.Type(), UID: h.run + "/" + strconv.Itoa(int(h.partition)) + "/" + strconv.FormatUint(h.sequence, 10),
		Source: domain.ServerSource("A"), Subject: device, Created: now(),
		Epoch: historyEpoch, Sequence: h.sequence, Payload: p,
	})
}

func (h *history) add(r domain.Record) domain.Position {
	r.Position = domain.Position{Partition: h.partition, Offset: h.offset}
	m, err := h.codec.Encode(domain.TopicLog, h.partition, r)
	if err != nil && h.err == nil {
		h.err = fmt.Errorf("encode %s: %w", r.Type, err)
	}
	h.pending = append(h.pending, m)
	h.offset++
	return r.Position
}

// fillBatch is how many records of a partition are appended at once.
const fillBatch = 1_000

// fill writes about so many records into the log of a landscape that no server
// has seen yet, with so many UIDs in them. It gives the number of records.
func (l *landscape) fill(ctx context.Context, b *bench, records, uids int) (int, error) {
	parts := make([]*history, partitions)
	for p := range parts {
		parts[p] = newHistory(l.codec, int32(p), l.definitions, records, uids)
	}
	topic := domain.Topic(l.name, domain.TopicLog)
	done := 0
	for told := time.Now(); done < records; {
		var batches []domain.Batch
		var starts []int64
		for p, h := range parts {
			from := h.offset - int64(len(h.pending))
			messages, err := h.take(min(fillBatch, (records-done)/partitions+1))
			if err != nil {
				return done, err
			}
			if len(messages) > 0 {
				batches = append(batches, domain.Batch{Topic: topic, Partition: int32(p), Messages: messages})
				starts = append(starts, from)
				done += len(messages)
			}
		}
		appended, err := l.log.Append(ctx, batches)
		if err != nil {
			return done, fmt.Errorf("fill the log: %w", err)
		}
		for i, a := range appended {
			if a.Offset != starts[i] {
				return done, fmt.Errorf("fill the log: partition %d went on at %d, not %d; another one writes there: %w", batches[i].Partition, a.Offset, starts[i], domain.ErrConflict)
			}
		}
		if time.Since(told) > time.Second {
			told = time.Now()
			b.step("fills the log, %d %%", 100*done/records)
		}
	}
	// The rest of the last command, so that no server finds it half done.
	var batches []domain.Batch
	for p, h := range parts {
		if len(h.pending) > 0 {
			batches = append(batches, domain.Batch{Topic: topic, Partition: int32(p), Messages: h.pending})
			done += len(h.pending)
		}
	}
	if len(batches) > 0 {
		if _, err := l.log.Append(ctx, batches); err != nil {
			return done, fmt.Errorf("fill the log: %w", err)
		}
	}
	return done, nil
}
