package election

import (
	"errors"
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// The reckoning against the rule in its plainest form: keep all, and take the
// earliest end of the last that was read back and all after it.
func TestReckoningIsTheEarliestEndSinceTheLastReadBack(t *testing.T) {
	rnd := rand.New(rand.NewSource(1))
	for range 2000 {
		var r reckoning
		var all []sending
		for n := uint64(1); n < 60; n++ {
			end := domain.Mono(n)*10 + domain.Mono(rnd.Intn(200))
			r.add(n, end)
			all = append(all, sending{n, end})
			if rnd.Intn(3) > 0 {
				continue
			}
			back := all[rnd.Intn(len(all))].n
			r.readBack(back)
			all = slices.DeleteFunc(all, func(s sending) bool { return s.n < back })
			want := slices.MinFunc(all, func(a, b sending) int { return int(a.end - b.end) }).end
			if got := r.end(); got != want {
				t.Fatalf("end %d, want %d of %v", got, want, all)
			}
		}
	}
}

func TestReckoningIsBoundedAndErrsOnTheEarlySide(t *testing.T) {
	var r reckoning
	for n := uint64(1); n <= 1000; n++ {
		r.add(n, domain.Mono(n))
	}
	if len(r.sends) > maxReckoned {
		t.Errorf("%d sends are kept", len(r.sends))
	}
	r.readBack(500)
	if end := r.end(); end <= 0 || end > 500 {
		t.Errorf("the lease ends at %d, want no later than the send's own end", end)
	}
	r.readBack(1000)
	if r.end() != 1000 {
		t.Errorf("the newest send gives %d", r.end())
	}
}

func TestPaceFollowsTheLogAndNotOwnPauses(t *testing.T) {
	p, f := pace{min: 60 * time.Millisecond, max: time.Second}, flight{}
	if got := p.ttl(0); got != time.Second {
		t.Errorf("without a sample the TTL is %s, want the longest", got)
	}
	n, now := uint64(0), time.Hour
	beats := func(count int, took time.Duration, paused bool) time.Duration {
		for range count {
			n++
			now += p.ttl(now) / beatsPerTTL
			f.add(n, now-took)
			if paused {
				f.paused()
			}
			if landed, _, ok := f.land(n); ok && landed.fair {
				p.sample(now-landed.at, now)
			}
		}
		return p.ttl(now)
	}
	for _, test := range []struct {
		name     string
		beats    int
		took     time.Duration
		paused   bool
		min, max time.Duration
	}{
		{"a fast log has the shortest", 100, time.Millisecond, false, 60 * time.Millisecond, 60 * time.Millisecond},
		{"own pauses do not count", 100, 300 * time.Millisecond, true, 60 * time.Millisecond, 60 * time.Millisecond},
		{"one slow append lengthens it somewhat", 1, 20 * time.Millisecond, false, 100 * time.Millisecond, 150 * time.Millisecond},
		{"a log that stays slow has 20 times what it takes", 30, 20 * time.Millisecond, false, 380 * time.Millisecond, 400 * time.Millisecond},
		{"a log that stands still has the longest", 30, time.Minute, false, 990 * time.Millisecond, time.Second},
		{"it shortens smoothly", 2, time.Millisecond, false, 500 * time.Millisecond, 650 * time.Millisecond},
		{"to the shortest again", 20, time.Millisecond, false, 60 * time.Millisecond, 60 * time.Millisecond},
	} {
		if got := beats(test.beats, test.took, test.paused); got < test.min || got > test.max {
			t.Errorf("%s: %s, want %s to %s", test.name, got, test.min, test.max)
		}
	}
}

func TestWhatIsUnderWayIsSinceTheFirstThatTheServerDidNotHoldUp(t *testing.T) {
	var f flight
	f.add(1, 10)
	f.paused()
	f.add(2, 20)
	f.add(3, 30)
	f.add(4, 40)
	if landed, since, ok := f.land(3); !ok || landed.at != 30 || !landed.fair || since != 20 {
		t.Errorf("send 3 is %+v, %t, and the oldest since %d; want at 30, fair, and 20", landed, ok, since)
	}
	if _, _, ok := f.land(2); ok {
		t.Error("send 2 lands late, and counts")
	}
	if landed, since, ok := f.land(4); !ok || landed.at != 40 || since != 40 {
		t.Errorf("send 4 is %+v, %t, and the oldest since %d; want at 40, and 40", landed, ok, since)
	}
	for n := range uint64(2 * maxFlight) {
		f.add(10+n, 100)
	}
	if len(f) != maxFlight {
		t.Errorf("%d are remembered, want %d", len(f), maxFlight)
	}
}

func TestALeaseThatRanOutKeepsTheNextOnesLongerForAWhile(t *testing.T) {
	p := pace{min: 60 * time.Millisecond, max: time.Second}
	now := time.Hour
	p.sample(time.Millisecond, now)
	for _, test := range []struct {
		name   string
		lapses int
		after  time.Duration
		want   time.Duration
	}{
		{"nothing has happened", 0, time.Minute, 60 * time.Millisecond},
		{"one is twice the shortest", 1, 0, 120 * time.Millisecond},
		{"for half a minute", 0, 29 * time.Second, 120 * time.Millisecond},
		{"another one doubles it again", 1, 0, 240 * time.Millisecond},
		{"half of that is forgotten", 0, 30 * time.Second, 120 * time.Millisecond},
		{"and then all", 0, 30 * time.Second, 60 * time.Millisecond},
		{"many give the longest", 20, 0, time.Second},
		{"also forgotten", 0, 24 * time.Hour, 60 * time.Millisecond},
	} {
		for range test.lapses {
			p.lapsed(now)
		}
		now += test.after
		if got := p.ttl(now); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

func TestPoliciesOrderMembers(t *testing.T) {
	members := []Member{{Name: "old", Joined: 1}, {Name: "middle", Joined: 5, Precedence: 2}, {Name: "young", Joined: 9, Precedence: 1}}
	for _, test := range []struct {
		name   string
		policy Policy
		want   string
	}{
		{"longest running", LongestRunning, "old middle young"},
		{"precedence, and without one last", Precedence, "young middle old"},
		{"designated, and not listed last", Designated("middle", "nobody", "young"), "middle young old"},
	} {
		got := slices.Clone(members)
		slices.Reverse(got)
		slices.SortFunc(got, test.policy)
		var names []string
		for _, m := range got {
			names = append(names, m.Name)
		}
		if order := strings.Join(names, " "); order != test.want {
			t.Errorf("%s: %s, want %s", test.name, order, test.want)
		}
	}
}

func TestConfigSaysAllThatIsWrong(t *testing.T) {
	err := Config{TTL: time.Hour, Margin: 2, MinTTL: 2 * time.Second, StallAfter: -1}.Validate()
	if !errors.Is(err, domain.ErrInvalid) {
		t.Fatalf("%v, want it to be invalid", err)
	}
	for _, word := range []string{"member", "incarnation", "ttl", "min_ttl", "margin", "stall_after"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%v does not name %s", err, word)
		}
	}
	if err := (Config{Member: "a", Incarnation: "x"}).Validate(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
}

func TestABrokenViewIsCorrupt(t *testing.T) {
	w := newWorld()
	w.start(Config{Member: "a", Incarnation: "a1"}, 1, nil)
	w.run(time.Second)
	good := string(w.oracle.Export())
	for name, b := range map[string]string{
		"nothing":          "",
		"another version":  strings.Replace(good, `"version":1`, `"version":9`, 1),
		"heard of future":  strings.Replace(good, `"next":`+fmt.Sprint(w.oracle.Next()), `"next":1`, 1),
		"held by nobody":   strings.Replace(good, `"holder":{"name":"a"`, `"holder":{"name":""`, 1),
		"member of future": strings.Replace(good, `"joined":0`, `"joined":99999`, 1),
	} {
		if b == good {
			t.Fatalf("%s: the view was not broken", name)
		}
		if _, err := Restore([]byte(b)); !errors.Is(err, domain.ErrCorrupt) {
			t.Errorf("%s: %v, want it to be corrupt", name, err)
		}
	}
	if s, err := Restore([]byte(good)); err != nil || s.Hash() != w.oracle.Hash() {
		t.Errorf("the good one: %v", err)
	}
}

// Members are bounded: what is gone makes room, what is there does not.
func TestThereIsRoomForSoManyMembers(t *testing.T) {
	s := NewState()
	offset := int64(0)
	apply := func(name string, p domain.Payload) Ruling {
		offset++
		return s.Apply(domain.Record{Position: domain.Position{Offset: offset}, Subject: name, Signed: true, Payload: p})
	}
	for i := range MaxMembers {
		apply(fmt.Sprint("m", i), domain.Joined{Incarnation: "1"})
	}
	if r := apply("late", domain.Joined{Incarnation: "1"}); r.Counts {
		t.Errorf("one more has joined than there is room for: %+v", r)
	}
	apply("m7", domain.Died{Incarnation: "1"})
	if r := apply("late", domain.Joined{Incarnation: "1"}); !r.Counts {
		t.Errorf("a member died, but its place stays taken: %+v", r)
	}
	for i := range 2 * MaxRetired {
		apply("m1", domain.Joined{Incarnation: fmt.Sprint("x", i)})
	}
	if len(s.members) != MaxMembers || len(s.retired) != MaxRetired {
		t.Errorf("%d members, %d retired", len(s.members), len(s.retired))
	}
}

func TestTheFoldHasAHash(t *testing.T) {
	a, b := NewState(), NewState()
	r := domain.Record{Subject: "a", Signed: true, Payload: domain.Joined{Incarnation: "1"}}
	a.Apply(r)
	if a.Hash() == b.Hash() {
		t.Error("another state has the same hash")
	}
	b.Apply(r)
	if a.Hash() != b.Hash() {
		t.Error("the same records give another hash")
	}
}
