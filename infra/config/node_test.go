package config

import (
	"strings"
	"testing"
	"time"
)

func TestADeviceMayTakeValuesFromAnother(t *testing.T) {
	l, err := Load(Source{File: write(t, `
devices:
  - &first {id: a, driver: http, address: "http://127.0.0.1:1", confirm_within: 3s, verbs: &all [{name: pulse, args: "x,y"}]}
  - {<<: *first, id: b, address: "http://127.0.0.1:2", standby_polling: false}
  - {id: c, driver: http, address: "http://127.0.0.1:3", verbs: *all}
`)})
	if err != nil {
		t.Fatal(err)
	}
	d := l.Config.Devices
	if len(d) != 3 || d[1].Device != "b" || d[1].ConfirmWithin != 3*time.Second || d[1].StandbyPolling || d[1].Verbs[0].Name != "pulse" {
		t.Errorf("merged: %+v", d)
	}
	if len(d) == 3 && (d[2].Verbs[0].Args[1] != "y" || !d[2].StandbyPolling || d[2].ConfirmWithin != time.Second) {
		t.Errorf("by alias: %+v", d[2])
	}
}

func TestFaultsOfDevicesNameTheirLine(t *testing.T) {
	for text, want := range map[string]string{
		"devices:\n  - {id: a}\n  - {id: b,\n     drvier: http}\n":   "line 4: devices[1].drvier: is not a known key; did you mean devices[1].driver?",
		"devices:\n  - id: a\n    id: b\n":                           "line 3: devices[0].id: stands here twice",
		"devices: [{id: [1]}]":                                       "line 1: devices[0].id: must be a single value",
		"devices: {id: a}":                                           "line 1: devices: must be a list",
		"devices: []\ndevices: []\n":                                 "line 2: devices stands here twice",
		"devices:\n  - &a\n    id: a\n    <<: *a\n":                  "takes values from itself",
		"devices:\n  - &a {id: [x]}\n  - {<<: [*a, 5], inputs: x}\n": `line 3: devices[1].inputs: "x" is not a whole number`,
	} {
		_, err := Load(Source{File: write(t, text)})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q\ngives  %v\nwant   %s", text, err, want)
		}
	}
}

func TestAFileOfAliasesUponAliasesEnds(t *testing.T) {
	var b strings.Builder
	b.WriteString("devices:\n  - verbs: &v [{name: x, args: &a [")
	b.WriteString(strings.Repeat("x,", 4000) + "x]}")
	b.WriteString(strings.Repeat(",{args: *a}", 4000) + "]\n")
	if _, err := Load(Source{File: write(t, b.String())}); err == nil || !strings.Contains(err.Error(), "aliases counted") {
		t.Errorf("err = %v", err)
	}
}
