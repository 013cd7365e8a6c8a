package codec

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// maxType bounds the name of a type that this build does not know.
const maxType = 128

// fault is why a record is defective.
type fault struct {
	defect domain.Defect
	detail string
}

func faultOf(d domain.Defect, format string, args ...any) *fault {
	return &fault{defect: d, detail: fmt.Sprintf(format, args...)}
}

// Decode reads a message. It never fails: what cannot be understood has a
// Defect and no Payload, and as many of its attributes as could be read. Signed
// is set for a valid MAC whatever else is wrong, so that a server's record of a
// later version still takes its place in the writer's sequence.
func (c *Codec) Decode(topic domain.TopicKind, partition int32, m domain.Stored) domain.Record {
	var r domain.Record
	c.read(topic, partition, &m, &r, nil)
	return r
}

// DecodeAll decodes a run of messages and appends the records to dst, each as
// Decode gives it, with a fraction of the allocations: names that stand in many
// records are made once, and other texts lie together, 4 KiB at a time. So who
// keeps a text of a record for long keeps 4 KiB, and does better to clone it.
func (c *Codec) DecodeAll(dst []domain.Record, topic domain.TopicKind, partition int32, messages []domain.Stored) []domain.Record {
	a := c.arenas.Get().(*arena)
	defer c.arenas.Put(a)
	dst = slices.Grow(dst, len(messages))
	for i := range messages {
		dst = append(dst, domain.Record{})
		c.read(topic, partition, &messages[i], &dst[len(dst)-1], a)
	}
	a.read = reader{} // a record keeps nothing of its message, and nor do we
	return dst
}

// read fills an empty record.
func (c *Codec) read(topic domain.TopicKind, partition int32, m *domain.Stored, r *domain.Record, a *arena) {
	r.Position, r.Appended = domain.Position{Partition: partition, Offset: m.Offset}, m.Appended
	if f := c.decode(topic, partition, m, r, a); f != nil {
		r.Payload, r.Defect, r.Detail = nil, f.defect, f.detail
	}
}

// decode fills r; the first thing that is wrong is the defect, in this order.
func (c *Codec) decode(topic domain.TopicKind, partition int32, m *domain.Stored, r *domain.Record, a *arena) *fault {
	name, err := c.topicName(topic)
	if err != nil {
		return faultOf(domain.DefectWrongTopic, "%v", err)
	}
	var h headers
	if err := h.collect(m.Headers); err != nil {
		return faultOf(domain.DefectHeaders, "%v", err)
	}
	is := c.typeOf(h[typ], a)
	r.Type = is.name
	bad := h.read(r, is.class, a)
	if len(m.Value) > domain.MaxValue {
		return faultOf(domain.DefectTooLarge, "the value has %d bytes, %d are allowed", len(m.Value), domain.MaxValue)
	}
	var unsigned error
	if len(h[mac]) > 0 || is.class != domain.ClassCommand {
		r.Signed, unsigned = c.authenticate(name, partition, &h, m.Value, a)
	}
	if bad != nil {
		return bad
	}
	if is.decode == nil || is.class == domain.ClassUnknown {
		return faultOf(domain.DefectType, "type %q is not known here; a newer build may know it", r.Type)
	}
	if is.topic != topic {
		return faultOf(domain.DefectWrongTopic, "%s does not belong into topic %s", r.Type, name)
	}
	isJSON, f := format(h[contentType], is.class)
	if f != nil {
		return f
	}
	if unsigned != nil && is.class != domain.ClassCommand {
		return faultOf(domain.DefectUnsigned, "%v", unsigned)
	}
	r.Payload, err = is.decode.value(isJSON, m.Value, a)
	if err != nil {
		return faultOf(domain.DefectPayload, "%v", err)
	}
	r.Type = r.Payload.Type() // an old version was lifted to the one of today
	return nil
}

// format tells JSON from msgpack. Parameters such as a charset are tolerated.
func format(content []byte, class domain.Class) (isJSON bool, f *fault) {
	if string(content) == contentMsgpack { // nearly always
		return false, nil
	}
	media, _, _ := bytes.Cut(content, []byte(";"))
	media = bytes.TrimSpace(media)
	switch {
	case bytes.EqualFold(media, []byte(contentMsgpack)):
		return false, nil
	case bytes.EqualFold(media, []byte(contentJSON)) && class == domain.ClassCommand:
		return true, nil
	case bytes.EqualFold(media, []byte(contentJSON)):
		return false, faultOf(domain.DefectContentType, "only commands may be JSON")
	}
	return false, faultOf(domain.DefectContentType, "content-type %q; use %s or %s", clip(content, maxType), contentMsgpack, contentJSON)
}

