package selfcheck_test

import (
	"context"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/understudy-io/understudy/infra/selfcheck"
)

func TestWhatAServerStandsOnIsLookedAt(t *testing.T) {
	up := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer up.Close()
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	secret := httptest.NewTLSServer(up.Config.Handler)
	defer secret.Close()
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secret.Certificate().Raw})
	for name, test := range map[string]struct {
		spoil func(*selfcheck.Options)
		check string // that fails; none if all is well
		words string
	}{
		"all is well":         {func(*selfcheck.Options) {}, "", ""},
		"no folder":           {func(o *selfcheck.Options) { o.Dir = filepath.Join(o.Dir, "gone") }, "disk", "snapshots are not written"},
		"an unknown name":     {func(o *selfcheck.Options) { o.Hosts = append(o.Hosts, "no-such-host.invalid:9092") }, "resolver", "no-such-host.invalid"},
		"nobody there":        {func(o *selfcheck.Options) { o.Advertised = "http://127.0.0.1:9" }, "port", "server.advertise"},
		"somebody else":       {func(o *selfcheck.Options) { o.Advertised = other.URL }, "port", "something else answers"},
		"its own certificate": {func(o *selfcheck.Options) { o.Advertised, o.Own = secret.URL, certificate }, "", ""},
		"another certificate": {func(o *selfcheck.Options) { o.Advertised = secret.URL }, "port", "certificate"},
		"wrong topics":        {func(o *selfcheck.Options) { o.Topics = topics("retention.ms is 7d", nil) }, "brokers", "retention.ms is 7d"},
		"brokers are away":    {func(o *selfcheck.Options) { o.Topics = topics("", errors.New("no broker answers")) }, "brokers", "no broker answers"},
	} {
		o := selfcheck.Options{Dir: t.TempDir(), Hosts: []string{"127.0.0.1:9092", "::1"}, Advertised: up.URL, Topics: topics("", nil)}
		test.spoil(&o)
		found := selfcheck.New(o).Look(t.Context())
		if len(found) != 4 {
			t.Fatalf("%s: %+v", name, found)
		}
		for _, f := range found {
			if (f.Failure != "") != (f.Check == test.check) || f.Check == test.check && !strings.Contains(f.Failure, test.words) {
				t.Errorf("%s: %+v", name, f)
			}
		}
	}
}

func topics(finding string, err error) func(context.Context) ([]string, error) {
	return func(context.Context) ([]string, error) {
		if finding == "" {
			return nil, err
		}
		return []string{finding}, err
	}
}
