package httpdevice

import (
	"fmt"
	"runtime"
	"sync"
	"time"
	"weak"

	"github.com/understudy-io/understudy/domain"
)

// shape is what all devices with the same verbs have in common, made ready: a
// landscape may have thousands of a kind, and their templates are parsed and
// kept once. It never changes.
type shape struct {
	verbs    map[string]*verb
	readings []*reading // one for each readable target
}

// verb is a declared verb with its templates parsed.
type verb struct {
	domain.Verb
	url, body pattern
	reading   *reading // where its target is read; nil if it is not
	timeout   time.Duration
}

// reading is where a target's value is read.
type reading struct {
	target domain.Target
	url    string // below the base
	at     pointer
	source string // read_url and read_at, as configured
}

// shapes finds the shapes that are in use, as package unique does: whoever uses
// one keeps it, and it goes with the last of them.
var shapes = struct {
	sync.Mutex
	known map[string]weak.Pointer[shape]
}{known: make(map[string]weak.Pointer[shape])}

// shapeOf gives the shape of a definition; if its verbs have faults, it has none.
func shapeOf(def domain.Definition, f *faults) *shape {
	key := fmt.Sprintf("%d %+q", def.ConfirmWithin, def.Verbs) // all that compileVerb reads
	shapes.Lock()
	s := shapes.known[key].Value()
	shapes.Unlock()
	if s != nil {
		return s
	}
	before := len(f.list)
	s = compileVerbs(def, f)
	if len(f.list) == before {
		keep(key, s)
	}
	return s
}

func keep(key string, s *shape) {
	shapes.Lock()
	defer shapes.Unlock()
	shapes.known[key] = weak.Make(s)
	runtime.AddCleanup(s, forget, key)
}

// forget drops what nobody uses, unless somebody has compiled it again.
func forget(key string) {
	shapes.Lock()
	defer shapes.Unlock()
	if shapes.known[key].Value() == nil {
		delete(shapes.known, key)
	}
}
