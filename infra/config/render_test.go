package config

import (
	"bytes"
	"reflect"
	"strconv"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/configuration"
)

// Written in pieces, a configuration is the same text as in one.
func TestALargeConfigurationIsWrittenAsInOnePiece(t *testing.T) {
	for _, n := range []int{0, 1, renderAtOnce, renderAtOnce + 1, 3*renderAtOnce + 7} {
		c := new(configuration.Configuration)
		for i := range n {
			d := DefaultDevice()
			d.Device, d.Driver, d.Address = "hub-"+strconv.Itoa(i), domain.DriverVideohub, "127.0.0.1:9990"
			c.Devices = append(c.Devices, d)
			c.Ports = append(c.Ports, configuration.Port{ID: "cam-" + strconv.Itoa(i), Device: d.Device, Side: "input", Number: 1, Name: "a: b\nc"})
		}
		if n > 1 {
			c.Policy.ConfigPrimary = "A"
		}
		var whole bytes.Buffer
		e := yaml.NewEncoder(&whole)
		e.SetIndent(2)
		if err := e.Encode(nodeOf(reflect.ValueOf(*c), reflect.Value{})); err != nil {
			t.Fatal(err)
		}
		text, err := RenderLandscape(c)
		if err != nil || !bytes.Equal(text, whole.Bytes()) {
			t.Errorf("%d entries: %v\n%s\nwanted\n%s", n, err, text, whole.Bytes())
		}
	}
}
