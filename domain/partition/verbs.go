package partition

import "github.com/understudy-io/understudy/domain"

// verbLists keeps each list of verbs once, by its canonical form: thousands of
// devices may be of one kind.
type verbLists map[string]*verbList

type verbList struct {
	verbs []domain.Verb
	uses  int
}

// define gives a device its definition.
func (s *State) define(d *Device, def domain.Definition) {
	before := d.Definition.Verbs
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
		kept = &verbList{verbs: list}
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
