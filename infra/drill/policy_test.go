package drill

import (
	"reflect"
	"testing"

	"github.com/understudy-io/understudy/adapters/httpapi"
)

func TestThePolicyThatWasIsBroughtBack(t *testing.T) {
	for name, c := range map[string]struct {
		was  *httpapi.Policy
		want []httpapi.PolicyChange
	}{
		"none": {nil, []httpapi.PolicyChange{
			{FailBack: "auto", HoldDown: "10s"}, {Order: "longest-running", FailBack: "never"},
		}},
		"with fail-back": {&httpapi.Policy{Order: "precedence", FailBack: "auto", HoldDown: "30s", By: "ann"}, []httpapi.PolicyChange{
			{Order: "precedence", FailBack: "auto", HoldDown: "30s"},
		}},
		"without": {&httpapi.Policy{Order: "designated", Members: []string{"B", "A"}, FailBack: "manual"}, []httpapi.PolicyChange{
			{FailBack: "auto", HoldDown: "10s"}, {Order: "designated", Members: []string{"B", "A"}, FailBack: "manual"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := restoring(c.was); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v\nwanted %+v", got, c.want)
			}
		})
	}
}
