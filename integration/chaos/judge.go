package main

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// Verdict is what one judgement says of a history.
type Verdict struct {
	Guarantee string   `json:"guarantee"`
	What      string   `json:"what"`
	Looked    int      `json:"looked"` // at so many things; of none, the verdict says nothing
	Of        string   `json:"of"`     // what they are
	Wrong     int      `json:"wrong"`
	Words     []string `json:"words,omitempty"` // of the first ones that are wrong
	Stated    []string `json:"stated,omitempty"`
	Undecided int      `json:"undecided"` // what outside evidence cannot tell: see blur
	Doubts    []string `json:"doubts,omitempty"`
}

// blur is how close two actions on different connections may be so that nobody can say
// which came first: a device notes when it handles a request, not when its bytes came,
// and on a busy machine a simulator handles together what came while it did not run.
const blur = 5 * time.Millisecond

func (v *Verdict) undecided(format string, args ...any) {
	if v.Undecided++; len(v.Doubts) < maxWords {
		v.Doubts = append(v.Doubts, fmt.Sprintf(format, args...))
	}
}

// maxWords bounds what is told of one judgement.
const maxWords = 20

func (v *Verdict) wrong(format string, args ...any) {
	if v.Wrong++; len(v.Words) < maxWords {
		v.Words = append(v.Words, fmt.Sprintf(format, args...))
	}
}

// Case is a history with what follows from its log.
type Case struct {
	*History
	*Replay
}

// judgements are all there are.
var judgements = []struct {
	guarantee, what, of string
	judge               func(*Case, *Verdict)
}{
	{"G1", "what was acknowledged has exactly one outcome", "commands", judgeLoss},
	{"G2", "nobody acts behind a newer primary's first action", "actions", judgePrimacy},
	{"G3", "a one-shot reaches its device once at most, written ahead", "one-shots", judgeOneShots},
	{"G3", "a device receives its actions in the order of the log", "actions", judgeOrder},
	{"G4", "every repeat of a UID gets the answer of the first", "repeats", judgeRepeats},
	{"G5", "the same state hash at the same position", "hashes", judgeState},
	{"G8", "nobody acts while the log is away", "silences", judgeSilence},
	{"", "what is confirmed is so: each crosspoint is a linearizable register", "operations", judgeRegisters},
	{"", "in the end everybody is whole again", "servers", judgeEnd},
}

// Judge holds the evidence against the guarantees.
func Judge(h *History) (*Replay, []Verdict) {
	c := &Case{h, replay(h.Log, h.places())}
	var out []Verdict
	for _, j := range judgements {
		v := Verdict{Guarantee: j.guarantee, What: j.what, Of: j.of}
		j.judge(c, &v)
		out = append(out, v)
	}
	return c.Replay, out
}

// places are where somebody has said what the state hash is.
func (h *History) places() map[Place]bool {
	out := make(map[Place]bool)
	for _, s := range h.Samples {
		out[Place{s.Partition, s.Next}] = true
	}
	for _, r := range h.Control {
		if cp, ok := r.Payload.(domain.Checkpoint); ok && r.Signed {
			for _, x := range cp.Hashes {
				out[Place{x.Position.Partition, x.Position.Offset}] = true
			}
		}
	}
	return out
}

