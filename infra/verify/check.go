package verify

import (
	"fmt"

	"github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/history"
	"github.com/understudy-io/understudy/projections/merkle"
)

// Checked is a proof that holds.
type Checked struct {
	Head       merkle.Head
	Signatures []merkle.Signature
	Records    []domain.Record // what it proves, in the order of the log
}

// Check checks a proof with verifier keys that are trusted: that its records are those
// that were signed, and that each is what the proof says of it, one of this command,
// none twice. The codec is one for the landscape that the proof names; without keys it
// reads what servers' records say, and leaves open who wrote them.
//
// A proof shows that its records stand in the log, not that no others do.
func Check(proof *merkle.Proof, c *codec.Codec, keys ...string) (*Checked, error) {
	head, signatures, err := proof.Check(keys...)
	if err != nil {
		return nil, err
	}
	out := &Checked{Head: head, Signatures: signatures}
	owner := domain.Partition(proof.Device, partitionsOf(&head))
	last := int64(-1)
	for i := range proof.Records {
		p := &proof.Records[i]
		m := p.Stored()
		at := domain.Position{Partition: p.Partition, Offset: p.Offset}
		r := c.Decode(domain.TopicLog, p.Partition, m)
		switch {
		case p.Topic != domain.TopicLog.String() || p.Partition != owner:
			return nil, untrue("record %d is of %q, partition %d; those of device %q stand in partition %d of log", i+1, p.Topic, p.Partition, proof.Device, owner)
		case !m.Appended.Time().Equal(p.Appended):
			return nil, untrue("the time of the record at %s cannot be one of the log", at)
		case r.Defect == domain.DefectUnsigned:
			return nil, untrue("the record at %s counts for nobody: no server has written it (%s)", at, r.Detail)
		case !concerns(&r, proof.Device, proof.UID):
			return nil, untrue("the record at %s is about UID %q of device %q, and the proof names %q of %q", at, history.About(&r), r.Subject, proof.UID, proof.Device)
		case p.Offset <= last:
			return nil, untrue("the record at %s stands in it twice, or out of order", at)
		}
		last = p.Offset
		out.Records = append(out.Records, r)
	}
	return out, nil
}

func untrue(format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, domain.ErrCorrupt)...)
}

// partitionsOf is how many partitions of the log a head covers.
func partitionsOf(h *merkle.Head) int32 {
	n := int32(1)
	for _, r := range h.Roots {
		if r.Topic == domain.TopicLog {
			n = max(n, r.Partition+1)
		}
	}
	return n
}
