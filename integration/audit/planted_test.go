package audit

import (
	"slices"
	"testing"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/projections/audit"
)

// is says whether a record has a payload of a kind that is so.
func is[P domain.Payload](so func(r *domain.Record, p P) bool) func(*domain.Record) bool {
	return func(r *domain.Record) bool {
		p, ok := r.Payload.(P)
		return ok && r.Signed && so(r, p)
	}
}

// at finds the place of a record of a partition again.
func (b *bed) at(p int, so func(r *domain.Record) bool) int {
	i := slices.IndexFunc(*b.part(p), so)
	if i < 0 {
		panic("the stored log holds no such record")
	}
	return i
}

// confirmed finds the outcome of a command that was confirmed in epoch 2 or later.
func (b *bed) confirmed(oneShot bool) (p, i int, v domain.Ended) {
	started := make(map[string]bool)
	p, i = b.find(func(r *domain.Record) bool {
		if v, ok := r.Payload.(domain.Started); ok {
			started[v.UID] = true
		}
		v, ok := r.Payload.(domain.Ended)
		return ok && b.counted[r] && r.Epoch > 2 && v.Outcome == domain.Confirmed && started[v.UID] == oneShot
	})
	return p, i, (*b.part(p))[i].Payload.(domain.Ended)
}

func (b *bed) command(p int, v domain.Ended) int {
	return b.at(p, func(r *domain.Record) bool { return r.Position == v.Command })
}

func (b *bed) startOf(p int, uid string) int {
	return b.at(p, is(func(_ *domain.Record, v domain.Started) bool { return v.UID == uid }))
}

