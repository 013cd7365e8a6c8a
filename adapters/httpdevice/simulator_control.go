package httpdevice

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// Control is the way to look into the simulator and to plant faults, kept apart
// from the device's own address.
//
//	GET  /sim/state
//	GET  /sim/writes?since=N&limit=M   {"writes": […], "next": N, "lost": 0}
//	POST /sim/faults {"mode": "late", "delay": "200ms", "times": 1}
//	POST /sim/set    {"name": "level", "value": "7"}
//	POST /sim/clear
func (s *Simulator) Control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /sim/state", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, s.State()) })
	mux.HandleFunc("GET /sim/writes", s.serveWrites)
	mux.HandleFunc("POST /sim/faults", func(w http.ResponseWriter, r *http.Request) {
		var f Fault
		s.change(w, r, &f, func() error { return s.SetFault(f) })
	})
	mux.HandleFunc("POST /sim/set", func(w http.ResponseWriter, r *http.Request) {
		var p struct{ Name, Value string }
		s.change(w, r, &p, func() error { return s.Set(p.Name, p.Value) })
	})
	mux.HandleFunc("POST /sim/clear", func(w http.ResponseWriter, r *http.Request) {
		s.change(w, r, nil, s.Clear)
	})
	return mux
}

// change decodes a request, does what it asks, and answers with the new state.
func (s *Simulator) change(w http.ResponseWriter, r *http.Request, into any, do func() error) {
	if into != nil {
		d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxSimBody))
		if err := d.Decode(into); err != nil {
			writeJSON(w, http.StatusBadRequest, problem(err.Error()))
			return
		}
	}
	if err := do(); err != nil {
		writeJSON(w, http.StatusUnprocessableEntity, problem(err.Error()))
		return
	}
	writeJSON(w, http.StatusOK, s.State())
}

func (s *Simulator) serveWrites(w http.ResponseWriter, r *http.Request) {
	since, err1 := number(r, "since", 0)
	limit, err2 := number(r, "limit", 1000)
	if err1 != nil || err2 != nil || limit < 1 || limit > maxWritesPage {
		writeJSON(w, http.StatusBadRequest, problem(fmt.Sprintf("since must be a whole number from 0, limit one from 1 to %d", maxWritesPage)))
		return
	}
	writes, lost := s.Writes(since, int(limit))
	next := since + lost
	if len(writes) > 0 {
		next = writes[len(writes)-1].Seq
	} else {
		writes = []Write{}
	}
	writeJSON(w, http.StatusOK, map[string]any{"writes": writes, "next": next, "lost": lost})
}

func number(r *http.Request, name string, otherwise uint64) (uint64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return otherwise, nil
	}
	return strconv.ParseUint(text, 10, 63)
}