// judgeLoss is G1: the log still holds what it has acknowledged, and every command
// in it has one outcome.
func judgeLoss(c *Case, v *Verdict) {
	for _, call := range c.Calls {
		if !call.Acked || call.Malformed {
			continue
		}
		p := call.Position
		rec, ok := c.record(p)
		if !ok || rec.UID != call.UID || rec.Subject != call.Device {
			v.wrong("%s of %s was acknowledged at %s, and there stands %q of %q", call.UID, call.Device, p, rec.UID, rec.Subject)
			continue
		}
		f := c.Fates[Key{call.Device, call.UID}]
		switch {
		case f == nil || len(f.Ends) == 0:
			v.wrong("%s of %s was acknowledged at %s, and has no outcome", call.UID, call.Device, p)
		case call.Outcome != "" && (call.Outcome != f.Ends[0].Outcome || call.Reason != f.Ends[0].Reason):
			v.wrong("%s of %s: %s answered %s %s, the log says %s %s", call.UID, call.Device, call.Via, call.Outcome, call.Reason, f.Ends[0].Outcome, f.Ends[0].Reason)
		}
	}
	for _, f := range c.sorted() {
		if f.First.UID == "" && len(f.Ends) == 0 {
			continue // a resolution is its own outcome
		}
		v.Looked++
		switch {
		case len(f.Ends) == 0:
			v.wrong("%s of %s stands at %s, and has no outcome", f.UID, f.Device, f.First.Position)
		case len(f.Ends) > 1:
			v.wrong("%s of %s has %d outcomes: %s in epoch %d, %s in epoch %d …", f.UID, f.Device, len(f.Ends), f.Ends[0].Outcome, f.Ends[0].Epoch, f.Ends[1].Outcome, f.Ends[1].Epoch)
		}
	}
}

// sorted are the fates in an order that does not change.
func (c *Case) sorted() []*Fate {
	out := make([]*Fate, 0, len(c.Fates))
	for _, f := range c.Fates {
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b *Fate) int {
		return cmp.Or(cmp.Compare(a.Device, b.Device), cmp.Compare(a.First.Position.Offset, b.First.Position.Offset), cmp.Compare(a.UID, b.UID))
	})
	return out
}

// record finds a record of the log by its position.
func (c *Case) record(p domain.Position) (domain.Record, bool) {
	if int(p.Partition) >= len(c.Log) {
		return domain.Record{}, false
	}
	records := c.Log[p.Partition]
	i, ok := slices.BinarySearchFunc(records, p.Offset, func(r domain.Record, o int64) int { return cmp.Compare(r.Position.Offset, o) })
	if !ok {
		return domain.Record{}, false
	}
	return records[i], true
}

// judgePrimacy is G2, as the devices saw it: who wrote held some epoch by then; epochs
// only grow from action to action, on all devices together; and soon after somebody
// else has opened one, nothing comes of the one before, whether or not he acts.
func judgePrimacy(c *Case, v *Verdict) {
	all := slices.Clone(c.Received)
	slices.SortStableFunc(all, func(a, b Received) int { return cmp.Compare(a.At, b.At) })
	newest, first := uint64(0), Received{}
	for _, r := range all {
		if r.Server == "" {
			v.wrong("%s received an action from %s, which is no server", r.Device, r.Client)
			continue
		}
		v.Looked++
		epoch := c.epochOf(r)
		switch {
		case epoch == 0:
			v.wrong("%s wrote to %s at %s without ever having opened an epoch", r.Server, r.Device, c.since(r.At))
		case epoch >= newest:
			if epoch > newest {
				newest, first = epoch, r
			}
			if next := c.openedBefore(epoch, r.At-behind); next != nil && next.Server != r.Server {
				v.wrong("%s wrote to %s at %s in epoch %d, more than %v after %s had opened epoch %d", r.Server, r.Device, c.since(r.At), epoch, behind, next.Server, next.Epoch)
			}
		case r.At-first.At < blur:
			v.undecided("%s wrote to %s at %s in epoch %d, %v after the first action of %s in epoch %d", r.Server, r.Device, c.since(r.At), epoch, r.At-first.At, first.Server, newest)
		default:
			told := fmt.Sprintf("%s wrote to %s at %s in epoch %d, %v after the first action of %s in epoch %d", r.Server, r.Device, c.since(r.At), epoch, r.At-first.At, first.Server, newest)
			if why := c.statedGap(r); why != "" {
				told += ": " + why
				v.Stated = append(v.Stated, told)
			}
			v.wrong("%s", told)
		}
	}
}

