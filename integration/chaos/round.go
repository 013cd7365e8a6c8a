package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/clock"
	"github.com/understudy-io/understudy/integration/cluster"
)

// round is one landscape with its faults, from its start to the verdicts.
type round struct {
	program string
	dir     string // for the landscape and the evidence
	seed    uint64
	length  time.Duration
	servers int
	kafka   string
	disk    bool // the broker has a disk that can be filled
	out     io.Writer
	began   time.Time
}

// Result is what one round gave.
type Result struct {
	Seed      uint64         `json:"seed"`
	Seconds   float64        `json:"seconds"`
	Faults    map[string]int `json:"faults"`
	Left      []string       `json:"left_out,omitempty"` // kinds that cannot be made here, and why
	Takeovers int            `json:"takeovers"`
	Commands  int            `json:"commands"`
	Outcomes  map[string]int `json:"outcomes"`
	Received  int            `json:"received"`
	Letters   int            `json:"dead_letters"`
	Verdicts  []Verdict      `json:"verdicts"`
	Evidence  string         `json:"evidence,omitempty"` // the folder, if it is kept
}

// Wrong is the number of violations.
func (r *Result) Wrong() int {
	n := 0
	for _, v := range r.Verdicts {
		n += v.Wrong
	}
	return n
}

// say tells what happens, with the time since the round began.
func (r *round) say(format string, args ...any) {
	fmt.Fprintf(r.out, "%8.2fs  %s\n", time.Since(r.began).Seconds(), fmt.Sprintf(format, args...))
}

// run plays the round and judges it. The folder stays if anything is wrong.
func (r *round) run(ctx context.Context) (res Result, err error) {
	res = Result{Seed: r.seed, Faults: make(map[string]int), Outcomes: make(map[string]int)}
	r.began = time.Now()
	land := filepath.Join(r.dir, "land")
	small, err := r.smallDisk(land)
	if err != nil {
		res.Left = append(res.Left, fmt.Sprintf("%s: %v", kindFullDisk, err))
	}
	if small != nil {
		defer func() { err = errors.Join(err, small.close(err != nil || res.Wrong() > 0)) }()
	}
	l, err := cluster.Start(context.WithoutCancel(ctx), r.program, land, r.arguments()...)
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, l.Stop()) }()
	w, err := newWorld(l, r.seed, r.say)
	if err != nil {
		return res, err
	}
	w.disk = small
	if w.net, err = r.packets(w); err != nil {
		res.Left = append(res.Left, fmt.Sprintf("%s: %v", kindCutDevices, err))
	} else {
		defer func() { _ = w.net.close() }()
	}
	for _, why := range res.Left {
		r.say("LEFT OUT: %s", why)
	}
	h, err := r.play(ctx, w)
	if err != nil {
		return res, err
	}
	rep, verdicts := Judge(h)
	own, report, err := verifyLog(context.WithoutCancel(ctx), l)
	if err != nil {
		return res, err
	}
	res.Verdicts = append(verdicts, own, agree(report, rep))
	r.count(&res, h, rep)
	if res.Wrong() > 0 {
		err = h.write(r.dir)
	}
	return res, err
}

func (r *round) arguments() []string {
	args := []string{"--servers", fmt.Sprint(r.servers)}
	if r.kafka != "" {
		args = append(args, "--kafka", r.kafka, "--landscape", fmt.Sprintf("chaos-%x", r.seed))
	}
	return args
}

func (r *round) smallDisk(land string) (*disk, error) {
	switch {
	case r.kafka != "":
		return nil, errors.New("the broker is not ours")
	case !r.disk:
		return nil, nil
	}
	return newDisk(brokerData(land))
}

func (r *round) packets(w *world) (*packet, error) {
	var ports []string
	for _, d := range w.Run.Devices {
		address := d.Address
		if u, err := url.Parse(address); err == nil && u.Host != "" {
			address = u.Host
		}
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		ports = append(ports, port)
	}
	return newPacket(ports)
}

// progressEvery is the pace of the lines that say how far a round is.
const progressEvery = 10 * time.Second

// play makes the faults under traffic, heals all, and collects the evidence.
func (r *round) play(ctx context.Context, w *world) (*History, error) {
	h := &History{Seed: r.seed, Began: clock.Boot(), Wall: wall(), Owner: make(map[string]int32), Final: make(map[string]string)}
	for _, d := range w.Run.Devices {
		h.Owner[d.ID] = w.PartitionOf(d.ID)
	}
	look := startWatch(ctx, w)
	flow := startTraffic(ctx, w, r.seed)
	w.flood = flow.flood
	next := schedule(rand.New(rand.NewPCG(r.seed, 2)), len(w.Run.Servers))
	faults, end, said := 0, time.Now().Add(r.length), time.Now()
	for ctx.Err() == nil && time.Now().Before(end) {
		s := next()
		if !pause(ctx, min(s.gap, time.Until(end))) || !time.Now().Before(end) {
			break
		}
		switch err := w.play(context.WithoutCancel(ctx), s); {
		case err == nil:
			faults++
		case !errors.Is(err, errBusy) && !errors.Is(err, errUnable):
			return nil, err
		}
		if s.calm {
			if err := w.heal(context.WithoutCancel(ctx)); err != nil {
				r.say("NOT WHOLE within %v: %v", wholeWithin, err)
				h.Final["in a calm after fault "+fmt.Sprint(faults)] = err.Error()
				break
			}
			r.say("calm: everybody is whole")
		}
		if time.Since(said) > progressEvery {
			said = time.Now()
			r.say("-- %d faults, %d calls; %v to go in this round", faults, flow.count(), time.Until(end).Round(time.Second))
		}
	}
	return h, r.collect(context.WithoutCancel(ctx), w, h, look, flow)
}

