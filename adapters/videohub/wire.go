package videohub

import (
	"strconv"
	"strings"
)

// DefaultPort is where a Videohub listens.
const DefaultPort = "9990"

// The headers and answers that this package knows. A block is its header, its
// lines, and a blank line.
const (
	headPreamble    = "PROTOCOL PREAMBLE:"
	headDevice      = "VIDEOHUB DEVICE:"
	headInputLabel  = "INPUT LABELS:"
	headOutputLabel = "OUTPUT LABELS:"
	headLocks       = "VIDEO OUTPUT LOCKS:"
	headRouting     = "VIDEO OUTPUT ROUTING:"
	headConfig      = "CONFIGURATION:"
	headPing        = "PING:"
	headEnd         = "END PRELUDE:"
	answerAck       = "ACK"
	answerNak       = "NAK"
)

// pingRequest is the whole request.
const pingRequest = headPing + "\n\n"

// Questions are the requests that change nothing: all that a standby sends.
func Questions() []string {
	questions := []string{pingRequest}
	for _, header := range []string{headInputLabel, headOutputLabel, headLocks, headRouting} {
		questions = append(questions, header+"\n\n")
	}
	return questions
}

// Limits on what a peer can make this side hold.
const (
	maxPorts      = 288       // of the largest router that there is
	maxLine       = 64 << 10  // bytes of one line
	maxBlock      = 512 << 10 // bytes of one block
	maxBlockLines = 4096
)

// block is a header with its lines. An answer is a block without lines.
type block struct {
	header string
	lines  []string
	raw    []byte // as received, if the assembler keeps it
}

// item splits "<port> <rest>". The port counts from 0, as on the wire; the rest
// is verbatim and may be empty.
func item(line string) (port int, rest string, ok bool) {
	head, rest, _ := strings.Cut(line, " ")
	port, ok = wirePort(head)
	return port, rest, ok
}

// wirePort reads a port number as the wire has it.
func wirePort(s string) (int, bool) {
	if s == "" || len(s) > 4 {
		return 0, false
	}
	n := 0
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, n < maxPorts
}

// field splits "Key: value".
func field(line string) (key, value string, ok bool) {
	key, value, ok = strings.Cut(line, ":")
	return key, strings.TrimSpace(value), ok
}

// count reads the number that a value begins with: some servers forget the end
// of the line ("41Video processing units: 0").
func count(value string) int {
	n := 0
	for _, c := range []byte(value) {
		if c < '0' || c > '9' || n > maxPorts {
			break
		}
		n = n*10 + int(c-'0')
	}
	return min(n, maxPorts)
}

// appendItem writes "<port> <rest>\n".
func appendItem(b []byte, port int, rest string) []byte {
	b = strconv.AppendInt(b, int64(port), 10)
	b = append(b, ' ')
	b = append(b, rest...)
	return append(b, '\n')
}

// appendHeader writes the line that begins a block.
func appendHeader(b []byte, header string) []byte {
	b = append(b, header...)
	return append(b, '\n')
}
