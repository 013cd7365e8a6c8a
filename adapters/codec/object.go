package codec

import "fmt"

// object walks over the fields of a map:
//
//	for o := r.object(); o.next(); {
//		switch string(o.key) { case "epoch": … ; default: r.skip() }
//	}
type object struct {
	r    *reader
	left int
	key  []byte
	seen uint32 // fields that stand in the map
	full uint32 // those of them that have a value
}

// object reads the head of a map; nil is one without fields.
func (r *reader) object() object {
	if r.absent() {
		return object{r: r}
	}
	k, n := r.next()
	if k != kindMap {
		r.expected("a map", k)
		return object{r: r}
	}
	return object{r: r, left: int(n)}
}

func (o *object) next() bool {
	if o.r.err != nil || o.left == 0 {
		return false
	}
	o.left--
	r := o.r
	if r.i < len(r.b) && r.b[r.i]&0xe0 == 0xa0 { // a short text, as nearly every name is
		from := r.i + 1
		if to := from + int(r.b[r.i]&0x1f); to <= len(r.b) {
			o.key, r.i = r.b[from:to], to
			return true
		}
	}
	o.key = r.rawText()
	return r.err == nil
}

// given notes the field with that number and says whether it has a value: nil
// (JSON's null) counts as not given. A field that stands twice is an error.
func (o *object) given(field int) bool {
	if o.seen&(1<<field) != 0 {
		o.r.fail(fmt.Errorf("field %q stands twice", o.key))
		return false
	}
	o.seen |= 1 << field
	if o.r.absent() {
		return false
	}
	o.full |= 1 << field
	return true
}

// need is an error unless the field with that number was given.
func (o *object) need(field int, name string) {
	if o.full&(1<<field) == 0 && o.r.err == nil {
		o.r.fail(fmt.Errorf("field %q is missing", name))
	}
}

// unknown is for commands: a field never heard of may be a wish misspelt.
func (o *object) unknown() {
	o.r.fail(fmt.Errorf("field %q is not known", clip(o.key, maxType)))
}
