package partition_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

// row is a line of the table of items in docs/log-format.md.
type row struct{ field, as string }

// book reads the table: the rows of each item, by its kind.
func book(t *testing.T) map[byte][]row {
	t.Helper()
	text, err := os.ReadFile("../../docs/log-format.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "| item | field | as | meaning |\n")
	if !ok {
		t.Fatal("docs/log-format.md has no table of items")
	}
	table, _, _ := strings.Cut(rest, "\n\n")
	named := regexp.MustCompile("`(\\w+)`")
	items := make(map[byte][]row)
	kind := byte(0)
	for _, line := range strings.Split(table, "\n")[1:] {
		cells := strings.Split(line, "|")
		if strings.TrimSpace(cells[1]) != "" {
			kind++
		}
		for _, m := range named.FindAllStringSubmatch(cells[2], -1) {
			items[kind] = append(items[kind], row{m[1], strings.TrimSpace(cells[3])})
		}
	}
	if len(items) != 8 {
		t.Fatalf("%d kinds of items", len(items))
	}
	return items
}

// stranger computes a state hash as somebody does who has only the book: from the rows,
// and from the values of each item by the names of the fields.
type stranger struct {
	t    *testing.T
	rows map[byte][]row
	sum  [4]uint64
}

type fields map[string]any

func (s *stranger) item(kind byte, values fields) {
	s.t.Helper()
	values["kind"] = kind
	var b []byte
	for _, r := range s.rows[kind] {
		v, ok := values[r.field]
		if !ok {
			s.t.Fatalf("item %d: the book has a field %s, and the state has none", kind, r.field)
		}
		if (r.field == "passed" || r.field == "gone") && v == false { // left out if not
			continue
		}
		b = append(b, s.bytes(r.as, v)...)
	}
	if len(values) != len(s.rows[kind]) {
		s.t.Fatalf("item %d: the book has %d fields, not %d", kind, len(s.rows[kind]), len(values))
	}
	h := sha256.Sum256(b)
	for i := range s.sum {
		s.sum[i] += binary.BigEndian.Uint64(h[8*i:])
	}
}

func varint(n uint64) (b []byte) {
	for n >= 0x80 {
		b = append(b, byte(n)|0x80)
		n >>= 7
	}
	return append(b, byte(n))
}

func zigzag(n int64) []byte {
	if n < 0 {
		return varint(uint64(-(n+1))*2 + 1)
	}
	return varint(uint64(n) * 2)
}

func str[T ~string](v T) []byte { return append(varint(uint64(len(v))), v...) }

func yes(v bool) []byte {
	if v {
		return []byte{1}
	}
	return []byte{0}
}

// bytes writes a value as a row of the book says.
func (s *stranger) bytes(as string, v any) []byte {
	s.t.Helper()
	switch as {
	case "byte":
		return []byte{v.(byte)}
	case "flag":
		return yes(v.(bool))
	case "count":
		return varint(v.(uint64))
	case "number":
		return zigzag(v.(int64))
	case "text":
		return str(fmt.Sprint(v))
	case "counts":
		return each(v.([]uint64), varint)
	case "texts":
		return listed(v.([]string), str)
	case "numbers":
		return listed(v.([]int64), zigzag)
	case "digest":
		d := v.(domain.Digest)
		return d[:]
	case "payload":
		p, _ := v.(domain.Payload) // or none
		return meant(p)
	case "wish":
		w := v.(*partition.ExportedWish)
		if w == nil {
			w = &partition.ExportedWish{}
		}
		return slices.Concat(str(w.Value), str(w.UID), zigzag(w.At))
	case "wishes":
		return listed(v.([]domain.Value), func(w domain.Value) []byte { return slices.Concat(str(w.Target), str(w.Value)) })
	case "kept":
		return each(v.([]partition.ExportedKept), func(k partition.ExportedKept) []byte { return slices.Concat(str(k.Target), zigzag(k.Until)) })
	case "repeats":
		return listed(v.([]partition.ExportedRepeat), func(w partition.ExportedRepeat) []byte { return slices.Concat(zigzag(w.At), yes(w.Conflict)) })
	case "resolution":
		r := v.(*partition.Resolved)
		if r == nil {
			return yes(false)
		}
		return slices.Concat(yes(true), str(r.As), str(r.By), str(r.Reason), zigzag(r.At.Offset))
	case "tallies":
		return listed(v.(partition.Tallies), func(x partition.Tally) []byte { return slices.Concat(str(x.Name), varint(x.N)) })
	case "definition":
		d := v.(domain.Definition)
		return defined(&d)
	case "revisions":
		r := v.(*partition.ExportedRevisions)
		if r == nil {
			return nil
		}
		return slices.Concat(varint(uint64(len(r.List))), varint(r.Latest), varint(r.Active), varint(r.Applied))
	}
	s.t.Fatalf("the book writes something as %q", as)
	return nil
}

func each[T any](list []T, write func(T) []byte) (b []byte) {
	for _, x := range list {
		b = append(b, write(x)...)
	}
	return b
}

func listed[T any](list []T, write func(T) []byte) []byte {
	return append(varint(uint64(len(list))), each(list, write)...)
}

func meant(p domain.Payload) []byte {
	if p == nil {
		return yes(false)
	}
	d := meaning(p)
	return slices.Concat(yes(true), str(p.Type()), d[:])
}

// meaning is the digest of a command.
func meaning(p domain.Payload) domain.Digest {
	level := func(l string) []byte {
		if l == "" {
			l = "video"
		}
		return str(l)
	}
	take := func(t domain.Take) []byte {
		return slices.Concat(level(t.Level), zigzag(int64(t.Destination)), zigzag(int64(t.Source)))
	}
	b := str(p.Type())
	switch p := p.(type) {
	case domain.Take:
		b = append(b, take(p)...)
	case domain.Salvo:
		b = append(b, slices.Concat(zigzag(int64(len(p.Takes))), each(p.Takes, take))...)
	case domain.SetLabel:
		b = append(b, slices.Concat(str(p.Port), zigzag(int64(p.Number)), str(p.Text))...)
	case domain.SetLock:
		b = append(b, slices.Concat(level(p.Level), zigzag(int64(p.Destination)), str(p.State))...)
	case domain.Invoke:
		b = append(b, str(p.Verb)...)
		var names []string
		for name := range p.Args {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			b = append(b, slices.Concat(str(name), str(p.Args[name]))...)
		}
	}
	h := sha256.Sum256(b)
	return domain.Digest(h[:16])
}

func defined(d *domain.Definition) []byte {
	verb := func(v domain.Verb) []byte {
		texts := each([]string{v.Name, string(v.Effect), v.Method, v.URL, v.Body, v.Target, v.Value, v.ReadURL, v.ReadAt}, str)
		return slices.Concat(texts, listed(v.Args, str), zigzag(int64(v.Timeout)))
	}
	return slices.Concat(str(d.Device), str(d.Driver), str(d.Address), varint(d.Revision), zigzag(int64(d.Inputs)), zigzag(int64(d.Outputs)),
		listed(d.Verbs, verb), zigzag(int64(d.ConfirmWithin)), zigzag(int64(d.ValidAbsolute)), zigzag(int64(d.ValidOneShot)),
		yes(d.StandbyPolling), zigzag(int64(d.PollEvery)), str(d.OnReconnect))
}

// wish is the payload of an exported command.
func wish(x partition.ExportedPayload) domain.Payload {
	switch {
	case x.Take != nil:
		return *x.Take
	case x.Salvo != nil:
		return *x.Salvo
	case x.Label != nil:
		return *x.Label
	case x.Lock != nil:
		return *x.Lock
	case x.Invoke != nil:
		return *x.Invoke
	}
	return nil
}

func (s *stranger) state(x partition.Export) {
	waiting := 0
	for i := range x.Devices {
		s.device(&x.Devices[i])
	}
	for i := range x.Entries {
		waiting += len(x.Entries[i].Waiting)
		s.name(&x.Entries[i])
	}
	for i := range x.Chores {
		s.owed(&x.Chores[i])
	}
	if x.Revisions != nil {
		for i := range x.Revisions.List {
			s.revision(&x.Revisions.List[i])
		}
	}
	l := x.Limits
	s.item(1, fields{
		"logic": byte(1), "partition": int64(x.Partition), "partitions": int64(x.Partitions), "window": int64(l.Window),
		"names_limit": int64(l.UIDs), "pending_limit": int64(l.Pending), "owed_limit": int64(l.Chores), "doubts_limit": int64(l.Doubts),
		"next": x.Next, "log_time": int64(x.LogTime), "begun": x.Begun, "suspect": x.Suspect, "epoch": x.Epoch, "sequence": x.Sequence, "opener": x.Opener,
		"forgot": x.Forgot, "forgotten": int64(x.Forgotten), "devices": int64(len(x.Devices)), "names": int64(len(x.Entries)), "owed": int64(len(x.Chores)),
		"waiting": int64(waiting), "counts": x.Counts, "reasons": x.Reasons, "defects": x.Defects, "revisions": x.Revisions,
	})
}

func (s *stranger) device(d *partition.ExportedDevice) {
	name := d.Definition.Device
	s.item(2, fields{
		"definition": d.Definition, "removed": d.Removed, "connected": d.Connected, "connection_detail": d.ConnectionDetail, "connection_since": int64(d.ConnectionSince),
	})
	for _, c := range d.Cells {
		s.item(3, fields{
			"device": name, "target": c.Target, "has_desired": c.Desired != nil, "desired": c.Desired, "settled": c.Settled, "has_reported": c.HasReported,
			"reported": c.Reported, "reported_at": c.ReportedAt, "reported_time": int64(c.ReportedTime), "foreign": c.Foreign, "has_kept": c.Kept != nil,
			"earlier": c.Kept, "recent": c.Recent, "passed": c.Passed,
		})
	}
	for _, p := range d.Pending {
		w := wish(p.Payload)
		s.item(4, fields{
			"device": name, "uid": p.UID, "command": p.Command, "effect": p.Effect, "type": w.Type(), "digest": meaning(w), "wishes": p.Wishes,
			"appended": int64(p.Appended), "valid_for": int64(p.ValidFor), "source": p.Source, "user": p.User, "started": p.Started,
			"started_epoch": p.StartedEpoch, "started_at": p.StartedAt, "kept": p.Kept, "gone": p.Gone,
		})
	}
	for _, q := range d.Doubts {
		s.item(5, fields{
			"device": name, "uid": q.UID, "command": q.Command, "payload": wish(q.Payload), "since": int64(q.Since), "epoch": q.Epoch, "detail": q.Detail, "at": q.At,
		})
	}
}

func (s *stranger) name(e *partition.ExportedEntry) {
	s.item(6, fields{
		"device": e.Device, "uid": e.UID, "command": e.Command, "indexed": int64(e.Indexed), "digest": e.Digest, "done": e.Done, "outcome": e.Outcome,
		"reason": e.Reason, "detail": e.Detail, "outcome_at": e.OutcomeAt, "conflicts": uint64(e.Conflicts), "waiting": e.Waiting, "resolved": e.Resolved,
	})
}

func (s *stranger) owed(c *partition.ExportedChore) {
	answer := domain.Reason("")
	if c.Kind == partition.GiveAnswer {
		answer = c.Reason
	}
	s.item(7, fields{
		"what": byte(c.Kind), "at": c.At, "due": c.Due, "device": c.Device, "uid": c.UID, "reason": c.Reason, "defect": c.Defect, "outcome": c.Outcome,
		"original": c.Original, "answer_reason": answer, "conflict": c.Conflict, "payload": wish(c.Payload), "by": c.By, "owner": int64(c.Owner),
	})
}

func (s *stranger) revision(r *partition.Revision) {
	s.item(8, fields{
		"number": r.Number, "parent": r.Parent, "hash": r.Hash, "size": r.Size, "parts": r.Parts, "author": r.Author, "comment": r.Comment, "server": r.Server,
		"take_over": r.TakeOver, "keeper": r.Keeper, "activated_by": r.ActivatedBy, "at": r.At, "published": int64(r.Published),
		"activated": int64(r.Activated), "activated_at": r.ActivatedAt, "activated_in": r.ActivatedIn,
	})
}

// TestTheBookGivesTheStateHash: who has only docs/log-format.md computes the hash that
// servers compare.
func TestTheBookGivesTheStateHash(t *testing.T) {
	rows := book(t)
	seen := make(map[byte]bool)
	for seed := range uint64(40) {
		s := partition.New(0, 2, tight)
		a := newAuthor(4000+seed, s)
		for i := range 400 {
			s.Apply(a.next())
			if i%19 != 0 {
				continue
			}
			x := s.Export()
			by := &stranger{t: t, rows: rows}
			by.state(x)
			if got := domain.Hash(by.sum); got != s.Hash() {
				t.Fatalf("seed %d, record %d: the book gives %s, the state has %s", seed, i, got, s.Hash())
			}
			note(seen, &x)
		}
	}
	for kind := byte(2); kind <= 8; kind++ {
		if !seen[kind] {
			t.Errorf("no history has an item of kind %d", kind)
		}
	}
}

// note says of which kinds a state has items.
func note(seen map[byte]bool, x *partition.Export) {
	for _, d := range x.Devices {
		seen[2] = true
		seen[3] = seen[3] || len(d.Cells) > 0
		seen[4] = seen[4] || len(d.Pending) > 0
		seen[5] = seen[5] || len(d.Doubts) > 0
	}
	seen[6] = seen[6] || len(x.Entries) > 0
	seen[7] = seen[7] || len(x.Chores) > 0
	seen[8] = seen[8] || x.Revisions != nil && len(x.Revisions.List) > 0
}
