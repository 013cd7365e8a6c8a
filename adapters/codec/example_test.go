package codec_test

import (
	"fmt"
	"time"

	"github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/domain"
)

// A producer without keys writes a command in JSON.
func ExampleCodec_EncodeJSON() {
	c := codec.New("main", codec.Keyring{})
	m, err := c.EncodeJSON(domain.Record{
		UID:      "panel-7/1234",
		Source:   "/panel/7",
		Subject:  "videohub-1",
		Created:  domain.InstantOf(time.Date(2026, 1, 31, 20, 14, 7, 0, time.UTC)),
		ValidFor: 5 * time.Second,
		Payload:  domain.Take{Destination: 5, Source: 12},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("key: %s\n", m.Key)
	for _, h := range m.Headers {
		fmt.Printf("%s: %s\n", h.Key, h.Value)
	}
	fmt.Printf("%s\n", m.Value)
	// Output:
	// key: videohub-1
	// ce_specversion: 1.0
	// ce_id: panel-7/1234
	// ce_source: /panel/7
	// ce_type: crosspoint.take.v1
	// ce_time: 2026-01-31T20:14:07Z
	// ce_subject: videohub-1
	// content-type: application/json
	// ce_validfor: 5s
	// {"destination":5,"source":12}
}

// What could not be understood says why.
func ExampleCodec_Decode() {
	c := codec.New("main", codec.Keyring{})
	m := domain.Stored{Offset: 81234, Message: domain.Message{
		Key: []byte("videohub-1"),
		Headers: []domain.Header{
			{Key: "ce_specversion", Value: []byte("1.0")},
			{Key: "ce_id", Value: []byte("1")},
			{Key: "ce_source", Value: []byte("/script")},
			{Key: "ce_type", Value: []byte("crosspoint.take.v1")},
			{Key: "ce_subject", Value: []byte("videohub-1")},
			{Key: "content-type", Value: []byte("application/json")},
		},
		Value: []byte(`{"destnation":5,"source":12}`),
	}}
	r := c.Decode(domain.TopicLog, 3, m)
	fmt.Printf("%s %s: %s\n", r.Position, r.Defect, r.Detail)
	// Output: 3:81234 bad_payload: field "destnation" is not known
}
