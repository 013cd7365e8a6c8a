package merkle

import (
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/understudy-io/understudy/domain"
)

// Proof shows to somebody without the log that records stand in it. Everything that is
// needed to check it is in it, but a verifier key.
type Proof struct {
	Landscape  string   `json:"landscape"`
	Device     string   `json:"device"`
	UID        string   `json:"uid"`
	Checkpoint string   `json:"checkpoint"` // a signed head
	Records    []Proven `json:"records"`
}

// Proven is a record with its way to the root of its partition.
type Proven struct {
	Topic     string      `json:"topic"`
	Partition int32       `json:"partition"`
	Offset    int64       `json:"offset"`
	Appended  time.Time   `json:"appended"`
	Key       []byte      `json:"key,omitempty"`
	Headers   []Header    `json:"headers"`
	Value     []byte      `json:"value"`
	Index     int64       `json:"index"` // in the tree
	Path      []tlog.Hash `json:"path"`
}

// Header is one of a record.
type Header struct {
	Name  string `json:"name"`
	Value []byte `json:"value"`
}

// NewProven wraps a record of the log.
func NewProven(topic domain.TopicKind, partition int32, m *domain.Stored, index int64, path tlog.RecordProof) Proven {
	p := Proven{
		Topic: topic.String(), Partition: partition, Offset: m.Offset, Appended: m.Appended.Time(),
		Key: m.Key, Value: m.Value, Index: index, Path: path,
	}
	for _, h := range m.Headers {
		p.Headers = append(p.Headers, Header{h.Key, h.Value})
	}
	return p
}

// Stored is the record as the log holds it.
func (p *Proven) Stored() domain.Stored {
	m := domain.Stored{Offset: p.Offset, Appended: domain.InstantOf(p.Appended)}
	m.Key, m.Value = p.Key, p.Value
	for _, h := range p.Headers {
		m.Headers = append(m.Headers, domain.Header{Key: h.Name, Value: h.Value})
	}
	return m
}

// Check checks a proof with verifier keys that are trusted.
func (p *Proof) Check(keys ...string) (Head, []Signature, error) {
	head, signatures, trusted, err := Open([]byte(p.Checkpoint), keys...)
	switch {
	case err != nil:
		return head, signatures, err
	case !trusted:
		return head, signatures, fmt.Errorf("none of the keys given has signed the checkpoint of this proof; its signatures are by %v: give the verifier key of landscape %q: %w", signatures, head.Landscape, domain.ErrInvalid)
	case head.Landscape != p.Landscape:
		return head, signatures, fmt.Errorf("the proof is of landscape %q, and its checkpoint of %q: %w", p.Landscape, head.Landscape, domain.ErrCorrupt)
	case len(p.Records) == 0:
		return head, signatures, fmt.Errorf("the proof holds no records: %w", domain.ErrInvalid)
	}
	for i := range p.Records {
		if err := p.Records[i].check(&head); err != nil {
			return head, signatures, err
		}
	}
	return head, signatures, nil
}

func (p *Proven) check(head *Head) error {
	kind := domain.TopicLog
	if p.Topic == domain.TopicElections.String() {
		kind = domain.TopicElections
	}
	root, ok := head.Find(kind, p.Partition)
	if !ok {
		return fmt.Errorf("the checkpoint does not cover %q/%d: the proof is for another tree: %w", p.Topic, p.Partition, domain.ErrCorrupt)
	}
	m := p.Stored()
	if err := tlog.CheckRecord(p.Path, root.Size, root.Hash, p.Index, Leaf(&m)); err != nil {
		return fmt.Errorf("the record at %q/%d:%d is not the one that was signed, or the proof is for another tree: %w", p.Topic, p.Partition, p.Offset, domain.ErrCorrupt)
	}
	return nil
}

// String tells a signature as people know it.
func (s Signature) String() string { return fmt.Sprintf("%s (%08x)", s.Name, s.Key) }
