package httpdevice

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/understudy-io/understudy/domain"
)

func ask(t *testing.T, h http.Handler, method, target, body string) (status int, answer map[string]any) {
	t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Idempotency-Key", "u-"+body)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	text, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	_ = json.Unmarshal(text, &answer)
	return w.Code, answer
}

func TestTheSimulatorPulsesKeepsParametersAndRemembers(t *testing.T) {
	sim := NewSimulator(SimOptions{Now: func() domain.Mono { return 7 }})
	dev, control := sim.Handler(), sim.Control()
	for range 2 {
		if status, _ := ask(t, dev, "POST", "/pulse", ""); status != 200 {
			t.Error(status)
		}
	}
	steps := []struct {
		method, target, body string
		status               int
	}{
		{"PUT", "/parameters/level", `{"value": 1.50}`, 200},
		{"PUT", "/parameters/new", `{"value": "x"}`, 200},
		{"PUT", "/parameters/level", `{"volume": 1}`, 400},
		{"PUT", "/parameters/level", `{`, 400},
		{"GET", "/parameters/none", "", 404},
		{"DELETE", "/", "", 404},
		{"GET", "/parameters", "", 200},
	}
	for _, s := range steps {
		if status, _ := ask(t, dev, s.method, s.target, s.body); status != s.status {
			t.Errorf("%s %s %s gives %d, want %d", s.method, s.target, s.body, status, s.status)
		}
	}
	if _, a := ask(t, dev, "GET", "/parameters/level", ""); a["value"] != "1.50" {
		t.Errorf("level is %v", a)
	}
	st := sim.State()
	if st.Pulses != 2 || st.Writes != 7 || len(st.Doubled) != 1 || st.Parameters["new"] != "x" {
		t.Errorf("state %+v", st)
	}
	_, a := ask(t, control, "GET", "/sim/writes?since=1&limit=2", "")
	writes := a["writes"].([]any)
	w := writes[1].(map[string]any)
	if len(writes) != 2 || a["next"] != 3.0 || w["seq"] != 3.0 || w["method"] != "PUT" || w["path"] != "/parameters/level" || w["body"] != `{"value": 1.50}` || w["time_ns"] != 7.0 || w["done"] != true {
		t.Errorf("writes %v", a)
	}
}

func TestTheSimulatorForgetsTheOldestAndSaysSo(t *testing.T) {
	sim := NewSimulator(SimOptions{MaxWrites: 3})
	for range 8 {
		ask(t, sim.Handler(), "POST", "/pulse", "")
	}
	writes, lost := sim.Writes(2, 10)
	if lost != 3 || len(writes) != 3 || writes[0].Seq != 6 || writes[2].Seq != 8 {
		t.Errorf("writes %v, lost %d", writes, lost)
	}
	if writes, lost = sim.Writes(8, 10); len(writes) != 0 || lost != 0 {
		t.Errorf("writes %v, lost %d", writes, lost)
	}
}

func TestTheControlOfTheSimulator(t *testing.T) {
	sim := NewSimulator(SimOptions{})
	control := sim.Control()
	if status, a := ask(t, control, "POST", "/sim/faults", `{"mode": "late", "delay": "200ms", "times": 3}`); status != 200 || a["fault"].(map[string]any)["delay"] != "200ms" {
		t.Errorf("%d %v", status, a)
	}
	if status, _ := ask(t, control, "POST", "/sim/set", `{"name": "level", "value": "9"}`); status != 200 || sim.State().Parameters["level"] != "9" {
		t.Errorf("%d %+v", status, sim.State())
	}
	for _, bad := range []string{`{"mode": "explode"}`, `{"mode": "late", "delay": "soon"}`, `{"mode": "status", "status": 200}`, `{"mode": "late", "times": -1}`, `x`} {
		if status, _ := ask(t, control, "POST", "/sim/faults", bad); status < 400 {
			t.Errorf("%s gives %d", bad, status)
		}
	}
	for _, bad := range []string{"since=-1", "since=x", "limit=0", "limit=100000"} {
		if status, _ := ask(t, control, "GET", "/sim/writes?"+bad, ""); status != 400 {
			t.Errorf("%s gives %d", bad, status)
		}
	}
	if status, _ := ask(t, control, "POST", "/sim/clear", ""); status != 200 {
		t.Error(status)
	}
	if st := sim.State(); st.Fault.Mode != FaultNone || st.Parameters["level"] != "0" || st.Writes != 0 {
		t.Errorf("after clear: %+v", st)
	}
}