// read sets the attributes of r from the headers. All of them are read, even if
// one is wrong; the first wrong one is the fault.
func (h *headers) read(r *domain.Record, class domain.Class, a *arena) *fault {
	var first *fault
	note := func(f *fault) {
		if first == nil {
			first = f
		}
	}
	note(h.readRequired(r, a))
	note(h.readTimes(r, a))
	note(h.readWriter(r, a))
	note(h.readNames(r, class, a))
	return first
}

func (h *headers) readRequired(r *domain.Record, a *arena) *fault {
	if s := h[source]; validText(s, domain.MaxSource) {
		r.Source = a.name(s)
	}
	switch {
	case string(h[specVersion]) != "1.0":
		return faultOf(domain.DefectHeaders, "ce_specversion is %q, not 1.0", clip(h[specVersion], 16))
	case len(h[typ]) == 0:
		return faultOf(domain.DefectHeaders, "no ce_type")
	case r.Source == "":
		return faultOf(domain.DefectHeaders, "ce_source must be 1 to %d bytes of UTF-8", domain.MaxSource)
	}
	return nil
}

func (h *headers) readTimes(r *domain.Record, a *arena) *fault {
	var f *fault
	if b := h[created]; len(b) > 0 {
		var ok bool
		if r.Created, ok = a.instant(b); !ok {
			f = faultOf(domain.DefectHeaders, "ce_time %q; write it as 2026-01-31T20:14:07.5Z", clip(b, 64))
		}
	}
	if b := h[validFor]; len(b) > 0 {
		d, err := parseValidFor(a.name(clip(b, 64)))
		if err != nil || d <= 0 || d > domain.MaxValidFor {
			return faultOf(domain.DefectHeaders, "ce_validfor %q; write whole milliseconds or 1.5s, more than 0, at most %v", clip(b, 64), domain.MaxValidFor)
		}
		r.ValidFor = d
	}
	return f
}

// parseValidFor reads "1500" (milliseconds) and "1.5s". s is not empty.
func parseValidFor(s string) (time.Duration, error) {
	if last := s[len(s)-1]; last >= '0' && last <= '9' { // without a unit
		if ms, err := strconv.ParseUint(s, 10, 32); err == nil {
			return time.Duration(ms) * time.Millisecond, nil
		}
	}
	return time.ParseDuration(s)
}

func (h *headers) readWriter(r *domain.Record, in *arena) *fault {
	var f *fault
	number := func(a attribute) uint64 {
		b := h[a]
		if len(b) == 0 {
			return 0
		}
		n, ok := parseCount(b)
		if !ok {
			f = faultOf(domain.DefectHeaders, "%s %q is not a whole number", headerNames[a], clip(b, 24))
		}
		return n
	}
	r.Epoch, r.Sequence = number(epoch), number(sequence)
	if b := h[origin]; len(b) > 0 {
		p, err := domain.ParsePosition(string(clip(b, 32)))
		if err != nil {
			return faultOf(domain.DefectHeaders, "ce_origin: %v", err)
		}
		r.Origin = &p
	}
	if b := h[user]; !validText(b, domain.MaxSource) {
		return faultOf(domain.DefectHeaders, "ce_user must be at most %d bytes of UTF-8", domain.MaxSource)
	}
	r.User = in.name(h[user])
	return f
}

// parseCount reads a whole number from 0 as strconv does.
func parseCount(b []byte) (n uint64, ok bool) {
	const safe = 19 // so many digits always fit
	if len(b) > safe {
		n, err := strconv.ParseUint(string(clip(b, 24)), 10, 64)
		return n, err == nil
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + uint64(c-'0')
	}
	return n, len(b) > 0
}

func (h *headers) readNames(r *domain.Record, class domain.Class, a *arena) *fault {
	if b := h[id]; validText(b, domain.MaxUID) {
		r.UID = a.text(b)
	}
	if b := h[subject]; validText(b, domain.MaxSubject) {
		r.Subject = a.name(b)
	}
	if r.UID == "" {
		return faultOf(domain.DefectUID, "ce_id must be 1 to %d bytes of UTF-8, it has %d", domain.MaxUID, len(h[id]))
	}
	if r.Subject == "" && (len(h[subject]) > 0 || needsSubject(class)) {
		return faultOf(domain.DefectSubject, "ce_subject must be 1 to %d bytes of UTF-8, it has %d", domain.MaxSubject, len(h[subject]))
	}
	return nil
}

// needsSubject: a command is about a device, and a control record is of a
// member. Of the primary's records some are about the partition as a whole.
func needsSubject(class domain.Class) bool {
	switch class {
	case domain.ClassCommand, domain.ClassOperator, domain.ClassRevision, domain.ClassControl:
		return true
	}
	return false
}
