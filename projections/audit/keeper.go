package audit

import (
	"fmt"
	"io"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/understudy-io/understudy/domain"
)

// keeper writes values, or reads them back: one list of fields for both, so that the two
// cannot differ.
type keeper struct {
	to   *msgpack.Encoder // nil: it reads
	from *msgpack.Decoder
	err  error // the first one
}

func newKeeper(to io.Writer, from io.Reader) *keeper {
	if to != nil {
		return &keeper{to: msgpack.NewEncoder(to)}
	}
	return &keeper{from: msgpack.NewDecoder(from)}
}

// values are pointers.
func (k *keeper) values(all ...any) {
	for _, v := range all {
		switch {
		case k.err != nil:
			return
		case k.to != nil:
			k.err = k.to.Encode(v)
		default:
			k.err = k.from.Decode(v)
		}
	}
}

// count is how long a list is.
func (k *keeper) count(n, most int) int {
	if k.values(&n); k.err == nil && (n < 0 || n > most) {
		k.err = fmt.Errorf("a list has %d values, and at most %d can be: %w", n, most, domain.ErrCorrupt)
	}
	if k.err != nil {
		return 0
	}
	return n
}

// maxKept bounds what is read of a list.
const maxKept = 1 << 22

func keepList[T any](k *keeper, list *[]T, each func(*keeper, *T)) {
	n := k.count(len(*list), maxKept)
	for i := range n {
		if k.from != nil {
			*list = append(*list, *new(T))
		}
		if each(k, &(*list)[i]); k.err != nil {
			return
		}
	}
}

func keepMap[K comparable, V any](k *keeper, m map[K]V, each func(*keeper, *V)) {
	n := k.count(len(m), maxKept)
	if k.to != nil {
		for key, v := range m {
			k.values(&key)
			each(k, &v)
		}
		return
	}
	for range n {
		var key K
		var v V
		k.values(&key)
		if each(k, &v); k.err != nil {
			return
		}
		m[key] = v
	}
}

// plain is for what the encoding can write by itself.
func plain[T any](k *keeper, v *T) { k.values(v) }
