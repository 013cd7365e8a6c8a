package partition

import (
	"slices"
	"strings"

	"github.com/understudy-io/understudy/domain"
)

// verbLists keeps each list of verbs once, by its canonical form: thousands of
// devices may be of one kind.
type verbLists map[string]*verbList

type verbList struct {
	verbs []domain.Verb
	uses  int
}

// define gives a device its definition, which may be that of a record.
func (s *State) define(d *Device, def domain.Definition) {
	before := d.Definition.Verbs
	for _, text := range []*string{&def.Device, (*string)(&def.Driver), &def.Address, (*string)(&def.OnReconnect)} {
		*text = strings.Clone(*text)
	}
	def.Verbs = s.useVerbs(def.Verbs)
	d.Definition = def
	s.releaseVerbs(before)
}

func (s *State) useVerbs(list []domain.Verb) []domain.Verb {
	if len(list) == 0 {
		return list
	}
	s.buf = verbs(s.buf[:0], list)
	kept := s.verbs[string(s.buf)]
	if kept == nil {
		kept = &verbList{verbs: cloneVerbs(list)}
		s.verbs[string(s.buf)] = kept
	}
	kept.uses++
	return kept.verbs
}

func (s *State) releaseVerbs(list []domain.Verb) {
	if len(list) == 0 {
		return
	}
	s.buf = verbs(s.buf[:0], list)
	kept := s.verbs[string(s.buf)]
	if kept.uses--; kept.uses == 0 {
		delete(s.verbs, string(s.buf))
	}
}

func cloneVerbs(list []domain.Verb) []domain.Verb {
	list = slices.Clone(list)
	for i := range list {
		v := &list[i]
		for _, text := range []*string{&v.Name, (*string)(&v.Effect), &v.Method, &v.URL, &v.Body, &v.Target, &v.Value, &v.ReadURL, &v.ReadAt} {
			*text = strings.Clone(*text)
		}
		v.Args = slices.Clone(v.Args)
		for j := range v.Args {
			v.Args[j] = strings.Clone(v.Args[j])
		}
	}
	return list
}
