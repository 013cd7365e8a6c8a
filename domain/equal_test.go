package domain_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// A field that Same forgets would be one whose change never reaches a device.
func TestDefinitionsDifferInEveryField(t *testing.T) {
	every := func(v reflect.Value, path string, same func() bool) {
		for i := range v.NumField() {
			f, name := v.Field(i), path+v.Type().Field(i).Name
			before := reflect.ValueOf(f.Interface())
			switch f.Interface().(type) {
			case []domain.Verb:
				f.Set(reflect.ValueOf([]domain.Verb{}))
			case []string:
				f.Set(reflect.ValueOf([]string{"another"}))
			case time.Duration, int:
				f.SetInt(f.Int() + 1)
			case uint64:
				f.SetUint(f.Uint() + 1)
			case bool:
				f.SetBool(!f.Bool())
			default:
				f.SetString(f.String() + "x")
			}
			if got := same(); got != (name == "Revision") {
				t.Errorf("%s differs, and the definitions count as the same: %v", name, got)
			}
			f.Set(before)
		}
	}
	make1 := func() *domain.Definition { return &domain.Definition{Device: "a", Verbs: []domain.Verb{{Name: "v"}}} }
	a, b := make1(), make1()
	every(reflect.ValueOf(b).Elem(), "", func() bool { return a.Same(b) })
	every(reflect.ValueOf(&b.Verbs[0]).Elem(), "Verbs.", func() bool { return a.Same(b) })
	if !a.Same(b) {
		t.Error("two that are the same are not")
	}
}
