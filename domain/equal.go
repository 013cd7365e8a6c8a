package domain

import "slices"

// Same says whether two definitions are the same but for their revision.
func (d *Definition) Same(other *Definition) bool {
	return d.Device == other.Device && d.Driver == other.Driver && d.Address == other.Address &&
		d.Inputs == other.Inputs && d.Outputs == other.Outputs &&
		d.ConfirmWithin == other.ConfirmWithin && d.ValidAbsolute == other.ValidAbsolute && d.ValidOneShot == other.ValidOneShot &&
		d.StandbyPolling == other.StandbyPolling && d.PollEvery == other.PollEvery && d.OnReconnect == other.OnReconnect &&
		slices.EqualFunc(d.Verbs, other.Verbs, sameVerb)
}

func sameVerb(a, b Verb) bool {
	return a.Name == b.Name && a.Effect == b.Effect && a.Method == b.Method && a.URL == b.URL && a.Body == b.Body &&
		a.Target == b.Target && a.Value == b.Value && a.ReadURL == b.ReadURL && a.ReadAt == b.ReadAt && a.Timeout == b.Timeout &&
		slices.Equal(a.Args, b.Args)
}
