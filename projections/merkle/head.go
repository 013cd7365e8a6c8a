package merkle

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/understudy-io/understudy/domain"
)

// Head names the roots of all partitions of a landscape at some moment.
type Head struct {
	Landscape string
	Time      time.Time // the server's clock, for people
	Epoch     uint64
	Roots     []Root
	Keys      []string // verifier keys that hold from here on; the first one signs
}

// Root is that of one partition.
type Root struct {
	Topic     domain.TopicKind
	Partition int32
	Size      int64 // records
	Next      int64 // the offset behind the last one
	Hash      tlog.Hash
}

// RootOf is the root of a tree as it is.
func RootOf(topic domain.TopicKind, partition int32, t *Tree) Root {
	return Root{topic, partition, t.Size, t.Next, t.Root()}
}

// Name is the name under which a landscape's keys sign.
func Name(landscape string) string { return "understudy." + landscape }

// maxHead bounds what is read as a head.
const maxHead = 512 << 10

// Text is the text that is signed.
func (h *Head) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\ntree %s epoch %d\n", Name(h.Landscape), h.Time.UTC().Format(time.RFC3339Nano), h.Epoch)
	for _, r := range h.Roots {
		fmt.Fprintf(&b, "root %s %d %d %d %s\n", r.Topic, r.Partition, r.Size, r.Next, base64.StdEncoding.EncodeToString(r.Hash[:]))
	}
	for _, k := range h.Keys {
		fmt.Fprintf(&b, "key %s\n", k)
	}
	return b.String()
}

// ParseHead reads what Text writes.
func ParseHead(text string) (Head, error) {
	var h Head
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	name, ok := strings.CutPrefix(lines[0], "understudy.")
	if len(text) > maxHead || !ok || name == "" || len(lines) < 2 {
		return h, fmt.Errorf("this is no signed checkpoint of a landscape: %w", domain.ErrInvalid)
	}
	h.Landscape = name
	var at string
	if n, err := fmt.Sscanf(lines[1], "tree %s epoch %d", &at, &h.Epoch); err != nil || n != 2 {
		return h, badLine(lines[1])
	}
	var err error
	if h.Time, err = time.Parse(time.RFC3339Nano, at); err != nil {
		return h, badLine(lines[1])
	}
	for _, line := range lines[2:] {
		switch kind, rest, _ := strings.Cut(line, " "); kind {
		case "root":
			r, err := parseRoot(rest)
			if err != nil || slices.ContainsFunc(h.Roots, func(x Root) bool { return x.Topic == r.Topic && x.Partition == r.Partition }) {
				return h, badLine(line)
			}
			h.Roots = append(h.Roots, r)
		case "key":
			h.Keys = append(h.Keys, rest)
		default: // a later version may say more
		}
	}
	return h, nil
}

func badLine(line string) error {
	return fmt.Errorf("a line of the checkpoint cannot be read, %q: %w", line, domain.ErrInvalid)
}

func parseRoot(text string) (r Root, err error) {
	f := strings.Fields(text)
	if len(f) != 5 {
		return r, badLine(text)
	}
	switch f[0] {
	case domain.TopicLog.String():
		r.Topic = domain.TopicLog
	case domain.TopicElections.String():
		r.Topic = domain.TopicElections
	default:
		return r, badLine(text)
	}
	p, err1 := strconv.ParseInt(f[1], 10, 32)
	size, err2 := strconv.ParseInt(f[2], 10, 64)
	next, err3 := strconv.ParseInt(f[3], 10, 64)
	hash, err4 := tlog.ParseHash(f[4])
	if err1 != nil || err2 != nil || err3 != nil || err4 != nil || p < 0 || size < 0 || next < size {
		return r, badLine(text)
	}
	r.Partition, r.Size, r.Next, r.Hash = int32(p), size, next, hash
	return r, nil
}

// Find gives the root of a partition.
func (h *Head) Find(topic domain.TopicKind, partition int32) (Root, bool) {
	i := slices.IndexFunc(h.Roots, func(r Root) bool { return r.Topic == topic && r.Partition == partition })
	if i < 0 {
		return Root{}, false
	}
	return h.Roots[i], true
}

// Sign signs a head with all keys, and names them in it.
func (k *Keys) Sign(h Head) ([]byte, error) {
	h.Keys = k.Verifiers()
	signed, err := note.Sign(&note.Note{Text: h.Text()}, k.signers...)
	if err != nil {
		return nil, fmt.Errorf("sign a checkpoint: %w", err)
	}
	return signed, nil
}

// Signature is one under a head.
type Signature struct {
	Name  string
	Key   uint32 // the hash of the key
	Known bool   // it was checked with one of the given keys
}

// Open reads a signed head. It is trusted if one of the verifier keys given has signed it;
// with none, nothing is, and the head is still read. Wrong signatures of known keys are an error.
func Open(signed []byte, keys ...string) (h Head, signatures []Signature, trusted bool, err error) {
	var verifiers []note.Verifier
	for _, k := range keys {
		v, err := NewVerifier(k)
		if err != nil {
			return h, nil, false, err
		}
		verifiers = append(verifiers, v)
	}
	n, err := note.Open(signed, note.VerifierList(verifiers...))
	var unverified *note.UnverifiedNoteError
	switch {
	case err == nil:
		trusted = true
	case asUnverified(err, &unverified):
		n = unverified.Note
	default:
		return h, nil, false, fmt.Errorf("the checkpoint is not one that its keys have signed, it was changed or cut: %w: %w", domain.ErrCorrupt, err)
	}
	for _, s := range n.Sigs {
		signatures = append(signatures, Signature{s.Name, s.Hash, true})
	}
	for _, s := range n.UnverifiedSigs {
		signatures = append(signatures, Signature{s.Name, s.Hash, false})
	}
	h, err = ParseHead(n.Text)
	return h, signatures, trusted, err
}
