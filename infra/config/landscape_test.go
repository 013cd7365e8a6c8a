package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-io/understudy/domain"
)

const landscapeText = `
devices:
  - {id: router-1, driver: videohub, address: "192.0.2.1:9990", inputs: 40, outputs: 40, standby_polling: false}
  - id: gate-1
    driver: http
    address: http://192.0.2.2
    verbs:
      - {name: pulse, effect: one-shot, method: POST, url: /pulse, body: "yes"}
ports:
  - {id: cam-1, device: router-1, side: input, number: 3, name: "007"}
  - {id: wall, device: router-1, side: output, number: 40}
panels:
  - {id: panel-1, name: Regie, ports: [cam-1, wall]}
mappings:
  - {name: main, device: router-1, target: crosspoint/video/40}
policy:
  config_primary: A
`

func TestAConfigurationIsWrittenAsItIsRead(t *testing.T) {
	c, err := ParseLandscape([]byte(landscapeText))
	if err != nil {
		t.Fatal(err)
	}
	if c.Devices[0].Device != "gate-1" || c.Devices[0].ConfirmWithin != DefaultDevice().ConfirmWithin || c.Ports[0].Name != "007" {
		t.Fatalf("read as %+v", c)
	}
	text, err := RenderLandscape(c)
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseLandscape(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if d := cmp.Diff(c, again); d != "" {
		t.Errorf("%s\n%s", d, text)
	}
}

func TestAllFaultsOfALandscapeAreToldWithTheirLines(t *testing.T) {
	_, err := ParseLandscape([]byte(`devices:
  - {id: router-1, driver: videohub, address: "192.0.2.1:9990", inputs: 400, outputs: 40}
  - {id: router-1, driver: videohub, address: "192.0.2.1:9990", inputs: 40, outputs: 40}
ports:
  - {id: cam-1, device: router-9, side: input, number: 3}
  - {id: cam-1, device: router-1, side: sideways, number: 3}
  - {id: wall, device: router-1, side: output,
     number: 41}
panels:
  - {id: panel-1, ports: [cam-7]}
mappings:
  - {name: main, device: router-9, target: nowhere}
`))
	if !errors.Is(err, domain.ErrInvalid) {
		t.Fatalf("err = %v", err)
	}
	for _, want := range []string{
		"line 2: devices[0].inputs: 400", "line 3: devices[1].id: \"router-1\" is also that of devices[0]", "line 3: devices[1].address",
		"line 5: ports[0].device: \"router-9\" is not among the devices", "line 6: ports[1].id: \"cam-1\" is also that of ports[0]",
		"line 6: ports[1].side: \"sideways\"", "line 8: ports[2].number: 41: router-1 has 40", "line 10: panels[0].ports: \"cam-7\"",
		"line 12: mappings[0].device", "line 12: mappings[0].target",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("not told: %s\nin:\n%v", want, err)
		}
	}
	if n := len(Faults(err)); n != 10 {
		t.Errorf("%d faults: %v", n, err)
	}
}

// A mapping names a port that is there: who uses it would be refused otherwise.
func TestAMappingNamesWhatTheDeviceHas(t *testing.T) {
	for target, fault := range map[string]string{
		"crosspoint/video/40": "", "crosspoint/video/41": "router-1 has 40 on that side", "crosspoint/video/0": "router-1 has 40",
		"lock/video/41": "router-1 has 40", "label/input/20": "", "label/input/21": "router-1 has 20", "label/output/40": "",
		"label/video/3": "is no target", "crosspoint/video/x": "is no target", "crosspoint/video": "is no target", "crosspoint": "is no target",
		"parameter/": "is no target", "parameter/level": "", "volume/video/3": "is no target", "": "is no target",
	} {
		_, err := ParseLandscape(fmt.Appendf(nil, `devices:
  - {id: router-1, driver: videohub, address: "192.0.2.1:9990", inputs: 20, outputs: 40}
mappings:
  - {name: main, device: router-1, target: %q}
`, target))
		if (err == nil) != (fault == "") || err != nil && (!strings.Contains(err.Error(), "line 4: mappings[0].target") || !strings.Contains(err.Error(), fault)) {
			t.Errorf("%q: %v, want %q", target, err, fault)
		}
	}
}

func TestWhatIsNoConfigurationOfALandscapeIsRefusedInASentence(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "is empty",
		"devices: [":                     "is not YAML",
		"server: {name: a}\ndevices: []": "line 1: server: belongs into the file of a server",
		"device: []":                     "line 1: device: is not a known key; did you mean devices?",
		"policy: {config_primary: a/b}":  "line 1: policy.config_primary",
		strings.Repeat("#", 50_000_000):  "has 50000000 bytes, at most",
		"- a list":                       "holds a single value",
	} {
		if _, err := ParseLandscape([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q gives %v, want %s", text, err, want)
		}
	}
}

func TestAThousandFaultsAreEnough(t *testing.T) {
	var b strings.Builder
	b.WriteString("panels:\n")
	for i := range 3000 {
		fmt.Fprintf(&b, "  - {id: p%d, ports: [nobody]}\n", i)
	}
	_, err := ParseLandscape([]byte(b.String()))
	if n := len(Faults(err)); n != maxFaults+1 || !strings.Contains(err.Error(), "has 2000 more faults") {
		t.Errorf("%d faults", n)
	}
}

// Faults of form and of meaning are told together, but nothing that only follows from
// another one.
func TestAllFaultsOfALandscapeAreToldTogether(t *testing.T) {
	_, err := ParseLandscape([]byte(`
devices:
  - {id: router-1, driver: videohubb, address: "192.0.2.1:9990", inputs: 40, outputs: 40}
  - {id: gate-1, driver: http, host: "192.0.2.2"}
panells: []
ports:
  - {id: cam-3, device: router-9, side: input, number: 17}
policy: {config_primary: "a b"}
`))
	var got []string
	for _, f := range Faults(err) {
		got = append(got, fmt.Sprintf("%d %s", f.Line, f.Path))
	}
	want := []string{"3 devices[0].driver", "4 devices[1].host", "5 panells", "8 policy.config_primary"}
	if !slices.Equal(got, want) {
		t.Errorf("told of %q, want %q: %v", got, want, err)
	}
	_, err = ParseLandscape([]byte("text"))
	if f := Faults(err); len(f) != 1 || f[0].Path != "the file" {
		t.Errorf("of a text is told %v", err)
	}
}