// collect heals all, waits for the last outcomes, and reads the evidence.
func (r *round) collect(ctx context.Context, w *world, h *History, look *watch, flow *traffic) error {
	r.say("healing")
	for _, s := range w.Run.Servers {
		h.Final["server "+s.Name] = ""
	}
	if err := w.heal(ctx); err != nil {
		h.Final["after the last fault"] = err.Error()
	}
	h.Calls = flow.stop()
	if err := r.settle(ctx, w, h); err != nil {
		return err
	}
	h.Samples, h.Reads = look.stop()
	for _, s := range w.Run.Servers {
		st, err := w.Status(ctx, s.Name)
		if err != nil {
			h.Final["server "+s.Name] = err.Error()
			continue
		}
		h.Samples = append(h.Samples, samplesOf(clock.Boot(), st)...)
	}
	var err error
	if h.Received, err = w.received(ctx); err != nil {
		return err
	}
	h.Ended = clock.Boot()
	if drift := wall() - h.Wall; drift.Abs() > clockSlack {
		return fmt.Errorf("the wall clock was stepped by %v: append times say nothing: %w", drift, domain.ErrInvalid)
	}
	h.Slack = 2 * clockSlack
	for _, f := range w.faults {
		h.Faults = append(h.Faults, *f)
	}
	control, err := w.Records(ctx, domain.TopicControl)
	if err != nil {
		return err
	}
	h.Control = control[0]
	h.Log, err = w.Records(ctx, domain.TopicLog) // last: all that anybody has said of it stands in it
	return err
}

// clockSlack is how far the wall clock may drift from the monotonic one in a round,
// and how coarse append times are.
const clockSlack = 5 * time.Millisecond

func wall() time.Duration { return time.Duration(time.Now().UnixNano()) - clock.Boot() }

// settleWithin bounds the wait for the last outcomes: longer than any command is valid.
const settleWithin = 75 * time.Second

// settle waits until every command has its outcome and every repeat its answer, and
// keeps the log as it is then. What is missing in the end is for the judge.
func (r *round) settle(ctx context.Context, w *world, h *History) error {
	deadline := time.Now().Add(settleWithin)
	for {
		log, err := w.Records(ctx, domain.TopicLog)
		if err == nil {
			if rep := replay(log, nil); rep.Pending == 0 && rep.unfinished() == 0 && rep.answered() {
				if _, err = w.Agreed(ctx); err == nil {
					return nil
				}
			}
		}
		if time.Now().After(deadline) {
			if err == nil {
				err = errors.New("commands without an outcome, or repeats without an answer, are left")
			}
			h.Final["in the end"] = err.Error()
			return nil
		}
		pause(ctx, 300*time.Millisecond)
	}
}

func (r *round) count(res *Result, h *History, rep *Replay) {
	res.Seconds = (h.Ended - h.Began).Seconds()
	for _, f := range h.Faults {
		if f.Error == "" {
			res.Faults[f.Kind]++
		}
	}
	res.Takeovers = max(len(rep.Openings)-1, 0)
	res.Received, res.Letters = len(h.Received), rep.Letters
	for _, f := range rep.Fates {
		if f.First.UID == "" {
			continue
		}
		res.Commands++
		if len(f.Ends) > 0 {
			res.Outcomes[string(f.Ends[0].Outcome)]++
		}
	}
}

// write puts the evidence beside the landscape's own folder.
func (h *History) write(dir string) error {
	b, err := json.MarshalIndent(h, "", " ")
	if err != nil {
		return err
	}
	err = os.WriteFile(filepath.Join(dir, "history.json"), b, 0o600)
	var text strings.Builder
	for _, records := range append(h.Log, h.Control) {
		for _, x := range records {
			fmt.Fprintf(&text, "%s %.3f %s uid=%s subject=%s epoch=%d/%d %+v %s\n", x.Position, (h.mono(x.Appended) - h.Began).Seconds(), x.Type, x.UID, x.Subject, x.Epoch, x.Sequence, x.Payload, x.Defect)
		}
	}
	return errors.Join(err, os.WriteFile(filepath.Join(dir, "log.txt"), []byte(text.String()), 0o600))
}
