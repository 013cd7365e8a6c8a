package httpdevice

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Handler is the device as its clients see it.
func (s *Simulator) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /parameters", s.reading(func(*http.Request) (any, int) { return s.State().Parameters, http.StatusOK }))
	mux.HandleFunc("GET /parameters/{name}", s.reading(s.getParameter))
	mux.HandleFunc("GET /pulses", s.reading(func(*http.Request) (any, int) { return map[string]uint64{"pulses": s.State().Pulses}, http.StatusOK }))
	mux.HandleFunc("POST /pulse", s.changing(func(r *http.Request, _ string) int {
		s.pulses++
		if uid := r.Header.Get("Idempotency-Key"); uid != "" && len(s.byUID) < s.options.MaxWrites {
			s.byUID[uid]++
		}
		return http.StatusOK
	}))
	mux.HandleFunc("PUT /parameters/{name}", s.changing(s.putParameter))
	// Whatever else a client asks for changes nothing, and is remembered too.
	mux.HandleFunc("/", s.changing(func(*http.Request, string) int { return http.StatusNotFound }))
	return mux
}

func (s *Simulator) getParameter(r *http.Request) (any, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := r.PathValue("name")
	value, ok := s.parameters[name]
	if !ok {
		return problem("no parameter " + strconv.Quote(name)), http.StatusNotFound
	}
	return map[string]string{"name": name, "value": value}, http.StatusOK
}

// putParameter is called with the lock held.
func (s *Simulator) putParameter(r *http.Request, body string) int {
	doc, err := decodeJSON([]byte(body))
	if err != nil {
		return http.StatusBadRequest
	}
	v, err := pointer{"value"}.find(doc)
	if err != nil {
		return http.StatusBadRequest
	}
	text, err := valueText(v)
	if err != nil {
		return http.StatusBadRequest
	}
	name := r.PathValue("name")
	if _, ok := s.parameters[name]; !ok && len(s.parameters) >= maxSimParameters {
		return http.StatusInsufficientStorage
	}
	s.parameters[name] = text
	return http.StatusOK
}

// reading serves a request that changes nothing.
func (s *Simulator) reading(serve func(*http.Request) (any, int)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.RemoteAddr)
		if err != nil {
			host = r.RemoteAddr
		}
		s.mu.Lock()
		if _, known := s.reads[host]; known || len(s.reads) < maxSimClients {
			s.reads[host]++
		}
		f := s.meet(true)
		s.mu.Unlock()
		body, status := serve(r)
		s.answer(w, r, f, status, body)
	}
}

// changing serves a request that changes something, and remembers it. What it
// does and that it is remembered happen at one moment.
func (s *Simulator) changing(do func(r *http.Request, body string) int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxSimBody))
		if err != nil {
			return // not received as a whole: as if it had never come
		}
		s.mu.Lock()
		f := s.meet(false)
		status, done := http.StatusOK, false
		if f.Mode != FaultAckOnly && f.Mode != FaultStatus && f.Mode != FaultCloseFirst {
			status = do(r, string(raw))
			done = status == http.StatusOK
		}
		s.record(Write{
			Client: r.RemoteAddr, Method: r.Method, Path: r.RequestURI, Body: string(raw),
			UID: r.Header.Get("Idempotency-Key"), Fault: f.Mode, Done: done,
		})
		s.mu.Unlock()
		s.answer(w, r, f, status, map[string]int{"status": status})
	}
}

// answer answers, in the way of the fault.
func (s *Simulator) answer(w http.ResponseWriter, r *http.Request, f Fault, status int, body any) {
	switch f.Mode {
	case FaultLate:
		s.wait(r, f.Delay)
	case FaultSilent, FaultHalfOpen:
		s.wait(r, 0)
		panic(http.ErrAbortHandler)
	case FaultClose, FaultCloseFirst, FaultRefuse:
		panic(http.ErrAbortHandler)
	case FaultStatus:
		if status, body = f.Status, problem("out of order"); status == 0 {
			status = http.StatusServiceUnavailable
		}
	case FaultGarbage:
		hijack(w, func(c net.Conn) error { _, err := io.WriteString(c, "\x16\x03\x01 what?\r\n\r\n"); return err })
		return
	case FaultCut:
		hijack(w, func(c net.Conn) error {
			_, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
			return err
		})
		return
	case FaultEndless:
		hijack(w, func(c net.Conn) error { return endless(c) })
		return
	case FaultDropIdle:
		writeJSON(w, status, body)
		_ = http.NewResponseController(w).Flush()
		hijack(w, func(net.Conn) error { return nil })
		return
	}
	writeJSON(w, status, body)
}

// wait until the client has gone, the fault has changed, or the time is over;
// zero means for ever.
func (s *Simulator) wait(r *http.Request, d time.Duration) {
	s.mu.Lock()
	changed := s.faulted
	s.mu.Unlock()
	var over <-chan time.Time
	if d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		over = t.C
	}
	select {
	case <-r.Context().Done():
	case <-changed:
	case <-over:
	}
}

func endless(c net.Conn) error {
	_, err := io.WriteString(c, "HTTP/1.1 200 OK\r\n")
	line := "X-More: " + strings.Repeat("x", 1000) + "\r\n"
	for n := 0; err == nil && n < 1<<20; n += len(line) {
		_, err = io.WriteString(c, line)
	}
	return err
}

// hijack takes the connection from the server, writes to it and closes it.
func hijack(w http.ResponseWriter, write func(net.Conn) error) {
	c, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	err = errors.Join(write(c), c.Close())
	_ = err // the client may have gone first, which is its good right
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client may have gone
}

func problem(text string) map[string]string { return map[string]string{"error": text} }
