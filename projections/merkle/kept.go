package merkle

import (
	"slices"

	"github.com/vmihailenco/msgpack/v5"
)

var (
	_ msgpack.CustomEncoder = (*Watch)(nil)
	_ msgpack.CustomDecoder = (*Watch)(nil)
)

// EncodeMsgpack writes where a watch is and what it has found, without the claims that lie
// ahead and the newest roots.
func (w *Watch) EncodeMsgpack(e *msgpack.Encoder) error {
	return e.EncodeMulti(&w.tree.Size, &w.tree.Next, &w.tree.Tops, &w.same, &w.found, &w.checked, &w.passed)
}

// DecodeMsgpack reads that.
func (w *Watch) DecodeMsgpack(d *msgpack.Decoder) error {
	if err := d.DecodeMulti(&w.tree.Size, &w.tree.Next, &w.tree.Tops, &w.same, &w.found, &w.checked, &w.passed); err != nil {
		return err
	}
	return w.tree.Check()
}

// Resume goes on where a decoded watch was: claims that it has judged, told of so many
// of the log, may be told again.
func (w *Watch) Resume(told int64) {
	w.before, w.told = w.tree.Size+1, told
	w.claims = slices.DeleteFunc(w.claims, func(c Claim) bool { return w.judged(&c) })
}

func (w *Watch) judged(c *Claim) bool { return c.Size < w.before && c.Number <= w.told }
