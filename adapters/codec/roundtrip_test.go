package codec_test

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-io/understudy/domain"
)

func TestWhatIsEncodedIsDecodedTheSame(t *testing.T) {
	c := keyed(t)
	for _, r := range samples {
		t.Run(string(r.Type), func(t *testing.T) {
			got := c.Decode(topicOf(r.Type), partition, encode(t, c, r))
			if diff := cmp.Diff(standing(r), got); diff != "" {
				t.Errorf("decoded record differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestACommandInJSONIsTheSameCommand(t *testing.T) {
	c := keyed(t)
	for _, r := range samples {
		if domain.ClassOf(r.Type) != domain.ClassCommand {
			continue
		}
		m, err := c.EncodeJSON(r)
		if err != nil {
			t.Fatal(err)
		}
		got := c.Decode(domain.TopicLog, partition, stored(m))
		if diff := cmp.Diff(standing(r), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", r.Type, diff)
		}
	}
}

// Without this, a field that nobody reads back could hide behind a zero.
func TestSamplesSetEveryFieldOfEveryType(t *testing.T) {
	for _, r := range samples {
		p := reflect.ValueOf(r.Payload)
		if !filled(p) {
			t.Errorf("sample of %s leaves a field at zero: %+v", r.Type, r.Payload)
		}
	}
}

// filled says whether no field is zero; in a list, every field in some element.
func filled(v reflect.Value) bool {
	if v.Kind() != reflect.Struct {
		if v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct {
			return someFilled(v)
		}
		return !v.IsZero()
	}
	for i := range v.NumField() {
		if !filled(v.Field(i)) {
			return false
		}
	}
	return true
}

func someFilled(list reflect.Value) bool {
	for i := range list.Len() {
		if filled(list.Index(i)) {
			return true
		}
	}
	return false
}
