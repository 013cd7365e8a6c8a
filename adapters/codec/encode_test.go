package codec_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
)

func TestWhatDecodeWouldRefuseIsNotWritten(t *testing.T) {
	c := keyed(t)
	for name, change := range map[string]func(*domain.Record){
		"no payload":            func(r *domain.Record) { r.Payload = nil },
		"another type":          func(r *domain.Record) { r.Type = domain.TypeLock },
		"no UID":                func(r *domain.Record) { r.UID = "" },
		"no source":             func(r *domain.Record) { r.Source = "" },
		"no device":             func(r *domain.Record) { r.Subject = "" },
		"a long UID":            func(r *domain.Record) { r.UID = strings.Repeat("u", domain.MaxUID+1) },
		"a negative time":       func(r *domain.Record) { r.Created = -1 },
		"a negative validity":   func(r *domain.Record) { r.ValidFor = -1 },
		"too long a validity":   func(r *domain.Record) { r.ValidFor = time.Hour + 1 },
		"a level that is none":  func(r *domain.Record) { r.Payload = domain.Take{Level: "\xff"} },
		"a salvo without takes": func(r *domain.Record) { r.Type, r.Payload = domain.TypeSalvo, domain.Salvo{} },
		"a control record":      func(r *domain.Record) { r.Type, r.Payload = domain.TypeLeft, domain.Left{} },
		"too large a value": func(r *domain.Record) {
			r.Type, r.Payload = domain.TypeConnection, domain.Connection{Detail: strings.Repeat("d", domain.MaxValue)}
		},
	} {
		r := command(domain.Take{Destination: 5, Source: 12})
		change(&r)
		if _, err := c.Encode(domain.TopicLog, partition, r); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := c.Encode(9, partition, command(domain.Take{Destination: 1, Source: 1})); !errors.Is(err, domain.ErrInvalid) {
		t.Errorf("a topic that does not exist: %v", err)
	}
	if _, err := c.EncodeJSON(fact(domain.Tick{Time: 1})); !errors.Is(err, domain.ErrInvalid) {
		t.Errorf("a fact in JSON: %v", err)
	}
}

func TestTheKeyIsTheDevice(t *testing.T) {
	if m := encode(t, keyed(t), command(domain.Take{Destination: 5, Source: 12})); string(m.Key) != "videohub-1" {
		t.Errorf("key %q", m.Key)
	}
}
