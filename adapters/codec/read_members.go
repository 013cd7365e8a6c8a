package codec

import "github.com/understudy-io/understudy/domain"

func readJoined(r *reader) (j domain.Joined) {
	for o := r.object(); o.next(); {
		switch string(o.key) {
		case "incarnation":
			j.Incarnation = r.text()
		case "precedence":
			j.Precedence = int(r.int32())
		case "address":
			j.Address = r.text()
		case "build":
			j.Build = r.text()
		case "identity":
			j.Identity = r.text()
		case "proof":
			j.Proof = r.text()
		default:
			r.skip()
		}
	}
	return j
}

func readHeartbeat(r *reader) (h domain.Heartbeat) {
	for o := r.object(); o.next(); {
		switch string(o.key) {
		case "incarnation":
			h.Incarnation = r.text()
		case "epoch":
			h.Epoch = r.uint()
		case "n":
			h.N = r.uint()
		case "acked":
			h.Acked = r.uint()
		case "ttl":
			h.TTL = r.duration()
		case "ready":
			h.Ready = r.bool()
		case "lag":
			h.Lag = r.int()
		case "position":
			h.Position = r.int()
		case "hash":
			h.Hash = r.text()
		case "agreed":
			h.Agreed = r.int()
		case "guarded":
			h.Guarded = r.bool()
		case "valve":
			h.Valve = r.text()
		case "oldest":
			h.Oldest = r.duration()
		case "uptime":
			h.Uptime = r.duration()
		case "sync":
			h.Sync = domain.SyncMode(r.int32())
		case "missing":
			h.Missing = r.int()
		case "counted":
			h.Counted = r.bool()
		default:
			r.skip()
		}
	}
	return h
}

func readDied(r *reader) (d domain.Died) {
	for o := r.object(); o.next(); {
		switch string(o.key) {
		case "incarnation":
			d.Incarnation = r.text()
		case "exit":
			d.Exit = r.text()
		default:
			r.skip()
		}
	}
	return d
}

func readLeft(r *reader) (l domain.Left) {
	for o := r.object(); o.next(); {
		switch string(o.key) {
		case "incarnation":
			l.Incarnation = r.text()
		default:
			r.skip()
		}
	}
	return l
}

func readRemoved(r *reader) (v domain.Removed) {
	for o := r.object(); o.next(); {
		switch string(o.key) {
		case "by":
			v.By = r.text()
		case "reason":
			v.Reason = r.text()
		case "out":
			v.Out = r.bool()
		default:
			r.skip()
		}
	}
	return v
}

func readQuarantined(r *reader) (q domain.Quarantined) {
	for o := r.object(); o.next(); {
		switch string(o.key) {
		case "incarnation":
			q.Incarnation = r.text()
		case "reason":
			q.Reason = r.text()
		default:
			r.skip()
		}
	}
	return q
}

func readCleared(r *reader) (c domain.Cleared) {
	for o := r.object(); o.next(); {
		switch string(o.key) {
		case "incarnation":
			c.Incarnation = r.text()
		case "reason":
			c.Reason = r.text()
		default:
			r.skip()
		}
	}
	return c
}
