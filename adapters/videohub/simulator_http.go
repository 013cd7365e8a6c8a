package videohub

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// Limits of the control interface.
const (
	maxSimBody       = 4 << 10
	defaultSimWindow = 1000
	maxSimWindow     = 100_000
)

// Handler is the control of the simulator, in JSON: GET /state, GET
// /writes?since=N&limit=N, POST /faults {"mode":"late","delay":"200ms"}, POST
// /route {"dest":5,"source":3}, and POST /clear, which ends the fault, with
// {"writes":true} also the record so far.
func (s *Simulator) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /state", func(w http.ResponseWriter, _ *http.Request) { reply(w, s.state(), nil) })
	mux.HandleFunc("GET /writes", s.handleWrites)
	mux.HandleFunc("POST /faults", func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Mode, Delay string }
		err := decode(r, &in)
		f := Fault{Mode: FaultMode(in.Mode)}
		if err == nil && in.Delay != "" {
			if f.Delay, err = time.ParseDuration(in.Delay); err != nil {
				err = fmt.Errorf("delay %q; write it as 200ms: %w", in.Delay, domain.ErrInvalid)
			}
		}
		if err == nil {
			err = s.SetFault(f)
		}
		reply(w, s.state(), err)
	})
	mux.HandleFunc("POST /route", func(w http.ResponseWriter, r *http.Request) {
		var in Crosspoint
		err := decode(r, &in)
		if err == nil {
			err = s.Route(in.Destination, in.Source)
		}
		reply(w, s.state(), err)
	})
	mux.HandleFunc("POST /clear", func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Writes bool }
		err := decode(r, &in)
		if err == nil {
			err = s.SetFault(Fault{Mode: FaultNone})
		}
		if err == nil && in.Writes {
			s.journal.clear()
		}
		reply(w, s.state(), err)
	})
	return mux
}

func (s *Simulator) handleWrites(w http.ResponseWriter, r *http.Request) {
	since, err := number(r, "since", 0)
	limit, err2 := number(r, "limit", defaultSimWindow)
	if err = errors.Join(err, err2); err != nil {
		reply(w, nil, err)
		return
	}
	writes, newest := s.journal.after(since, int(min(limit, maxSimWindow)))
	next := since
	if len(writes) > 0 {
		next = writes[len(writes)-1].Sequence
	}
	reply(w, struct {
		Writes []Write `json:"writes"`
		Next   uint64  `json:"next"`   // ask for what comes after with since=next
		Newest uint64  `json:"newest"` // sequence of the last request received
	}{slices.Concat([]Write{}, writes), next, newest}, nil)
}

func number(r *http.Request, name string, preset uint64) (uint64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return preset, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s=%q; give a number: %w", name, text, domain.ErrInvalid)
	}
	return n, nil
}

// SimState is what GET /state shows. Ports count from 1.
type SimState struct {
	Address  string       `json:"address"`
	Model    string       `json:"model"`
	Name     string       `json:"name"`
	UniqueID string       `json:"unique_id"`
	Inputs   []string     `json:"inputs"`  // labels
	Outputs  []string     `json:"outputs"` // labels
	Routing  []Crosspoint `json:"routing"`
	Locks    []SimLock    `json:"locks"`
	Clients  []string     `json:"clients"`
	Fault    FaultMode    `json:"fault"`
	Delay    string       `json:"delay,omitempty"`
	Writes   uint64       `json:"writes"` // sequence of the last request received
}

// SimLock is a locked destination and the address of the owner.
type SimLock struct {
	Destination int    `json:"dest"`
	Owner       string `json:"owner"`
}

func (s *Simulator) state() SimState {
	_, newest := s.journal.after(0, 0)
	s.mu.Lock()
	defer s.mu.Unlock()
	st := SimState{
		Address: s.address, Model: s.hub.model, Name: s.hub.name, UniqueID: s.hub.uniqueID,
		Inputs: slices.Clone(s.hub.inputs), Outputs: slices.Clone(s.hub.outputs),
		Locks: []SimLock{}, Clients: []string{}, Fault: s.fault.Mode, Writes: newest,
	}
	if s.fault.Delay > 0 {
		st.Delay = s.fault.Delay.String()
	}
	for i, source := range s.hub.routing {
		st.Routing = append(st.Routing, Crosspoint{i + 1, source + 1})
	}
	for i, owner := range s.hub.owners {
		if owner != "" {
			st.Locks = append(st.Locks, SimLock{i + 1, owner})
		}
	}
	for c := range s.clients {
		st.Clients = append(st.Clients, c.name)
	}
	slices.Sort(st.Clients)
	return st
}

// decode reads a small JSON body; an empty one is an empty object.
func decode(r *http.Request, into any) error {
	d := json.NewDecoder(io.LimitReader(r.Body, maxSimBody))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("body: %w: %w", err, domain.ErrInvalid)
	}
	return nil
}

func reply(w http.ResponseWriter, body any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		status := http.StatusInternalServerError
		if errors.Is(err, domain.ErrInvalid) {
			status = http.StatusBadRequest
		}
		w.WriteHeader(status)
		body = struct {
			Error string `json:"error"`
		}{err.Error()}
	}
	_ = json.NewEncoder(w).Encode(body)
}