// epochOf is the newest epoch that a server had opened on a device's partition when
// it wrote there; zero for none.
func (c *Case) epochOf(r Received) uint64 {
	for _, o := range slices.Backward(c.Openings) {
		if at, ok := o.At[c.Owner[r.Device]]; ok && o.Server == r.Server && c.mono(at) <= r.At+c.Slack {
			return o.Epoch
		}
	}
	return 0
}

// openedBefore is a later epoch that was opened, on any partition, before some time.
func (c *Case) openedBefore(epoch uint64, at domain.Mono) *Opening {
	for _, o := range slices.Backward(c.Openings) {
		if o.Epoch <= epoch {
			break
		}
		for _, opened := range o.At {
			if c.mono(opened) < at {
				return o
			}
		}
	}
	return nil
}

// statedGap says which stated limit of the guarantee an action behind its time may
// come from. It is a violation all the same.
func (c *Case) statedGap(r Received) string {
	for _, f := range c.Faults {
		switch {
		case f.Target != r.Server || r.At < f.Asked:
		case f.Kind == kindPauseServer || f.Kind == kindPauseHost:
			if d := r.At - f.Lifted; f.Lifted > 0 && d >= 0 && d < 100*time.Millisecond {
				return "it had been continued " + d.String() + " before: the gap in user space that docs/guarantees.md states"
			}
		case f.Kind == kindCutDevices:
			if f.Lifted == 0 || r.At < f.Lifted+time.Second {
				return "it had lost packets to devices: what docs/guarantees.md states of bytes in a socket buffer"
			}
		}
	}
	return ""
}

// since is a time counted from the beginning of the round.
func (c *Case) since(m domain.Mono) string {
	return fmt.Sprintf("+%.3fs", (m - c.Began).Seconds())
}

// judgeOneShots is G3 for what must not happen twice.
func judgeOneShots(c *Case, v *Verdict) {
	received := make(map[Key][]Received)
	for _, r := range c.Received {
		if r.OneShot {
			k := Key{r.Device, r.UID}
			received[k] = append(received[k], r)
		}
	}
	for k, rs := range received {
		f := c.Fates[k]
		if len(rs) > 1 {
			v.wrong("%s of %s was received %d times, at %s from %s and at %s from %s", k.UID, k.Device, len(rs), c.since(rs[0].At), rs[0].Server, c.since(rs[1].At), rs[1].Server)
		}
		switch {
		case f == nil || !f.Accepted:
			v.wrong("%s of %s was received at %s, and is not in the log as accepted", k.UID, k.Device, c.since(rs[0].At))
		case len(f.Started) == 0 || c.mono(f.Started[0].Appended) > rs[0].At+c.Slack:
			v.wrong("%s of %s was received at %s before it was written ahead", k.UID, k.Device, c.since(rs[0].At))
		}
	}
	for _, f := range c.sorted() {
		if !f.OneShot {
			continue
		}
		v.Looked++
		if len(f.Ends) != 1 {
			continue // that is for G1
		}
		n := len(received[f.Key])
		switch o := f.Ends[0].Outcome; {
		case o == domain.Confirmed && n == 0:
			v.wrong("%s of %s ended confirmed, and was never received", f.UID, f.Device)
		case o != domain.Confirmed && o != domain.InDoubt && n > 0:
			v.wrong("%s of %s ended %s, and was received at %s", f.UID, f.Device, o, c.since(received[f.Key][0].At))
		}
	}
}

// behind is how long an action may be on its way behind what ends it in the log, on a
// machine that is busy.
const behind = 250 * time.Millisecond

