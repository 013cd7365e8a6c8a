package codec

import "github.com/understudy-io/understudy/domain"

// readConfigured gives each text memory of its own: a definition is kept.
func readConfigured(r *reader) (c domain.Configured) {
	r.arena = nil
	for o := r.object(); o.next(); {
		switch string(o.key) {
		case "definition":
			c.Definition = readDefinition(r)
		case "removed":
			c.Removed = r.bool()
		default:
			r.skip()
		}
	}
	return c
}

func readDefinition(r *reader) (d domain.Definition) {
	for o := r.object(); o.next(); {
		switch string(o.key) {
		case "device":
			d.Device = r.text()
		case "driver":
			d.Driver = domain.DriverName(r.text())
		case "address":
			d.Address = r.text()
		case "revision":
			d.Revision = r.uint()
		case "inputs":
			d.Inputs = int(r.int32())
		case "outputs":
			d.Outputs = int(r.int32())
		case "verbs":
			d.Verbs = list(r, readVerb)
		case "confirm_within":
			d.ConfirmWithin = r.duration()
		case "valid_absolute":
			d.ValidAbsolute = r.duration()
		case "valid_one_shot":
			d.ValidOneShot = r.duration()
		case "standby_polling":
			d.StandbyPolling = r.bool()
		case "poll_every":
			d.PollEvery = r.duration()
		case "on_reconnect":
			d.OnReconnect = domain.ReconnectRule(r.text())
		default:
			r.skip()
		}
	}
	return d
}

func readVerb(r *reader) (v domain.Verb) {
	for o := r.object(); o.next(); {
		switch string(o.key) {
		case "name":
			v.Name = r.text()
		case "effect":
			v.Effect = domain.Effect(r.text())
		case "method":
			v.Method = r.text()
		case "url":
			v.URL = r.text()
		case "body":
			v.Body = r.text()
		case "args":
			v.Args = list(r, (*reader).text)
		case "target":
			v.Target = r.text()
		case "value":
			v.Value = r.text()
		case "read_url":
			v.ReadURL = r.text()
		case "read_at":
			v.ReadAt = r.text()
		case "timeout":
			v.Timeout = r.duration()
		default:
			r.skip()
		}
	}
	return v
}
