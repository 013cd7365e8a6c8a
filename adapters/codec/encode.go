package codec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/understudy-io/understudy/domain"
)

const (
	contentMsgpack = "application/msgpack"
	contentJSON    = "application/json"
)

// Encode writes a record as a message for one partition, its value in msgpack.
// It signs every server's type, and a command that names a user. A command that
// is forwarded (Origin is set) is signed again only if it was Signed before:
// otherwise a claim would become a fact on its way.
func (c *Codec) Encode(topic domain.TopicKind, partition int32, r domain.Record) (domain.Message, error) {
	fail := func(err error) (domain.Message, error) {
		return domain.Message{}, fmt.Errorf("encode %s %q: %w", r.Type, r.UID, err)
	}
	name, err := c.topicName(topic)
	if err != nil {
		return fail(err)
	}
	var h headers
	if err := h.fill(&r); err != nil {
		return fail(err)
	}
	if !home(r.Type, topic) {
		return fail(fmt.Errorf("it does not belong into topic %s: %w", name, domain.ErrInvalid))
	}
	value, err := marshal(r.Payload)
	if err != nil {
		return fail(err)
	}
	if err := c.readable(&r, contentMsgpack, value); err != nil {
		return fail(err)
	}
	h[contentType] = []byte(contentMsgpack)
	if needsMAC(&r) {
		g, ok := c.signers[c.current]
		if !ok {
			return fail(fmt.Errorf("it needs a MAC and there is no key; give the landscape's key file: %w", domain.ErrInvalid))
		}
		h[keyID] = []byte(c.current)
		h[mac] = g.sign(name, partition, &h, value)
	}
	return message(&r, &h, value), nil
}

// EncodeJSON writes a command as a producer without keys does: in JSON, no MAC.
func (c *Codec) EncodeJSON(r domain.Record) (domain.Message, error) {
	fail := func(err error) (domain.Message, error) {
		return domain.Message{}, fmt.Errorf("encode %s %q in JSON: %w", r.Type, r.UID, err)
	}
	var h headers
	if err := h.fill(&r); err != nil {
		return fail(err)
	}
	if domain.ClassOf(r.Type) != domain.ClassCommand {
		return fail(fmt.Errorf("only commands are written in JSON: %w", domain.ErrInvalid))
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // kcat and people read it
	if err := e.Encode(r.Payload); err != nil {
		return fail(fmt.Errorf("%w: %w", err, domain.ErrInvalid))
	}
	value := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	if err := c.readable(&r, contentJSON, value); err != nil {
		return fail(err)
	}
	h[contentType] = []byte(contentJSON)
	return message(&r, &h, value), nil
}

func message(r *domain.Record, h *headers, value []byte) domain.Message {
	return domain.Message{Key: []byte(r.Subject), Value: value, Headers: h.list()}
}

func needsMAC(r *domain.Record) bool {
	if domain.ClassOf(r.Type) != domain.ClassCommand {
		return true
	}
	return r.User != "" && (r.Origin == nil || r.Signed)
}

// fill writes the attributes of a record, all but content type and MAC, and
// refuses what Decode would refuse. It sets the type from the payload.
func (h *headers) fill(r *domain.Record) error {
	if r.Payload == nil {
		return fmt.Errorf("no payload: %w", domain.ErrInvalid)
	}
	if r.Type == "" {
		r.Type = r.Payload.Type()
	}
	if r.Type != r.Payload.Type() {
		return fmt.Errorf("the payload is a %s: %w", r.Payload.Type(), domain.ErrInvalid)
	}
	h[specVersion] = []byte("1.0")
	h[id] = []byte(r.UID)
	h[source] = []byte(r.Source)
	h[typ] = []byte(r.Type)
	h[subject] = []byte(r.Subject)
	h[user] = []byte(r.User)
	if r.Created != 0 {
		h[created] = r.Created.Time().AppendFormat(nil, time.RFC3339Nano)
	}
	if r.ValidFor != 0 {
		h[validFor] = []byte(r.ValidFor.String())
	}
	if r.Origin != nil {
		h[origin] = []byte(r.Origin.String())
	}
	if r.Epoch != 0 {
		h[epoch] = strconv.AppendUint(nil, r.Epoch, 10)
	}
	if r.Sequence != 0 {
		h[sequence] = strconv.AppendUint(nil, r.Sequence, 10)
	}
	var back domain.Record
	if f := h.read(&back, domain.ClassOf(r.Type), nil); f != nil {
		return fmt.Errorf("%s: %s: %w", f.defect, f.detail, domain.ErrInvalid)
	}
	return nil
}

// readable makes sure that what is written can be read back.
func (c *Codec) readable(r *domain.Record, content string, value []byte) error {
	if len(value) > domain.MaxValue {
		return fmt.Errorf("the value has %d bytes, %d are allowed: %w", len(value), domain.MaxValue, domain.ErrInvalid)
	}
	is := c.lookUp([]byte(r.Type))
	if is.decode == nil {
		return fmt.Errorf("the type has no decoder; add it to the registry: %w", domain.ErrInvalid)
	}
	if _, err := is.decode.value(content == contentJSON, value, nil); err != nil {
		return fmt.Errorf("%w: %w", err, domain.ErrInvalid)
	}
	return nil
}

// packers are reused: an encoder of the library allocates its tables once.
var packers = sync.Pool{New: func() any {
	p := new(packer)
	p.Encoder = msgpack.NewEncoder(&p.buffer)
	return p
}}

type packer struct {
	*msgpack.Encoder
	buffer bytes.Buffer
}

// marshal writes a payload with the names of its struct tags, in the order of
// the struct, maps sorted, numbers as short as they go: the same payload always
// gives the same bytes.
func marshal(p any) ([]byte, error) {
	k := packers.Get().(*packer)
	k.buffer.Reset()
	k.ResetWriter(&k.buffer)
	k.UseCompactInts(true)
	k.SetSortMapKeys(true)
	if err := k.Encode(p); err != nil {
		return nil, fmt.Errorf("%w: %w", err, domain.ErrInvalid)
	}
	value := bytes.Clone(k.buffer.Bytes())
	if k.buffer.Cap() <= maxPooled {
		packers.Put(k)
	}
	return value, nil
}

// maxPooled keeps one large value from holding its memory for ever.
const maxPooled = 64 << 10