// judgeOrder is G3: what a device receives for the first time follows the log; of one
// crosspoint nothing older follows on something newer; nothing is sent that has ended.
func judgeOrder(c *Case, v *Verdict) {
	asked := c.asked()
	last := make(map[string]*Fate)  // by device: the newest that was received
	cells := make(map[string]*Fate) // by crosspoint
	came := make(map[Key]Received)  // when, and from whom
	seen := make(map[Key]bool)      // received before
	for _, r := range c.Received {
		v.Looked++
		f := asked(r)
		if f == nil {
			v.wrong("%s received %s at %s from %s, and nobody had asked for it", r.Device, r.what(), c.since(r.At), r.Server)
			continue
		}
		at := f.First.Position.Offset
		out := func(before *Fate) func(string, ...any) {
			if b := came[before.Key]; b.Server != r.Server && r.At-b.At < blur {
				return v.undecided
			}
			return v.wrong
		}
		if before := last[r.Device]; !seen[f.Key] {
			if before != nil && at < before.First.Position.Offset {
				out(before)("%s received %s of %s at %s from %s, after %s of %s", r.Device, f.UID, f.First.Position, c.since(r.At), r.Server, before.UID, before.First.Position)
			} else {
				last[r.Device] = f
			}
			seen[f.Key] = true
		}
		if r.Destination > 0 {
			cell := fmt.Sprint(r.Device, "/", r.Destination)
			if before := cells[cell]; before != nil && at < before.First.Position.Offset {
				out(before)("%s received %s of %s at %s from %s, after the newer %s of %s for the same crosspoint", r.Device, f.UID, f.First.Position, c.since(r.At), r.Server, before.UID, before.First.Position)
			} else {
				cells[cell] = f
			}
		}
		came[f.Key] = r
		if len(f.Ends) > 0 && c.mono(f.Ends[0].At)+behind < r.At {
			v.wrong("%s received %s at %s from %s, %v after its outcome (%s) was in the log", r.Device, f.UID, c.since(r.At), r.Server, r.At-c.mono(f.Ends[0].At), f.Ends[0].Outcome)
		}
	}
}

func (r Received) what() string {
	if r.Destination > 0 {
		return fmt.Sprintf("source %d on destination %d", r.Source, r.Destination)
	}
	return r.UID
}

// asked finds the command that an action is of. A crosspoint on the wire has no UID,
// but a producer comes back to the same source of a destination only after longer than
// a command is valid: so it is the newest that asks for it.
func (c *Case) asked() func(Received) *Fate {
	type wish struct {
		device              string
		destination, source int
	}
	wishes := make(map[wish][]*Fate)
	for _, f := range c.sorted() {
		if !f.Accepted {
			continue
		}
		switch p := f.First.Payload.(type) {
		case domain.Take:
			w := wish{f.Device, p.Destination, p.Source}
			wishes[w] = append(wishes[w], f)
		case domain.Salvo:
			for _, t := range p.Takes {
				w := wish{f.Device, t.Destination, t.Source}
				wishes[w] = append(wishes[w], f)
			}
		}
	}
	return func(r Received) *Fate {
		if r.Destination == 0 {
			if f := c.Fates[Key{r.Device, r.UID}]; f != nil && f.Accepted {
				return f
			}
			return nil
		}
		for _, f := range slices.Backward(wishes[wish{r.Device, r.Destination, r.Source}]) {
			if c.mono(f.First.Appended) <= r.At+c.Slack {
				return f
			}
		}
		return nil
	}
}

// judgeRepeats is G4, in the log and in what the API answered.
func judgeRepeats(c *Case, v *Verdict) {
	for _, f := range c.sorted() {
		for _, p := range f.Repeats {
			v.Looked++
			a, ok := f.Answers[p]
			switch {
			case !ok:
				v.wrong("the repeat of %s of %s at %s has no answer", f.UID, f.Device, p)
			case len(f.Ends) == 1 && (a.Outcome != f.Ends[0].Outcome || a.Reason != f.Ends[0].Reason || a.Original != f.First.Position):
				v.wrong("the repeat of %s of %s at %s was answered %s %s (of %s), its outcome is %s %s (of %s)", f.UID, f.Device, p, a.Outcome, a.Reason, a.Original, f.Ends[0].Outcome, f.Ends[0].Reason, f.First.Position)
			}
		}
	}
	said := make(map[Key]Call)
	for _, call := range c.Calls {
		if call.Outcome == "" {
			continue
		}
		k := Key{call.Device, call.UID}
		before, again := said[k]
		if again {
			v.Looked++
			if before.Outcome != call.Outcome || before.Reason != call.Reason {
				v.wrong("%s of %s was answered %s %s by %s, and %s %s by %s", call.UID, call.Device, before.Outcome, before.Reason, before.Via, call.Outcome, call.Reason, call.Via)
			}
		}
		said[k] = call
	}
}

