package config_test

import (
	"strconv"
	"testing"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/configuration"
	"github.com/understudy-io/understudy/infra/config"
)

// large is a landscape at the limit of what can be configured.
func large() *configuration.Configuration {
	c := new(configuration.Configuration)
	for i := range 10_000 {
		d := config.DefaultDevice()
		d.Device, d.Driver = "device-"+strconv.Itoa(i), domain.DriverHTTP
		d.Address = "http://127.0.0.1:8080/" + d.Device
		d.ValidAbsolute *= 2
		d.Verbs = []domain.Verb{
			{Name: "pulse", Effect: domain.OneShot, Method: "POST", URL: "/pulse"},
			{
				Name: "level", Effect: domain.Absolute, Method: "PUT", URL: "/level", Body: `{"value": {{json .level}}}`,
				Args: []string{"level"}, Target: "level", Value: "level", ReadURL: "/level", ReadAt: "/value",
			},
		}
		c.Devices = append(c.Devices, d)
	}
	return c
}

func BenchmarkRenderLandscape(b *testing.B) {
	c := large()
	b.ReportAllocs()
	for b.Loop() {
		text, err := config.RenderLandscape(c)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(text)))
	}
}

func BenchmarkParseLandscape(b *testing.B) {
	text, err := config.RenderLandscape(large())
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := config.ParseLandscape(text); err != nil {
			b.Fatal(err)
		}
	}
}
