package explore

import (
	"hash/maphash"
	"math"
	"math/bits"
	"reflect"
	"sync"

	"github.com/understudy-io/understudy/domain"
)

// digest is a hash of plain values. It walks over all that a value holds, hidden
// fields too, so that no field that decides something can be forgotten.
type digest uint64

var seed = maphash.MakeSeed()

func (d *digest) add(x uint64) {
	hi, lo := bits.Mul64(uint64(*d)^0x9e3779b97f4a7c15, x^0xd6e8feb86659fd93)
	*d = digest(hi ^ lo ^ x)
}

func (d *digest) text(s string) { d.add(maphash.String(seed, s)) }

// leftOut are fields that decide nothing: where only they differ, states are equal.
var leftOut = map[string]bool{
	"Server.out":   true, // the last effects, carried out already
	"Server.now":   true, // the time of the last step; the next one brings its own
	"Server.state": true, // the fold, which has a digest of its own
	// Everybody counts as live here: it matters who was heard, and not when.
	"watch.received": true,
	// A policy's hold-down is 0 here: it matters who is ready, and not since when.
	"watch.since": true, "tenure.wonAt": true,
}

// decides says for each field of a struct whether it decides anything.
func decides(v reflect.Value) []bool {
	t := v.Type()
	if known, ok := fields.Load(t); ok {
		return known.([]bool)
	}
	out := make([]bool, t.NumField())
	for i := range out {
		out[i] = !leftOut[t.Name()+"."+t.Field(i).Name]
	}
	fields.Store(t, out)
	return out
}

var fields sync.Map

func (d *digest) value(v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		if v.Bool() {
			d.add(2)
		} else {
			d.add(1)
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		d.add(uint64(v.Int()))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		d.add(v.Uint())
	case reflect.Float64:
		d.add(math.Float64bits(v.Float()))
	case reflect.String:
		d.text(v.String())
	case reflect.Struct:
		if fixed := v.FieldByName("fixed"); v.Type().Name() == "pace" && fixed.Int() > 0 {
			d.add(uint64(fixed.Int())) // then nothing depends on how fast the log is
			return
		}
		for i, does := range decides(v) {
			if does {
				d.value(v.Field(i))
			}
		}
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			d.add(3)
			return
		}
		if v.Kind() == reflect.Interface {
			d.text(v.Elem().Type().String())
		}
		d.value(v.Elem())
	case reflect.Slice, reflect.Array:
		d.add(uint64(v.Len()))
		for i := range v.Len() {
			d.value(v.Index(i))
		}
	case reflect.Map:
		// A sum, because a map has no order.
		var sum uint64
		for it := v.MapRange(); it.Next(); {
			var one digest
			one.value(it.Key())
			one.value(it.Value())
			sum += uint64(one)
		}
		d.add(sum)
	case reflect.Func: // a policy: the same for ever
	default:
		panic("explore: no digest of " + v.Type().String())
	}
}

func digestOf(parts ...any) digest {
	var d digest
	for _, p := range parts {
		v := reflect.ValueOf(p)
		if v.Kind() == reflect.Pointer {
			v = v.Elem()
		}
		d.value(v)
	}
	return d
}

func digestOfRecord(r *domain.Record) digest {
	var d digest
	d.text(r.Subject)
	d.text(r.UID)
	d.text(string(r.Type))
	d.value(reflect.ValueOf(r.Payload))
	return d
}