// planted are violations, each in a log that is good but for it.
var planted = []struct {
	name  string
	plant func(b *bed)
	found []audit.Rule // all of them, and no other
	after func(l *Log) // what is not to be made good again
}{
	{name: "nothing", plant: func(*bed) {}},
	{
		name: "a record of another server in an epoch",
		plant: func(b *bed) {
			p, i, _ := b.confirmed(false)
			(*b.part(p))[i].Source = domain.ServerSource("X")
		},
		found: []audit.Rule{audit.RuleOneActor},
	},
	{
		name: "two servers open one epoch, each in partitions of its own",
		plant: func(b *bed) {
			for _, r := range *b.part(3) {
				if v, ok := r.Payload.(domain.EpochOpened); ok && r.Epoch == 5 {
					v.Server, v.Incarnation = "X", "x1"
					r.Payload = v
				}
				if r.Epoch == 5 {
					r.Source = domain.ServerSource("X")
				}
			}
		},
		found: []audit.Rule{audit.RuleOneActor},
	},
	{
		name: "an epoch opened by who had not won it",
		plant: func(b *bed) {
			for p := range b.topics[domain.TopicLog] {
				for _, r := range *b.part(p) {
					if v, ok := r.Payload.(domain.EpochOpened); ok && r.Epoch == 5 {
						v.Incarnation = "another start of the same server"
						r.Payload = v
					}
				}
			}
		},
		found: []audit.Rule{audit.RuleElections},
	},
	{
		name: "an epoch that nobody has claimed",
		plant: func(b *bed) {
			so := func(r *domain.Record) bool { v, ok := r.Payload.(domain.Claim); return ok && v.Epoch == 16 }
			for _, r := range b.topics[domain.TopicControl][0] {
				if so(r) {
					r.Type, r.Payload = domain.TypeCleared, domain.Cleared{Incarnation: "nobody"}
				}
			}
			for p := range b.topics[domain.TopicLog] { // it is behind the highest claim, and not behind the end of control
				for _, r := range *b.part(p) {
					r.Appended--
				}
			}
		},
		found: []audit.Rule{audit.RuleElections},
	},
	{
		name: "a one-shot is started twice",
		plant: func(b *bed) {
			p, _, v := b.confirmed(true)
			i := b.startOf(p, v.UID)
			b.insert(p, i+1, *(*b.part(p))[i])
		},
		found: []audit.Rule{audit.RuleOneShot, audit.RuleComplete},
	},
	{
		name: "a one-shot is sent and was never started",
		plant: func(b *bed) {
			p, _, v := b.confirmed(true)
			b.remove(p, b.startOf(p, v.UID))
		},
		found: []audit.Rule{audit.RuleOneShot},
	},
	{
		name: "a one-shot that an epoch left without an outcome is told as done by the next",
		plant: func(b *bed) {
			p, i := b.find(is(func(_ *domain.Record, v domain.Ended) bool {
				return v.Outcome == domain.InDoubt && v.UID != "doubt-again"
			}))
			r := (*b.part(p))[i]
			v := r.Payload.(domain.Ended)
			v.Outcome, v.Reason = domain.Confirmed, ""
			r.Payload = v
		},
		found: []audit.Rule{audit.RuleOneShot},
	},
	{
		name:  "an outcome is missing",
		plant: func(b *bed) { p, i, _ := b.confirmed(false); b.remove(p, i); b.age() },
		found: []audit.Rule{audit.RuleOutcomes},
	},
	{
		name: "an outcome of a command that was refused says that it was done",
		plant: func(b *bed) {
			p, i := b.find(is(func(_ *domain.Record, v domain.Ended) bool { return v.Outcome == domain.Refused }))
			v := (*b.part(p))[i].Payload.(domain.Ended)
			v.Outcome, v.Reason = domain.Confirmed, ""
			(*b.part(p))[i].Payload = v
		},
		found: []audit.Rule{audit.RuleOutcomes, audit.RuleComplete},
	},
	{
		name: "an outcome that came too late is told to a repeat",
		plant: func(b *bed) {
			p, i, v := b.confirmed(false)
			outcome := (*b.part(p))[i]
			b.counted[outcome] = false
			outcome.Epoch--
			cmd := *(*b.part(p))[b.command(p, v)]
			repeat := b.insert(p, i+1, cmd)
			b.insert(p, i+2, domain.Record{
				Type: domain.TypeAnswer, Subject: cmd.Subject, Source: outcome.Source, Epoch: outcome.Epoch + 1, Signed: true, UID: "a",
				Payload: domain.Answer{UID: v.UID, Repeat: repeat.Position, Original: v.Command, Outcome: v.Outcome, Reason: v.Reason},
			})
			b.age()
		},
		found: []audit.Rule{audit.RuleFence, audit.RuleOutcomes, audit.RuleComplete},
	},
	{
		name: "a UID has two effects",
		plant: func(b *bed) {
			p, i, v := b.confirmed(false)
			list := *b.part(p)
			repeat := b.insert(p, i+1, *list[b.command(p, v)])
			second := *list[i]
			v.Command = repeat.Position
			second.Payload = v
			b.insert(p, i+2, second)
		},
		found: []audit.Rule{audit.RuleOneEffect, audit.RuleComplete},
	},
	{
		name: "a repeat gets another answer",
		plant: func(b *bed) {
			p, i := b.find(is(func(_ *domain.Record, v domain.Answer) bool { return v.Outcome == domain.Confirmed }))
			v := (*b.part(p))[i].Payload.(domain.Answer)
			v.Outcome, v.Reason = domain.Failed, domain.ReasonNak
			(*b.part(p))[i].Payload = v
		},
		found: []audit.Rule{audit.RuleOneEffect},
	},
	{
		name: "one-shots start in another order than they were asked for",
		plant: func(b *bed) {
			before := make(map[uint64]string) // by epoch
			p, _ := b.find(is(func(r *domain.Record, v domain.Started) bool {
				_, again := before[r.Epoch]
				if !again {
					before[r.Epoch] = v.UID
				}
				return again
			}))
			first := make(map[uint64]int)
			later := b.at(p, is(func(r *domain.Record, v domain.Started) bool { return before[r.Epoch] != v.UID }))
			for i, r := range (*b.part(p))[:later] {
				if v, ok := r.Payload.(domain.Started); ok && before[r.Epoch] == v.UID {
					first[r.Epoch] = i
				}
			}
			start := first[(*b.part(p))[later].Epoch]
			list := *b.part(p)
			wanted := list[later].Payload.(domain.Started).Command
			cmd, begun := list[b.at(p, func(r *domain.Record) bool { return r.Position == wanted })], list[later]
			list = slices.DeleteFunc(list, func(r *domain.Record) bool { return r == cmd || r == begun })
			cmd.Appended, begun.Appended = list[start].Appended, list[start].Appended
			*b.part(p) = slices.Insert(list, start, cmd, begun)
		},
		found: []audit.Rule{audit.RuleOrder},
	},
	{
		name: "a state hash is wrong",
		after: func(l *Log) {
			for i, r := range l.Topics[domain.TopicControl][0] {
				if v, ok := r.Payload.(domain.Checkpoint); ok && v.Hashes[1].Position.Offset > 100 {
					v.Hashes[1].Hash[0]++
					l.Topics[domain.TopicControl][0][i].Payload = v
					return
				}
			}
		},
		found: []audit.Rule{audit.RuleState},
	},
	{
		name: "a command is missing that servers have folded",
		after: func(l *Log) {
			list := l.Topics[domain.TopicLog][1]
			i := slices.IndexFunc(list, func(r domain.Record) bool {
				return domain.ClassOf(r.Type) == domain.ClassCommand && r.Position.Offset > 500
			})
			l.Topics[domain.TopicLog][1] = slices.Delete(slices.Clone(list), i, i+1)
		},
		found: []audit.Rule{audit.RuleState, audit.RuleOutcomes, audit.RuleComplete},
	},
	{
		name: "a record of the primary is missing",
		after: func(l *Log) {
			list := l.Topics[domain.TopicLog][1]
			i := slices.IndexFunc(list, func(r domain.Record) bool { return r.Type == domain.TypeReported && r.Epoch > 2 })
			l.Topics[domain.TopicLog][1] = slices.Delete(slices.Clone(list), i, i+1)
		},
		found: []audit.Rule{audit.RuleState, audit.RuleComplete},
	},
	{
		name:  "the end of a partition is cut",
		after: func(l *Log) { l.Topics[domain.TopicLog][1] = l.Topics[domain.TopicLog][1][:2000] },
		found: []audit.Rule{audit.RuleComplete},
	},
	{
		name:  "the end of control is cut",
		after: func(l *Log) { l.Topics[domain.TopicControl][0] = l.Topics[domain.TopicControl][0][:1000] },
		found: []audit.Rule{audit.RuleComplete},
	},
	{
		name: "a forwarded command never came",
		plant: func(b *bed) {
			p, i := b.find(func(r *domain.Record) bool { return r.Origin != nil })
			v := (*b.part(p))[i]
			uid := v.UID
			for j := len(*b.part(p)) - 1; j >= 0; j-- {
				e, ended := (*b.part(p))[j].Payload.(domain.Ended)
				if (*b.part(p))[j].UID == uid || ended && e.UID == uid {
					b.remove(p, j)
				}
			}
		},
		found: []audit.Rule{audit.RuleForwards},
	},
	{
		name: "a forwarded command came as another one",
		plant: func(b *bed) {
			p, i := b.find(func(r *domain.Record) bool { return r.Origin != nil })
			r := (*b.part(p))[i]
			v := r.Payload.(domain.Take)
			v.Source++
			r.Payload = v
		},
		found: []audit.Rule{audit.RuleForwards},
	},
	{
		name: "a copy of a control record is another one",
		after: func(l *Log) {
			was := l.Original
			l.Original = func(c domain.Copied) domain.Record {
				r := was(c)
				if v, ok := r.Payload.(domain.Claim); ok && v.Epoch == 7 {
					r.Subject = "A"
				}
				return r
			}
		},
		found: []audit.Rule{audit.RuleElections},
	},
	{
		name: "a copy of a control record has no valid MAC",
		after: func(l *Log) {
			was := l.Original
			l.Original = func(c domain.Copied) domain.Record {
				r := was(c)
				if _, ok := r.Payload.(domain.Left); ok {
					r.Signed = false
				}
				return r
			}
		},
		found: []audit.Rule{audit.RuleSignatures},
	},
}

func TestEveryPlantedViolationIsFoundAndNothingElse(t *testing.T) {
	c := load(t)
	for _, x := range planted {
		t.Run(x.name, func(t *testing.T) {
			b := newBed(decoded(c))
			if x.plant != nil {
				x.plant(b)
			}
			l := b.log()
			if x.after != nil {
				x.after(l)
			}
			r := Judge(l)
			for _, v := range r.Verdicts {
				if want := slices.Contains(x.found, v.Rule); want != (v.Status == audit.Violated) {
					t.Errorf("%s: %s, want it violated: %v\n%v", v.Rule, v.Status, want, v.Violated)
				} else if want && len(v.Violated[0].Records) == 0 {
					t.Errorf("%s: no records are named: %v", v.Rule, v.Violated)
				}
			}
		})
	}
}
