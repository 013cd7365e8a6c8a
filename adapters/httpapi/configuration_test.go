package httpapi_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
)

// What is wrong with a publication is said in the words of whoever publishes.
func TestAPublicationOfNothingOrOfTwoThingsIsRefusedInWords(t *testing.T) {
	client := httpapi.NewClient([]string{serve(t, newFake("A")).URL}, goodToken)
	for says, p := range map[string]httpapi.Publication{
		"the configuration is empty, and nothing was published": {Comment: "x"},
		"here are 2 of them: give one":                          {Text: "devices: []", From: 3},
		"take_over needs activate":                              {Running: true, TakeOver: true},
	} {
		if _, err := client.Publish(t.Context(), p); !errors.Is(err, domain.ErrInvalid) || !strings.Contains(err.Error(), says) {
			t.Errorf("%+v: got %v, want %q", p, err, says)
		}
	}
}
