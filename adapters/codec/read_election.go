package codec

import "github.com/understudy-io/understudy/domain"

func readClaim(r *reader) (c domain.Claim) {
	for o := r.object(); o.next(); {
		switch string(o.key) {
		case "incarnation":
			c.Incarnation = r.text()
		case "epoch":
			c.Epoch = r.uint()
		case "seen":
			c.Seen = r.int()
		case "n":
			c.N = r.uint()
		case "ttl":
			c.TTL = r.duration()
		case "cause":
			c.Cause = r.text()
		default:
			r.skip()
		}
	}
	return c
}

func readRelease(r *reader) (v domain.Release) {
	for o := r.object(); o.next(); {
		switch string(o.key) {
		case "incarnation":
			v.Incarnation = r.text()
		case "epoch":
			v.Epoch = r.uint()
		case "to":
			v.To = r.text()
		case "reason":
			v.Reason = r.text()
		default:
			r.skip()
		}
	}
	return v
}

func readContest(r *reader) (c domain.Contest) {
	for o := r.object(); o.next(); {
		switch string(o.key) {
		case "epoch":
			c.Epoch = r.uint()
		case "by":
			c.By = r.text()
		case "reason":
			c.Reason = r.text()
		case "to":
			c.To = r.text()
		case "devices":
			c.Devices = list(r, (*reader).text)
		case "missing":
			c.Missing = r.int()
		case "holder_missing":
			c.HolderMissing = r.int()
		default:
			r.skip()
		}
	}
	return c
}

func readCheckpoint(r *reader) (c domain.Checkpoint) {
	for o := r.object(); o.next(); {
		switch string(o.key) {
		case "epoch":
			c.Epoch = r.uint()
		case "hashes":
			c.Hashes = list(r, readStateHash)
		case "copied":
			c.Copied = r.int()
		default:
			r.skip()
		}
	}
	return c
}

func readStateHash(r *reader) (s domain.StateHash) {
	for o := r.object(); o.next(); {
		switch string(o.key) {
		case "position":
			s.Position = readPosition(r)
		case "hash":
			s.Hash = r.hash()
		default:
			r.skip()
		}
	}
	return s
}

func readView(r *reader) (v domain.View) {
	for o := r.object(); o.next(); {
		switch string(o.key) {
		case "at":
			v.At = r.int()
		case "state":
			v.State = r.bytes()
		default:
			r.skip()
		}
	}
	return v
}

func readFloor(r *reader) (f domain.Floor) {
	for o := r.object(); o.next(); {
		switch string(o.key) {
		case "epoch":
			f.Epoch = r.uint()
		default:
			r.skip()
		}
	}
	return f
}

func readSigned(r *reader) (s domain.Signed) {
	for o := r.object(); o.next(); {
		switch string(o.key) {
		case "epoch":
			s.Epoch = r.uint()
		case "note":
			s.Note = r.bytes()
		default:
			r.skip()
		}
	}
	return s
}

// hash reads a state hash, 64 hexadecimal digits.
func (r *reader) hash() (h domain.Hash) {
	k, n := r.next()
	if k != kindBytes && k != kindText {
		r.expected("a hash", k)
		return h
	}
	if err := h.UnmarshalText(r.take(n)); err != nil {
		r.fail(err)
	}
	return h
}