// judgeState is G5: what checkpoints and servers say against the log folded again.
func judgeState(c *Case, v *Verdict) {
	look := func(who string, at Place, hash domain.Hash) {
		have, ok := c.Hashes[at]
		if at.Next == 0 {
			return // before the first record
		}
		v.Looked++
		if !ok || have != hash {
			v.wrong("%s has %s at %d:%d, the log gives %s", who, hash, at.Partition, at.Next, have)
		}
	}
	for _, s := range c.Samples {
		look("server "+s.Server+" at "+c.since(s.At), Place{s.Partition, s.Next}, s.Hash)
	}
	for _, r := range c.Control {
		if !r.Signed {
			continue
		}
		switch p := r.Payload.(type) {
		case domain.Checkpoint:
			for _, x := range p.Hashes {
				look(fmt.Sprintf("the checkpoint at %s of epoch %d", r.Position, p.Epoch), Place{x.Position.Partition, x.Position.Offset}, x.Hash)
			}
		case domain.Quarantined:
			v.wrong("%s quarantined itself: %s", r.Subject, p.Reason)
		case domain.Heartbeat:
			if p.Hash == domain.HashDiffers {
				v.wrong("%s found its state to differ, at control %s", r.Subject, r.Position)
			}
		}
	}
}

// lapse is the longest lease that the default configuration permits.
const lapse = time.Second

// ttlBefore is how long before a fault the heartbeats are looked at.
const ttlBefore = 3 * time.Second

// lapseOf is when, after the log was lost, the last lease is over: by the longest that
// heartbeats and claims named around that time.
func (c *Case) lapseOf(f Fault) time.Duration {
	longest := time.Duration(0)
	for _, r := range c.Control {
		at := c.mono(r.Appended)
		if !r.Signed || at < f.Held-ttlBefore || at > f.Lifted {
			continue
		}
		switch p := r.Payload.(type) {
		case domain.Heartbeat:
			if p.Epoch > 0 {
				longest = max(longest, p.TTL)
			}
		case domain.Claim:
			longest = max(longest, p.TTL)
		}
	}
	if longest == 0 {
		return lapse
	}
	return min(longest, lapse)
}

// judgeSilence is G8: in a time in which the log was away, but for a lease at its
// beginning and what was on its way, nothing is received from those that had lost it.
func judgeSilence(c *Case, v *Verdict) {
	for _, f := range c.Faults {
		if f.Lifted == 0 || f.Error != "" || !takesLog(f.Kind) {
			continue
		}
		from, until := f.Held+c.lapseOf(f)+behind, f.Lifted
		if from >= until {
			continue
		}
		v.Looked++
		for _, r := range c.Received {
			if r.At > from && r.At < until && (f.Target == r.Server || f.Kind != kindCutLog) {
				v.wrong("%s wrote to %s at %s, %v after it had lost the log (%s %s)", r.Server, r.Device, c.since(r.At), r.At-f.Held, f.Kind, f.Detail)
			}
		}
	}
}

// judgeEnd looks at what servers say when all faults are over.
func judgeEnd(c *Case, v *Verdict) {
	v.Looked = len(c.Final)
	for who, what := range c.Final {
		if what != "" {
			v.wrong("%s: %s", who, what)
		}
	}
}
