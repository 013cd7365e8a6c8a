package codec

import "github.com/understudy-io/understudy/domain"

func readLetterDecided(r *reader) (d domain.LetterDecided) {
	for o := r.object(); o.next(); {
		switch string(o.key) {
		case "letter":
			d.Letter = r.int()
		case "as":
			d.As = domain.LetterVerdict(r.text())
		case "reason":
			d.Reason = r.text()
		default:
			r.skip()
		}
	}
	return d
}

// Exhume decodes the record that a dead letter of the log holds, MAC included, as if it
// were read from where it stood.
func (c *Codec) Exhume(d *domain.DeadLetter) domain.Record {
	return c.Decode(domain.TopicLog, d.Record.Partition, kept(d.Record.Offset, d.Appended, d.Headers, d.Value))
}
