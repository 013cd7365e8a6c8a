package videohub

import (
	"fmt"
	"strconv"
)

// hub is the state of a simulated router. Ports count from 0, as on the wire.
type hub struct {
	model, name, uniqueID string
	inputs, outputs       []string // labels
	routing               []int    // source of each output
	owners                []string // address of the lock's owner of each output; "" is unlocked
}

func newHub(o *SimOptions) *hub {
	h := &hub{
		model: o.Model, name: o.Name, uniqueID: o.UniqueID,
		inputs: make([]string, o.Inputs), outputs: make([]string, o.Outputs),
		routing: make([]int, o.Outputs), owners: make([]string, o.Outputs),
	}
	for i := range h.inputs {
		h.inputs[i] = "Input " + strconv.Itoa(i+1)
	}
	for i := range h.outputs {
		h.outputs[i] = "Output " + strconv.Itoa(i+1)
		h.routing[i] = i % o.Inputs
	}
	return h
}

func (h *hub) preamble(version string) []byte {
	return []byte(headPreamble + "\nVersion: " + version + "\n\n")
}

func absenceBlock(value string) []byte {
	return []byte(headDevice + "\nDevice present: " + value + "\n\n")
}

func (h *hub) device() []byte {
	return fmt.Appendf(nil, "%s\nDevice present: true\nModel name: %s\nFriendly name: %s\nUnique ID: %s\n"+
		"Video inputs: %d\nVideo processing units: 0\nVideo outputs: %d\nVideo monitoring outputs: 0\nSerial ports: 0\n\n",
		headDevice, h.model, h.name, h.uniqueID, len(h.inputs), len(h.outputs))
}

// prelude is every block but the preamble, as the client at host sees it.
func (h *hub) prelude(host string, end bool) []byte {
	b := h.device()
	for _, header := range []string{headInputLabel, headOutputLabel, headLocks, headRouting, headConfig} {
		b = append(b, h.section(header, host, nil)...)
	}
	if end {
		b = append(b, headEnd+"\n\n"...)
	}
	return b
}

// section is one block, whole or of some ports only.
func (h *hub) section(header, host string, ports []int) []byte {
	size, text := 0, func(int) string { return "" }
	switch header {
	case headInputLabel:
		size, text = len(h.inputs), func(i int) string { return h.inputs[i] }
	case headOutputLabel:
		size, text = len(h.outputs), func(i int) string { return h.outputs[i] }
	case headLocks:
		size, text = len(h.outputs), func(i int) string { return h.lock(i, host) }
	case headRouting:
		size, text = len(h.outputs), func(i int) string { return strconv.Itoa(h.routing[i]) }
	case headConfig:
		return []byte(headConfig + "\nTake Mode: false\n\n")
	}
	b := appendHeader(nil, header)
	if ports == nil {
		for i := range size {
			b = appendItem(b, i, text(i))
		}
	}
	for _, i := range ports {
		b = appendItem(b, i, text(i))
	}
	return append(b, '\n')
}

// lock is a lock as the client at host sees it.
func (h *hub) lock(output int, host string) string {
	switch h.owners[output] {
	case "":
		return "U"
	case host:
		return "O"
	}
	return "L"
}

// allows says that nobody else holds the output's lock.
func (h *hub) allows(output int, host string) bool {
	return h.owners[output] == "" || h.owners[output] == host
}
