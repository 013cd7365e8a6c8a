package bench

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"runtime"
	"slices"
	"syscall"
	"time"

	"github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

// foldRecords are how many records are kept in memory to be folded: enough that
// no cache holds them.
const foldRecords = 200_000

// foldBatch are how many are decoded and then folded, as if they had come with one fetch.
const foldBatch = 256

func aboutFold(o *Options) time.Duration { return time.Duration(o.Rounds+2) * time.Second }

// measureFold folds records that are in memory already: decoding, MACs, rules
// and state hash, on one core. Its limit is the MACs alone. The time is the
// processor's, that of the collector included: what else the machine does then
// takes nothing from it.
func measureFold(ctx context.Context, b *bench) error {
	log, err := b.logInMemory()
	if err != nil {
		return err
	}
	signed := log.signed()
	fold := func(context.Context) (float64, error) { return log.fold() }
	macs := func(context.Context) (float64, error) {
		began := cpuTime()
		macsOf(signed)
		return perSecond(len(log.messages), cpuTime()-began), nil
	}
	p, err := b.inTurn(ctx, fold, macs)
	if err != nil {
		return err
	}
	b.report(
		figure("fold", median(p.value), "records/s").beside(median(p.limit)).paired(p).atLeast(1_000_000),
		figure("fold_rules_alone", log.rulesAlone(), "records/s").beside(median(p.limit)),
		figure("fold_allocations", log.allocations, "allocations/record").atMost(0.001),
	)
	return nil
}

// memory is the log of one partition in memory.
type memory struct {
	codec       *codec.Codec
	limits      partition.Limits
	messages    []domain.Stored
	allocations float64 // for each record, in the second half of the last fold
}

func (b *bench) logInMemory() (*memory, error) {
	b.step("makes the records")
	records := min(b.Records, foldRecords)
	m := &memory{codec: codec.New("bench", codec.Generate())}
	h := newHistory(m.codec, 0, devicesOf(0), records, records/recordsPerCommand)
	list, err := h.take(records)
	if err != nil {
		return nil, err
	}
	// The index is full in the second half, as it is in a landscape that has been
	// busy for a day: each command makes room for itself.
	m.limits = partition.Limits{UIDs: max(16, records/recordsPerCommand/4)}
	at := now()
	for i, one := range asFetched(list) {
		m.messages = append(m.messages, domain.Stored{Message: one, Offset: int64(i), Appended: at.Add(time.Duration(i) * time.Microsecond)})
	}
	return m, nil
}

// asFetched lays messages out as a fetch gives them: all bytes in one piece, and
// all headers in another. Scattered over the memory they would be waited for.
func asFetched(list []domain.Message) []domain.Message {
	var bytes []byte
	var headers []domain.Header
	for _, m := range list {
		bytes = append(append(bytes, m.Key...), m.Value...)
		for _, h := range m.Headers {
			bytes = append(bytes, h.Value...)
		}
		headers = append(headers, m.Headers...)
	}
	cut := func(n int) []byte {
		b := bytes[:n:n]
		bytes = bytes[n:]
		return b
	}
	out := make([]domain.Message, len(list))
	for i, m := range list {
		out[i] = domain.Message{Key: cut(len(m.Key)), Value: cut(len(m.Value)), Headers: headers[:len(m.Headers):len(m.Headers)]}
		headers = headers[len(m.Headers):]
		for j := range out[i].Headers {
			h := &out[i].Headers[j]
			h.Value = cut(len(h.Value))
		}
	}
	return out
}

// devicesOf are definitions of devices that nobody reaches, all of one partition.
func devicesOf(p int32) []domain.Definition {
	d := &devices{ports: []string{"127.0.0.1:1"}, count: 100}
	var out []domain.Definition
	hub := domain.Definition{Driver: domain.DriverVideohub, Address: "127.0.0.1:2", Inputs: hubSize, Outputs: hubSize, OnReconnect: domain.Adopt}
	for n := 0; len(out) < 4; n++ { // so that takes, salvos and labels are in every partition
		hub.Device = fmt.Sprintf("%s-%d", hubDevice, n)
		if domain.Partition(hub.Device, partitions) == p {
			out = append(out, hub)
		}
	}
	for _, one := range d.httpDefinitions() {
		if domain.Partition(one.Device, partitions) == p {
			out = append(out, one)
		}
	}
	return out
}

// fold folds all, and gives records per second.
func (m *memory) fold() (float64, error) {
	runtime.GC()
	state := partition.New(0, partitions, m.limits)
	var records []domain.Record
	apply := func(messages []domain.Stored) {
		for batch := range slices.Chunk(messages, foldBatch) {
			records = m.codec.DecodeAll(records[:0], domain.TopicLog, 0, batch)
			for i := range records {
				state.Apply(records[i])
			}
		}
	}
	half := len(m.messages) / 2
	var before, after runtime.MemStats
	began := cpuTime()
	apply(m.messages[:half])
	first := cpuTime() - began
	runtime.ReadMemStats(&before)
	began = cpuTime()
	apply(m.messages[half:])
	state.Hash() // what is not hashed yet is work that is still to be done
	took := first + cpuTime() - began
	runtime.ReadMemStats(&after)
	m.allocations = float64(after.Mallocs-before.Mallocs) / float64(len(m.messages)-half)
	if n := state.Counters(); n.Dead > 0 || n.Fenced > 0 {
		return 0, fmt.Errorf("%d of %d records are dead letters, %d are fenced: %w", n.Dead, n.Records, n.Fenced, domain.ErrCorrupt)
	}
	return perSecond(len(m.messages), took), nil
}

// rulesAlone folds what is decoded already.
func (m *memory) rulesAlone() float64 {
	records := make([]domain.Record, len(m.messages))
	for i, one := range m.messages {
		records[i] = m.codec.Decode(domain.TopicLog, 0, one)
	}
	runtime.GC()
	state := partition.New(0, partitions, m.limits)
	began := cpuTime()
	for i := range records {
		state.Apply(records[i])
	}
	state.Hash()
	return perSecond(len(records), cpuTime()-began)
}

// signed are the bytes that the MACs of the servers' records cover, about: all
// headers and the value.
func (m *memory) signed() [][]byte {
	var out [][]byte
	for _, one := range m.messages {
		if _, ok := one.Header("ce_mac"); !ok {
			continue
		}
		var b []byte
		for _, h := range one.Headers {
			b = append(b, h.Value...)
			b = append(b, 0, 0, 0, 0) // its length
		}
		out = append(out, append(b, one.Value...))
	}
	return out
}

// macsOf computes one MAC for each, and nothing else.
func macsOf(signed [][]byte) {
	mac := hmac.New(sha256.New, make([]byte, codec.MinKey))
	var sum [sha256.Size]byte
	for _, one := range signed {
		mac.Reset()
		mac.Write(one)
		mac.Sum(sum[:0])
	}
}

// cpuTime is what this process has had of the processors.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
