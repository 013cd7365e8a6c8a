package codec_test

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/understudy-io/understudy/domain"
)

// The writer is the msgpack library by reflection, the reader is our own: what
// the one writes of any record, the other must read.
func TestAnyRecordComesBack(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	c := keyed(t)
	for range 100 {
		for _, sample := range samples {
			p := reflect.New(reflect.TypeOf(sample.Payload)).Elem()
			randomise(random, p)
			r := sample
			r.Payload = p.Interface().(domain.Payload)
			m, err := c.Encode(topicOf(r.Type), partition, r)
			if err != nil {
				t.Fatalf("%+v: %v", r.Payload, err)
			}
			got := c.Decode(topicOf(r.Type), partition, stored(m))
			if diff := cmp.Diff(standing(r), got, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("%s (-want +got):\n%s", r.Type, diff)
			}
		}
	}
}

// randomise fills a payload: numbers of every length, text and lists of a few.
func randomise(random *rand.Rand, v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			randomise(random, v.Field(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), few(random)+1, few(random)+20))
		for i := range v.Len() {
			randomise(random, v.Index(i))
		}
	case reflect.Array:
		for i := range v.Len() {
			randomise(random, v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range few(random) {
			v.SetMapIndex(reflect.ValueOf(text(random)), reflect.ValueOf(text(random)))
		}
	case reflect.String:
		v.SetString(text(random))
	case reflect.Bool:
		v.SetBool(random.IntN(2) == 0)
	case reflect.Int, reflect.Int32: // ports and partitions
		v.SetInt(int64(int32(random.Uint32()) >> random.IntN(32)))
	case reflect.Int64:
		v.SetInt(int64(random.Uint64()) >> random.IntN(64))
	case reflect.Uint64, reflect.Uint8:
		v.SetUint(random.Uint64() >> random.IntN(64) & (1<<v.Type().Bits() - 1))
	default:
		panic("no random " + v.Kind().String())
	}
}

func few(random *rand.Rand) int { return random.IntN(20) }

// text is of at most 124 bytes: a UID has room for no more than 128.
func text(random *rand.Rand) string {
	runes := make([]rune, random.IntN(1<<random.IntN(6)))
	for i := range runes {
		runes[i] = []rune{'a', '"', 0, 'ß', '語', '🎬', '\n'}[random.IntN(7)]
	}
	return string(runes)
}
