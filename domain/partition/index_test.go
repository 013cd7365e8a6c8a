package partition

import (
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/understudy-io/understudy/domain"
)

func TestAQueueGivesInOrderWhateverComesInAnyOrder(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, late := range []int{0, 5, 3000, 1 << 30} {
		pops := 2 // of 20
		var q queue
		var want []uint32
		type then struct {
			lists [][]uint32
			want  []uint32
		}
		var frozen []then
		less := func(a, b uint32) bool { return a < b }
		for i := range 20_000 {
			n := uint32(i)*2 + uint32(late) - uint32(rnd.IntN(late+1))
			q.push(n, less)
			at, _ := slices.BinarySearch(want, n)
			want = slices.Insert(want, at, n)
			if i%2500 == 2499 {
				pops = 14 - pops // it grows, and is short for a while
			}
			for len(want) > 0 && rnd.IntN(20) < pops {
				if got := q.first(); got != want[0] || q.count != len(want) {
					t.Fatalf("late %d: %d is first of %d, want %d of %d", late, got, q.count, want[0], len(want))
				}
				q.pop()
				want = want[1:]
			}
			if i%500 == 0 {
				frozen = append(frozen, then{q.freeze(), slices.Clone(want)})
			}
		}
		if !slices.Equal(slices.Concat(q.freeze()...), want) {
			t.Fatalf("late %d: the list is not what is left, in order", late)
		}
		for _, r := range q.runs {
			if len(r.list) == 0 || cap(r.list) > runLength {
				t.Fatalf("late %d: a run of %d of %d", late, len(r.list), cap(r.list))
			}
		}
		for _, f := range frozen {
			if !slices.Equal(slices.Concat(f.lists...), f.want) {
				t.Fatalf("late %d: a frozen list has changed", late)
			}
		}
	}
}

func TestAFrozenSlabDoesNotSeeWhatComesAfter(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	var s slab[int]
	now := make(map[uint32]int)
	type frozen struct {
		view[int]
		then map[uint32]int
	}
	var views []frozen
	for i := range 20_000 {
		switch n := uint32(1 + rnd.IntN(1000)); {
		case i%2000 == 1999:
			then := make(map[uint32]int)
			for n, v := range now {
				then[n] = v
			}
			views = append(views, frozen{s.freeze(), then})
		case now[n] == 0:
			n = s.add(i + 1)
			now[n] = i + 1
		case i%3 == 0:
			*s.edit(n) = i + 1
			now[n] = i + 1
		default:
			s.drop(n)
			delete(now, n)
		}
	}
	for i, f := range append(views, frozen{s.view, now}) {
		for n, want := range f.then {
			if got := *f.at(n); got != want {
				t.Fatalf("view %d: number %d is %d, was %d", i, n, got, want)
			}
		}
	}
	if int(s.used) > 1000+len(now) {
		t.Errorf("%d numbers were used for %d values", s.used, len(now))
	}
}

func TestAPoolKeepsAValueWhileItIsUsed(t *testing.T) {
	p := newPool(strings.Clone)
	a, b := p.use("a"), p.use("b")
	if p.use("a") != a || p.at(a).value != "a" || p.at(b).value != "b" {
		t.Fatal("a value has another number the second time")
	}
	p.release(a)
	if p.release(b); p.at(a).value != "a" || len(p.numbers) != 1 {
		t.Fatalf("%d values left, want one", len(p.numbers))
	}
	if p.release(a); len(p.numbers) != 0 || p.use("c") > 2 {
		t.Fatal("the room of what nobody uses is not used again")
	}
}

// collision finds two UIDs with the same hash.
func collision(x *index, device uint32) (string, string) {
	seen := make(map[uint32]string)
	for i := 0; ; i++ {
		uid := fmt.Sprint("u", i)
		h := x.hash(device, maphash.String(x.seed, uid))
		if other := seen[h]; other != "" {
			return other, uid
		}
		seen[h] = uid
	}
}

func TestUIDsWithOneHashAreToldApart(t *testing.T) {
	const device = "d"
	for _, first := range []int64{1, 2} { // which is forgotten first
		x := newIndex()
		d := x.devices.use(device)
		one, two := collision(&x, d)
		for i, uid := range []string{one, two} {
			at := int64(i + 1)
			x.add(uid, &entry{device: device, command: at, indexed: domain.Instant(at * (3 - 2*first))})
		}
		for uid, want := range map[string]int64{one: 1, two: 2} {
			if e, ok := x.find(device, uid); !ok || string(e.uid) != uid || e.command != want {
				t.Fatalf("uid %s gives %+v", uid, e)
			}
		}
		x.pop()
		gone, left := one, two
		if first == 2 {
			gone, left = two, one
		}
		if _, ok := x.find(device, gone); ok {
			t.Fatalf("%s is still there", gone)
		}
		if e, ok := x.find(device, left); !ok || string(e.uid) != left {
			t.Fatalf("%s went with %s", left, gone)
		}
		if x.pop(); x.len() != 0 || len(x.chains) != 0 || len(x.endings.numbers) != 1 || len(x.devices.numbers) != 1 {
			t.Fatalf("an empty index holds on to something: %+v", x)
		}
	}
}

func TestUIDsOfAnyLengthAreToldApart(t *testing.T) {
	x := newIndex()
	room := len(slot{}.short)
	var uids []string
	for _, n := range []int{1, room - 1, room, room + 1, domain.MaxUID - 1, domain.MaxUID} {
		for _, end := range []string{"a", "b"} {
			uids = append(uids, strings.Repeat("x", n-1)+end)
		}
	}
	for i, uid := range uids {
		x.add(uid, &entry{device: "d", command: int64(i), indexed: domain.Instant(i)})
	}
	for i, uid := range uids {
		e, ok := x.find("d", uid)
		if !ok || string(e.uid) != uid || e.command != int64(i) {
			t.Fatalf("a UID of %d bytes gives entry %d, want %d", len(uid), e.command, i)
		}
		e.ending = ending{done: true, outcome: domain.Confirmed}
		x.put(&e)
		if again, ok := x.find("d", uid); !ok || !again.done {
			t.Fatalf("a UID of %d bytes is lost when its command ends", len(uid))
		}
		if _, ok := x.find("d", uid+"x"); ok {
			t.Fatalf("a UID of %d bytes answers for a longer one", len(uid))
		}
	}
	for range uids {
		x.pop()
	}
	if x.len() != 0 || len(x.chains) != 0 {
		t.Fatal("an empty index holds on to something")
	}
}
