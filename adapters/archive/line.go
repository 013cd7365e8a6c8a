package archive

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/understudy-io/understudy/domain"
)

// attributes are the headers that a line shows as attributes, in the order in
// which servers write them.
var attributes = [...]struct{ header, name string }{
	{"ce_specversion", "specversion"},
	{"ce_id", "id"},
	{"ce_source", "source"},
	{"ce_type", "type"},
	{"ce_time", "time"},
	{"ce_subject", "subject"},
	{"content-type", "datacontenttype"},
	{"ce_validfor", "validfor"},
	{"ce_origin", "origin"},
	{"ce_user", "user"},
	{"ce_epoch", "epoch"},
	{"ce_sequence", "sequence"},
	{"ce_keyid", "keyid"},
	{"ce_mac", "mac"},
}

const (
	atID, atSource, atType, atTime = 1, 2, 3, 4
	known                          = len(attributes)
)

// What a line says of a record that is no CloudEvent.
const (
	rawSource = "understudy.export"
	rawType   = "understudy.record.v1"
)

// AppendLine appends a record as one line of JSON, the newline included:
//
//	{"logtopic":"understudy.main.log","logpartition":"3","logoffset":"81234",
//	 "logtime":"2026-01-31T20:14:07.25Z","logkey":"…","specversion":"1.0","id":"…", … ,"data_base64":"…"}
//
// Every member is text. logkey and data_base64 are base64; one that is not there
// is a null. Where the headers are not the attributes in their order, because
// there are others, or one stands twice, logheaders holds them all: see
// appendHeaders. The same record gives the same line.
func AppendLine(b []byte, topic string, partition int32, m *domain.Stored) []byte {
	b = append(b, `{"logtopic":"`...)
	b = appendText(b, topic)
	b = append(b, `","logpartition":"`...)
	b = strconv.AppendInt(b, int64(partition), 10)
	b = append(b, `","logoffset":"`...)
	b = strconv.AppendInt(b, m.Offset, 10)
	b = append(b, `","logtime":"`...)
	b = time.Unix(0, int64(m.Appended)).UTC().AppendFormat(b, time.RFC3339Nano)
	if m.Key != nil {
		b = append(b, `","logkey":"`...)
		b = base64.StdEncoding.AppendEncode(b, m.Key)
	}
	shown, exact := attributesOf(m.Headers)
	if shown == nil {
		b = append(b, `","specversion":"1.0","id":"`...)
		b = fmt.Appendf(b, "%d:%d", partition, m.Offset)
		b = append(b, `","source":"`+rawSource+`","type":"`+rawType...)
	} else {
		for i, v := range shown {
			if len(v) > 0 {
				b = append(b, `","`...)
				b = append(b, attributes[i].name...)
				b = append(b, `":"`...)
				b = appendText(b, v)
			}
		}
	}
	if !exact {
		b = append(b, `","logheaders":"`...)
		b = base64.StdEncoding.AppendEncode(b, appendHeaders(nil, m.Headers))
	}
	if m.Value != nil {
		b = append(b, `","data_base64":"`...)
		b = base64.StdEncoding.AppendEncode(b, m.Value)
	}
	return append(b, "\"}\n"...)
}

// attributesOf are the headers to be shown, nil for what is no CloudEvent; exact
// says that they are all that there is, in their order.
func attributesOf(headers []domain.Header) (shown *[known][]byte, exact bool) {
	shown, exact = new([known][]byte), true
	next := 0
	for i := range headers {
		at := next
		for at < known && attributes[at].header != headers[i].Key {
			at++
		}
		if at == known {
			exact = false
			at = indexOf(headers[i].Key)
		}
		if at == known || shown[at] != nil || !showable(at, headers[i].Value) {
			exact = false
			continue
		}
		shown[at] = headers[i].Value
		next = at + 1
	}
	if string(shown[0]) != "1.0" || shown[atID] == nil || shown[atSource] == nil || shown[atType] == nil {
		return nil, false
	}
	return shown, exact
}

func indexOf(header string) int {
	for i := range attributes {
		if attributes[i].header == header {
			return i
		}
	}
	return known
}

// showable says whether a value can be an attribute of a CloudEvent.
func showable(at int, v []byte) bool {
	if len(v) == 0 || !utf8.Valid(v) {
		return false
	}
	for _, c := range v {
		if c < ' ' || c == 0x7f {
			return false
		}
	}
	if at == atTime {
		var t time.Time
		return t.UnmarshalText(v) == nil
	}
	return true
}

// appendText writes text without control characters.
func appendText[T string | []byte](b []byte, s T) []byte {
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, s[i])
	}
	return b
}

// appendHeaders writes headers one after the other: name and value, each as its
// length in 4 bytes, big-endian, and its bytes; the length ffffffff is a null.
func appendHeaders(b []byte, headers []domain.Header) []byte {
	for _, h := range headers {
		b = binary.BigEndian.AppendUint32(b, uint32(len(h.Key)))
		b = append(b, h.Key...)
		if h.Value == nil {
			b = binary.BigEndian.AppendUint32(b, none)
			continue
		}
		b = binary.BigEndian.AppendUint32(b, uint32(len(h.Value)))
		b = append(b, h.Value...)
	}
	return b
}

const none = 1<<32 - 1
