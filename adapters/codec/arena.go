package codec

import (
	"hash/maphash"
	"strings"

	"github.com/understudy-io/understudy/domain"
)

// arena is memory that the records of DecodeAll share. What a record has been
// given of it is never written again, so a record stays as it is for as long as
// somebody holds it, and may go to any goroutine. Without an arena (nil) each
// text has memory of its own.
type arena struct {
	chunk  strings.Builder // texts, one behind the other
	values []domain.Value  // not yet given away
	names  [nameSlots]string
	seed   maphash.Seed
	types  [typeSlots]*recordType // the last one of each slot
	minute minute
	keyID  string // of the last MAC that was checked, with what belongs to it
	signer *signer
	mac    *macState
	read   reader // of the value of one record after the other
}

// Who keeps a text of a record keeps a chunk, and who keeps its reported values
// keeps a run of values: so both are small.
const (
	chunkSize  = 4 << 10 // bytes; some forty records
	maxShared  = 256     // bytes of a text that goes into a chunk
	valueRun   = 64
	maxValues  = 8 // of one record that are taken from a run
	nameSlots  = 1024
	typeSlots  = 32
	maxKeyName = 64 // bytes of a name that is kept
)

func newArena() *arena { return &arena{seed: maphash.MakeSeed()} }

func (a *arena) reader() *reader {
	if a == nil {
		return new(reader)
	}
	return &a.read
}

// text makes a string of what differs from record to record.
func (a *arena) text(b []byte) string {
	if a == nil || len(b) > maxShared {
		return string(b)
	}
	if a.chunk.Cap()-a.chunk.Len() < len(b) {
		a.chunk.Reset() // leaves the chunk to those who have texts in it
		a.chunk.Grow(chunkSize)
	}
	from := a.chunk.Len()
	a.chunk.Write(b)
	return a.chunk.String()[from:]
}

// name makes a string of what stands in many records: devices, producers,
// targets. It remembers the last one in each slot, and no more than that.
func (a *arena) name(b []byte) string {
	if a == nil || len(b) > maxKeyName {
		return string(b)
	}
	slot := &a.names[maphash.Bytes(a.seed, b)%nameSlots]
	if *slot != string(b) {
		*slot = string(b)
	}
	return *slot
}

// list makes room for n reported values.
func (a *arena) list(n int) []domain.Value {
	if a == nil || n > maxValues {
		return make([]domain.Value, 0, n)
	}
	if len(a.values) < n {
		a.values = make([]domain.Value, valueRun)
	}
	out := a.values[:0:n]
	a.values = a.values[n:]
	return out
}

// macOf gives what computes MACs with a key, if the last one was of that key too.
func (a *arena) macOf(keyID []byte) (*macState, bool) {
	if a == nil || a.mac == nil || a.keyID != string(keyID) {
		return nil, false
	}
	return a.mac, true
}

func (a *arena) keepMAC(keyID string, g *signer, s *macState) {
	if a.mac != nil {
		a.signer.pool.Put(a.mac)
	}
	a.keyID, a.signer, a.mac = keyID, g, s
}
