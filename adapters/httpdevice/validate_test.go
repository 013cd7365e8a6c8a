package httpdevice

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
)

func TestADefinitionWithoutFaultIsAccepted(t *testing.T) {
	for _, address := range []string{"127.0.0.1:80", "device.example:8080", "http://device.example", "https://device.example/base/", "http://[::1]:80", "[::1]:80"} {
		if err := Validate(definition(address)); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestEachFaultOfADefinitionIsFound(t *testing.T) {
	verb := func(n int, change func(*domain.Verb)) func(*domain.Definition) {
		return func(d *domain.Definition) { change(&d.Verbs[n]) }
	}
	address := func(a string) func(*domain.Definition) { return func(d *domain.Definition) { d.Address = a } }
	tests := map[string]struct {
		change func(*domain.Definition)
		want   string
	}{
		"another driver":               {func(d *domain.Definition) { d.Driver = domain.DriverVideohub }, "driver"},
		"no address":                   {address(""), "names no host"},
		"an address of another scheme": {address("ftp://x"), "http or https"},
		"credentials in the address":   {address("http://u:p@x"), "credentials"},
		"a query in the address":       {address("http://x/?a=b"), "query"},
		"no verbs":                     {func(d *domain.Definition) { d.Verbs = nil }, "0 verbs"},
		"too many verbs":               {func(d *domain.Definition) { d.Verbs = make([]domain.Verb, MaxVerbs+1) }, "257 verbs"},
		"a verb twice":                 {verb(1, func(v *domain.Verb) { v.Name = "pulse" }), "twice"},
		"a verb without a name":        {verb(1, func(v *domain.Verb) { v.Name = "" }), "name"},
		"an unknown effect":            {verb(0, func(v *domain.Verb) { v.Effect = "toggle" }), `"toggle"`},
		"an unknown method":            {verb(0, func(v *domain.Verb) { v.Method = "post" }), `"post"`},
		"GET with a body":              {verb(0, func(v *domain.Verb) { v.Method = "GET" }), "GET must not have"},
		"a timeout beyond confirming":  {verb(0, func(v *domain.Verb) { v.Timeout = time.Minute }), "confirm_within"},
		"a negative timeout":           {verb(0, func(v *domain.Verb) { v.Timeout = -1 }), "negative"},
		"an argument not declared":     {verb(1, func(v *domain.Verb) { v.URL = "/{{path .other}}" }), `"other"`},
		"an argument without escape":   {verb(1, func(v *domain.Verb) { v.Body = "{{.level}}" }), "has no escape"},
		"an argument named uid":        {verb(1, func(v *domain.Verb) { v.Args = []string{"level", "uid"} }), `"uid"`},
		"an argument twice":            {verb(1, func(v *domain.Verb) { v.Args = []string{"level", "level"} }), `"level"`},
		"too many arguments":           {verb(1, func(v *domain.Verb) { v.Args = make([]string, domain.MaxArgs+1) }), "33 args"},
		"a value that is no argument":  {verb(1, func(v *domain.Verb) { v.Value = "x" }), "must be the one of its args"},
		"a value without a target":     {verb(1, func(v *domain.Verb) { v.Target = "" }), "no target"},
		"a one-shot with a target":     {verb(0, func(v *domain.Verb) { v.Target = "x" }), "one-shot"},
		"queryable, not readable":      {verb(2, func(v *domain.Verb) { v.Effect = domain.Queryable }), "must be read"},
		"read_at that is no pointer":   {verb(1, func(v *domain.Verb) { v.ReadAt = "value" }), "read_at"},
		"read_at without read_url":     {verb(2, func(v *domain.Verb) { v.ReadAt = "/x" }), "read_url"},
		"read_url with an argument":    {verb(1, func(v *domain.Verb) { v.ReadURL = "/{{path .level}}" }), "uses an argument"},
		"a target read in two places": {func(d *domain.Definition) {
			other := d.Verbs[1]
			other.Name, other.ReadAt = "other", "/elsewhere"
			d.Verbs = append(d.Verbs, other)
		}, "one place"},
		"polling too often":        {func(d *domain.Definition) { d.PollEvery = time.Millisecond }, "poll_every"},
		"polling without a target": {func(d *domain.Definition) { d.PollEvery = time.Second; d.Verbs = d.Verbs[:1] }, "no verb has a read_url"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			d := definition("127.0.0.1:80")
			test.change(&d)
			err := Validate(d)
			if err == nil || !strings.Contains(err.Error(), test.want) || !errors.Is(err, domain.ErrInvalid) {
				t.Errorf("Validate = %v, want something about %q", err, test.want)
			}
			if _, err := New(Options{}).Open(d, newRecorder()); !errors.Is(err, domain.ErrInvalid) {
				t.Errorf("Open = %v", err)
			}
		})
	}
}

func TestAllFaultsAreReportedAtOnce(t *testing.T) {
	err := Validate(domain.Definition{Verbs: []domain.Verb{{}, {Name: "x"}}})
	if n := strings.Count(err.Error(), "\n") + 1; n < 8 {
		t.Errorf("%d faults only: %v", n, err)
	}
}
