package codec

import (
	"fmt"

	"github.com/understudy-io/understudy/domain"
)

// attribute is a header that this package knows.
type attribute uint8

const (
	specVersion attribute = iota
	id
	source
	typ
	created
	subject
	contentType
	validFor
	origin
	user
	epoch
	sequence
	keyID
	mac
	attributes // how many there are
)

// headerNames are the Kafka headers, in the order in which Encode writes them.
var headerNames = [attributes]string{
	specVersion: "ce_specversion",
	id:          "ce_id",
	source:      "ce_source",
	typ:         "ce_type",
	created:     "ce_time",
	subject:     "ce_subject",
	contentType: "content-type",
	validFor:    "ce_validfor",
	origin:      "ce_origin",
	user:        "ce_user",
	epoch:       "ce_epoch",
	sequence:    "ce_sequence",
	keyID:       "ce_keyid",
	mac:         "ce_mac",
}

// headers are the raw values of the known headers. An empty one counts as
// absent, in decoding and in the MAC alike.
type headers [attributes][]byte

// collect sorts a message's headers; foreign ones are left aside. A known one
// that stands twice is an error: two readers could believe different ones.
func (h *headers) collect(list []domain.Header) error {
	var seen uint32
	next := specVersion // most come in the order in which Encode writes them
	for i := range list {
		a := next
		if a == attributes || list[i].Key != headerNames[a] {
			a = attributeOf(list[i].Key)
		}
		if a == attributes {
			continue
		}
		next = a + 1
		if seen&(1<<a) != 0 {
			return fmt.Errorf("header %s stands twice", headerNames[a])
		}
		seen |= 1 << a
		h[a] = list[i].Value
	}
	return nil
}

// list gives the headers that are there.
func (h *headers) list() []domain.Header {
	out := make([]domain.Header, 0, attributes)
	for a, v := range h {
		if len(v) > 0 {
			out = append(out, domain.Header{Key: headerNames[a], Value: v})
		}
	}
	return out
}

func attributeOf(key string) attribute {
	switch key {
	case "ce_specversion":
		return specVersion
	case "ce_id":
		return id
	case "ce_source":
		return source
	case "ce_type":
		return typ
	case "ce_time":
		return created
	case "ce_subject":
		return subject
	case "content-type":
		return contentType
	case "ce_validfor":
		return validFor
	case "ce_origin":
		return origin
	case "ce_user":
		return user
	case "ce_epoch":
		return epoch
	case "ce_sequence":
		return sequence
	case "ce_keyid":
		return keyID
	case "ce_mac":
		return mac
	}
	return attributes
}
